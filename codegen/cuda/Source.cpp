//===- Source.cpp - a scheduled program as CUDA C++ -----------------------===//
//
// Decides which functions run on CUDA, and writes the kernels that they launch, each once.
//
//===----------------------------------------------------------------------===//

#include "KernelText.h"

#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace kiln::codegen {

using schedule::FuncOp;
using schedule::KernelOp;
using schedule::LaunchOp;

static constexpr StringLiteral kPrologue = R"(// The kernels of program '{name}' for CUDA, written by Kiln.
#include "device.h"
#include "product.h"
#include "reduction.h"
#include "softmax.h"

using namespace kiln::device;

static_assert(kProductThreads == 256 && Tile::kSide == 64, "what launches count on");
static_assert(kColumnsOfFewRows<Matrix<f32>> == 8 && kColumnsOfFewRows<Transposed<f32>> == 32);
static_assert(kReductionThreads == 256 && kReductionWarps == 8 && kSoftmaxThreads == 256);

)";

namespace {
/// Why a function has no CUDA code, and where that lies.
struct Obstacle {
  Operation *place;
  std::string reason;
};
} // namespace

/// Whether the place is the model's state, behind any views.
static bool isState(Value buffer) {
  while (auto view = buffer.getDefiningOp<schedule::ViewOp>())
    buffer = view.getSource();
  return buffer.getDefiningOp<schedule::StateOp>() != nullptr;
}

/// Writes the kernels of a function that are not written yet. Where one can't be, those before it stay without a use.
static std::optional<Obstacle> writeFunction(FuncOp function, CudaProgram &program, llvm::StringMap<std::string> &refused) {
  for (LaunchOp launch : function.getBodyBlock().getOps<LaunchOp>()) {
    StringRef name = launch.getKernel();
    // The processor's copy of state is the one that counts; a device has copies to read from.
    if (llvm::any_of(launch.getWrites(), isState))
      return Obstacle{launch, "it changes the model's state"};
    if (program.forms.contains(name))
      continue;
    if (auto known = refused.find(name); known != refused.end())
      return Obstacle{launch, known->second};
    auto kernel = SymbolTable::lookupNearestSymbolFrom<KernelOp>(launch, launch.getKernelAttr());
    if (llvm::Error error = writeKernel(kernel, program)) {
      refused[name] = llvm::toString(std::move(error));
      return Obstacle{launch, refused[name]};
    }
  }
  return std::nullopt;
}

FailureOr<CudaProgram> generateCuda(ModuleOp scheduled) {
  CudaProgram program;
  std::string name = "program";
  if (auto attribute = scheduled->getAttrOfType<StringAttr>("nn.program"))
    name = attribute.str();
  program.source = kPrologue.str();
  program.source.replace(program.source.find("{name}"), StringRef("{name}").size(), name);

  llvm::StringMap<std::string> refused;
  std::vector<std::pair<FuncOp, Obstacle>> obstacles;
  llvm::SetVector<Attribute> constants;
  for (FuncOp function : scheduled.getOps<FuncOp>()) {
    if (function.isPrepare())
      continue;
    CudaProgram before = program;
    if (std::optional<Obstacle> obstacle = writeFunction(function, program, refused)) {
      obstacles.emplace_back(function, *obstacle);
      program = std::move(before);
      continue;
    }
    program.functions.insert(function.getSymName());
    for (auto constant : function.getBodyBlock().getOps<schedule::ConstantOp>())
      constants.insert(constant.getValueAttr());
  }
  for (Attribute constant : constants)
    program.constants.push_back(cast<ElementsAttr>(constant));

  if (program.functions.empty()) {
    if (obstacles.empty())
      return scheduled.emitError("the program has no function to compile"), failure();
    for (auto &[function, obstacle] : obstacles)
      obstacle.place->emitError() << "function '" << function.getSymName() << "' can't run on CUDA: " << obstacle.reason;
    return failure();
  }
  for (auto &[function, obstacle] : obstacles)
    obstacle.place->emitWarning() << "function '" << function.getSymName() << "' runs on the processor, not on CUDA: " << obstacle.reason;
  return program;
}

} // namespace kiln::codegen
