//===- CudaCalls.cpp - functions that queue kernels -----------------------===//
//
// The form of a kernel and the number of its blocks follow from sizes, on the processor. Nothing here waits for the device, so that the
// runtime may record a call once and replay it.
//
//===----------------------------------------------------------------------===//

#include "CudaCalls.h"

#include "CallBuilder.h"
#include "kiln/runtime/abi.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

#include <cstddef>

using namespace mlir;

namespace kiln::codegen {

using schedule::FuncOp;
using schedule::LaunchOp;

/// Kernels loop over their work, so more blocks than keep any device busy gain nothing; and a grid has a limit.
static constexpr int64_t kMaxBlocks = 1 << 20;

namespace {

class CudaRunBuilder {
public:
  CudaRunBuilder(OpBuilder &builder, FuncOp function, const CudaProgram &cuda, const ProgramIndex &index)
      : b(function.getLoc(), builder, instructionSets().front()), function(function), cuda(cuda), index(index),
        pointer(LLVM::LLVMPointerType::get(builder.getContext())), nothing(LLVM::LLVMVoidType::get(builder.getContext())) {}

  LogicalResult emit();

private:
  void emitLaunch(LaunchOp launch);
  void emitForm(const CudaForm &form, Value arguments);
  void emitBeforeLaunch(int64_t number);
  Value loadService(size_t offset);

  KernelBuilder b;
  FuncOp function;
  const CudaProgram &cuda;
  const ProgramIndex &index;
  Type pointer, nothing;
  LLVM::LLVMFuncOp run;
  std::optional<BufferPlaces> places;
  Value executor, launchService, beforeLaunch;
};

Value CudaRunBuilder::loadService(size_t offset) {
  Value services = places->loadField(offsetof(kiln_call, services));
  return LLVM::LoadOp::create(b, pointer, b.pointer(services, b.getI8Type(), b.constant(static_cast<int64_t>(offset))));
}

void CudaRunBuilder::emitBeforeLaunch(int64_t number) {
  Value isMeasured = LLVM::ICmpOp::create(b, LLVM::ICmpPredicate::ne, beforeLaunch, LLVM::ZeroOp::create(b, pointer));
  b.when(isMeasured, [&] {
    auto type = LLVM::LLVMFunctionType::get(nothing, {pointer, b.getI64Type()});
    LLVM::CallOp::create(b, type, ValueRange{beforeLaunch, executor, b.constant(number)});
  });
}

/// The builder's symbols are the kernel's sizes here.
void CudaRunBuilder::emitForm(const CudaForm &form, Value arguments) {
  auto type = LLVM::LLVMFunctionType::get(nothing, {pointer, b.getI32Type(), b.getI64Type(), pointer});
  Value blocks = b.minimum(b.size(form.blocks), b.constant(kMaxBlocks));
  b.when(b.lessThan(b.constant(0), blocks), [&] {
    Value kernel = b.integerConstant(b.getI32Type(), form.kernel);
    LLVM::CallOp::create(b, type, ValueRange{launchService, executor, kernel, blocks, arguments});
  });
}

void CudaRunBuilder::emitLaunch(LaunchOp launch) {
  Values slots;
  for (ValueRange buffers : {launch.getReads(), launch.getWrites()})
    for (Value buffer : buffers)
      slots.push_back((*places)[buffer]);
  auto sizeOf = [&](Attribute dim) { return b.size(cast<ir::DimAttr>(dim).getExpression()); };
  for (Attribute dim : launch.getSizes())
    slots.push_back(sizeOf(dim));
  Value units = sizeOf(launch.getGrid()[0]);
  for (Attribute dim : launch.getGrid().getValue().drop_front())
    units = b.minimum(units, sizeOf(dim));
  Value memory;
  { // in the entry block: a constant part of the frame
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&run.getBody().front());
    memory = LLVM::AllocaOp::create(b, pointer, b.getI64Type(), b.constant(slots.size()), 8);
  }

  auto kernel = SymbolTable::lookupNearestSymbolFrom<schedule::KernelOp>(launch, launch.getKernelAttr());
  const std::vector<CudaForm> &forms = cuda.forms.find(launch.getKernel())->second;
  // A launch without work is none; what the grid counts may be there and have no elements.
  b.when(b.lessThan(b.constant(0), units), [&] {
    for (auto [i, slot] : llvm::enumerate(slots))
      LLVM::StoreOp::create(b, slot, b.pointer(memory, b.getI64Type(), b.constant(i)));
    std::map<std::string, Value> symbols; // of the kernel
    for (auto [name, value] : llvm::zip_equal(kernel.getSizes().getAsValueRange<StringAttr>(),
                                              ArrayRef(slots).take_back(kernel.getSizes().size())))
      symbols[name.str()] = value;
    std::swap(b.symbols, symbols);
    std::function<void(size_t)> emitFrom = [&](size_t i) {
      if (forms[i].mostRows < 0)
        return emitForm(forms[i], memory);
      Value isFew = b.lessThan(b.size(forms[i].rows), b.constant(forms[i].mostRows + 1));
      b.when(isFew, [&] { emitForm(forms[i], memory); }, [&] { emitFrom(i + 1); });
    };
    emitFrom(0);
    std::swap(b.symbols, symbols);
  });
}

LogicalResult CudaRunBuilder::emit() {
  run = createFunction(b, function.getLoc(), (function.getSymName() + ".run.cuda").str(), b.getI32Type(), {pointer}, b.target);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&run.getBody().front());
  places.emplace(b, function, run.getArgument(0), index, [this](schedule::ConstantOp constant) {
    Value constants = places->loadField(offsetof(kiln_call, constants));
    auto place = llvm::find(cuda.constants, constant.getValue());
    return places->elementOf(constants, place - cuda.constants.begin());
  });
  executor = places->loadField(offsetof(kiln_call, executor));
  launchService = loadService(offsetof(kiln_services, launch));
  beforeLaunch = loadService(offsetof(kiln_services, before_launch));

  int64_t launches = 0;
  for (Operation &op : function.getBodyBlock().without_terminator()) {
    if (auto launch = dyn_cast<LaunchOp>(op)) {
      emitBeforeLaunch(launches++);
      emitLaunch(launch);
    } else if (failed(places->add(op))) {
      return failure();
    }
  }
  emitBeforeLaunch(launches);
  LLVM::ReturnOp::create(b, b.integerConstant(b.getI32Type(), KILN_OK));
  return success();
}

} // namespace

LogicalResult emitCudaRun(OpBuilder &builder, FuncOp function, const CudaProgram &cuda, const ProgramIndex &index) {
  return CudaRunBuilder(builder, function, cuda, index).emit();
}

} // namespace kiln::codegen
