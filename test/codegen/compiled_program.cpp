// Implements CompiledProgram: the whole compiler behind the recorder, in process.
#include "compiled_program.h"

#include "kiln/ir/Interpreter.h"
#include "kiln/ir/Ops.h"
#include "kiln/ir/Registration.h"
#include "kiln/ir/Types.h"
#include "kiln/passes/Interfaces.h"
#include "kiln/passes/Pipelines.h"
#include "kiln/runtime/half.h"
#include "kiln/schedule/Passes.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <limits>

namespace kiln::test {

using runtime::DType;
using runtime::Tensor;

CompiledProgram::CompiledProgram(const std::string &text, Optimize optimize, bool embedWeights,
                                 const codegen::ArtifactOptions &givenOptions, const std::string &compiledBefore) {
  codegen::ArtifactOptions options = givenOptions;
  options.embedWeights = embedWeights;
  mlir::DialectRegistry registry;
  ir::registerDialects(registry);
  passes::registerInterfaceModels(registry);
  registry.insert<schedule::ScheduleDialect>();
  context.appendDialectRegistry(registry);
  context.loadAllAvailableDialects();
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    error += diagnostic.str() + "\n";
    return mlir::success();
  });
  original = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  bool scheduled = original && schedule(optimize, options.cuda.empty());
  known = scheduled && !compiledBefore.empty() && scheduleText() == compiledBefore;
  if (!scheduled || (!known && !compile(options)))
    error += "the program does not compile";
  else
    error.clear(); // remarks and warnings
}

CompiledProgram::~CompiledProgram() {
  std::error_code ignored;
  if (!folder.empty())
    std::filesystem::remove_all(folder, ignored);
}

bool CompiledProgram::schedule(Optimize optimize, bool shareKernels) {
  lowered = original->clone();
  mlir::PassManager manager(&context);
  if (optimize == Optimize::Yes)
    passes::buildOptimizationPipeline(manager, passes::OptimizationOptions());
  schedule::buildSchedulePipeline(manager, {.shareKernels = shareKernels});
  return succeeded(manager.run(*lowered));
}

std::string CompiledProgram::scheduleText() {
  std::string text;
  llvm::raw_string_ostream stream(text);
  lowered->print(stream);
  return text;
}

bool CompiledProgram::compile(const codegen::ArtifactOptions &options) {
  std::optional<codegen::Artifact> artifact = codegen::Artifact::compile(*lowered, options);
  if (!artifact)
    return false;
  std::string pattern = std::filesystem::temp_directory_path() / "kiln-codegen-XXXXXX";
  folder = mkdtemp(pattern.data());
  if (llvm::Error failure = artifact->writeSharedLibrary(path())) {
    error += llvm::toString(std::move(failure));
    return false;
  }
  return true;
}

void CompiledProgram::randomizeStates() {
  uint32_t seed = 1000;
  for (auto state : original->getOps<ir::StateOp>()) {
    semantics::TensorType type = ir::toSemanticType(state.getTensorType());
    std::vector<int64_t> sizes = state.getTensorType().getShape().vec();
    Tensor value = randomTensor(sizes, type.dtype, seed++);
    // Variances are not negative.
    if (type.dtype == DType::Float32 && state.getPath().ends_with("var"))
      for (int64_t i = 0; i < value.numel(); ++i)
        value.data<float>()[i] = std::abs(value.data<float>()[i]) + 0.5f;
    states[state.getPath().str()] = value;
  }
}

std::vector<Tensor> CompiledProgram::interpret(const std::string &function, const std::vector<Tensor> &inputs, bool inDouble) {
  ir::StateStore store(*original);
  for (auto &[path, value] : states)
    store.set(path, value);
  ir::InterpreterOptions options;
  options.computeInDouble = inDouble;
  return ir::interpret(original->lookupSymbol<mlir::func::FuncOp>(function), inputs, store, options);
}

runtime::Model CompiledProgram::model(const std::string &instructionSet, int threads) {
  setenv("KILN_ISA", instructionSet.c_str(), 1);
  runtime::ModelOptions options;
  options.threads = threads;
  runtime::Model model(runtime::Program::load(path()), options);
  unsetenv("KILN_ISA");
  model.update_state([&] {
    for (size_t i = 0; i < model.program().states().size(); ++i)
      if (auto value = states.find(std::string(model.program().states()[i].path)); value != states.end())
        model.state(i).copy_(value->second);
  });
  return model;
}

Tensor randomTensor(std::vector<int64_t> sizes, DType dtype, uint32_t seed, int64_t limit) {
  Tensor tensor(std::move(sizes), dtype);
  std::mt19937 generator(seed);
  for (int64_t i = 0; i < tensor.numel(); ++i) {
    double uniform = generator() * 0x1p-32;
    switch (dtype) {
    case DType::Float32:
      tensor.data<float>()[i] = static_cast<float>(uniform * 4 - 2);
      break;
    case DType::Float64:
      tensor.data<double>()[i] = uniform * 4 - 2;
      break;
    case DType::Int64:
      tensor.data<int64_t>()[i] = static_cast<int64_t>(uniform * limit);
      break;
    case DType::Int32:
      tensor.data<int32_t>()[i] = static_cast<int32_t>(uniform * limit);
      break;
    case DType::Int16:
      tensor.data<int16_t>()[i] = static_cast<int16_t>(uniform * limit);
      break;
    case DType::Int8:
      tensor.data<int8_t>()[i] = static_cast<int8_t>(uniform * limit);
      break;
    case DType::UInt8:
      tensor.data<uint8_t>()[i] = static_cast<uint8_t>(uniform * limit);
      break;
    case DType::Bool:
      tensor.data<bool>()[i] = uniform < 0.5;
      break;
    case DType::Float16:
      static_cast<uint16_t *>(tensor.data())[i] = runtime::half_from_float(static_cast<float>(uniform * 4 - 2));
      break;
    case DType::BFloat16:
      static_cast<uint16_t *>(tensor.data())[i] = runtime::bfloat16_from_float(static_cast<float>(uniform * 4 - 2));
      break;
    }
  }
  return tensor;
}

double largestDifference(const Tensor &actual, const Tensor &expected) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (!std::equal(actual.sizes().begin(), actual.sizes().end(), expected.sizes().begin(), expected.sizes().end()))
    return kInfinity;
  Tensor a = actual.to(DType::Float64).contiguous(), e = expected.to(DType::Float64).contiguous();
  double scale = 1, difference = 0;
  for (int64_t i = 0; i < e.numel(); ++i)
    if (double value = std::abs(e.data<double>()[i]); std::isfinite(value))
      scale = std::max(scale, value);
  for (int64_t i = 0; i < e.numel(); ++i) {
    double x = a.data<double>()[i], y = e.data<double>()[i];
    if (std::isnan(x) && std::isnan(y))
      continue;
    if (x == y)
      continue;
    double d = std::abs(x - y);
    difference = std::max(difference, std::isfinite(d) ? d : kInfinity);
  }
  return difference / scale;
}

bool sameBits(const Tensor &a, const Tensor &b) {
  return a.nbytes() == b.nbytes() && (a.nbytes() == 0 || std::memcmp(a.data(), b.data(), a.nbytes()) == 0);
}

std::vector<std::string> runnableInstructionSets() {
  std::vector<std::string> sets;
  for (uint8_t set = 0; set <= static_cast<uint8_t>(runtime::cpu_instruction_set()); ++set)
    sets.emplace_back(runtime::name(static_cast<runtime::InstructionSet>(set)));
  return sets;
}

} // namespace kiln::test
