//===- KernelFunctions.cpp - a kernel for one instruction set -------------===//
//
// Makes the kernel's function and calls its emitter; makes the task that runs a part of its grid for parallel_for.
//
//===----------------------------------------------------------------------===//

#include "CallBuilder.h"
#include "MathExpansion.h"
#include "NarrowFloats.h"

#include "kiln/schedule/InPlace.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;

namespace kiln::codegen {

using schedule::KernelOp;

LLVM::LLVMFuncOp createFunction(OpBuilder &builder, Location location, StringRef name, Type result, ArrayRef<Type> arguments,
                                const InstructionSet &target) {
  auto type = LLVM::LLVMFunctionType::get(result, arguments);
  auto function = LLVM::LLVMFuncOp::create(builder, location, name, type, LLVM::Linkage::Internal, /*dsoLocal=*/true);
  function.setTargetCpu(target.cpu);
  // Without it LLVM splits 512-bit vectors for this processor.
  function.setPreferVectorWidth(std::to_string(target.vectorBytes * 8));
  function.setNoUnwind(true);
  // A frame of more than a page touches every page in order, so that a stack that ends meets its guard.
  function.setPassthroughAttr(builder.getArrayAttr({builder.getStrArrayAttr({"probe-stack", "inline-asm"})}));
  function.addEntryBlock(builder);
  return function;
}

/// Operands, results, sizes: what every function of a kernel begins with.
static SmallVector<Type> kernelArguments(KernelOp kernel) {
  MLIRContext *context = kernel.getContext();
  SmallVector<Type> types(kernel.getNumOperands() + kernel.getNumResults(), LLVM::LLVMPointerType::get(context));
  types.append(kernel.getSizes().size(), IntegerType::get(context, 64));
  return types;
}

/// Splits the arguments of a kernel's function into what the emitter calls them.
static KernelContext contextOf(KernelBuilder &b, KernelOp kernel, Location location, Block &entry) {
  unsigned anchors = kernel.getNumAnchorOperands(), operands = kernel.getNumOperands();
  ValueRange arguments = entry.getArguments();
  auto part = [&](unsigned begin, unsigned count) { return Values(arguments.slice(begin, count)); };
  Values results = part(operands, kernel.getNumResults());
  unsigned sizes = operands + kernel.getNumResults();
  for (auto [i, name] : llvm::enumerate(kernel.getSizes()))
    b.symbols[cast<StringAttr>(name).getValue().str()] = arguments[sizes + i];
  return {b, kernel, part(0, anchors), part(anchors, operands - anchors), results, Value(), Value(), Value(), Value(), location};
}

static FailureOr<LLVM::LLVMFuncOp> emitKernelFunction(OpBuilder &builder, KernelOp kernel, Location location,
                                                      const KernelEmitter &emitter, const InstructionSet &target) {
  SmallVector<Type> types = kernelArguments(kernel);
  unsigned pointers = kernel.getNumOperands() + kernel.getNumResults();
  types.append(4, builder.getI64Type());
  auto function = createFunction(builder, kernel.getLoc(), (kernel.getSymName() + "." + target.suffix).str(),
                                 LLVM::LLVMVoidType::get(builder.getContext()), types, target);
  // A kernel keeps its own name in profiles, and is compiled once however often it is launched.
  function.setNoInline(true);
  // What a launch may compute in place is not apart.
  llvm::SmallBitVector isShared(pointers);
  for (unsigned result = 0; result < kernel.getNumResults(); ++result)
    for (unsigned operand = 0; operand < kernel.getNumOperands(); ++operand)
      if (schedule::mayShareMemory(kernel, result, operand))
        isShared.set(operand).set(kernel.getNumOperands() + result);
  for (unsigned i = 0; i < pointers; ++i) {
    if (!isShared[i])
      function.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), builder.getUnitAttr());
    function.setArgAttr(i, LLVM::LLVMDialect::getNoUndefAttrName(), builder.getUnitAttr());
    if (i < kernel.getNumOperands())
      function.setArgAttr(i, LLVM::LLVMDialect::getReadonlyAttrName(), builder.getUnitAttr());
  }
  OpBuilder::InsertionGuard guard(builder);
  Block &entry = function.getBody().front();
  builder.setInsertionPointToStart(&entry);
  KernelBuilder b(kernel.getLoc(), builder, target);
  KernelContext context = contextOf(b, kernel, location, entry);
  auto range = entry.getArguments().take_back(4);
  context.begin0 = range[0], context.end0 = range[1], context.begin1 = range[2], context.end1 = range[3];
  if (failed(emitter.emit(context)))
    return failure();
  LLVM::ReturnOp::create(b, ValueRange());
  expandNarrowFloats(function, target);
  if (failed(expandMath(function, target, location)))
    return failure();
  return function;
}

static FailureOr<LLVM::LLVMFuncOp> emitCheckFunction(OpBuilder &builder, KernelOp kernel, Location location,
                                                     const KernelEmitter &emitter, const InstructionSet &target) {
  SmallVector<Type> types = kernelArguments(kernel);
  types.push_back(LLVM::LLVMPointerType::get(builder.getContext()));
  auto function = createFunction(builder, kernel.getLoc(), (kernel.getSymName() + ".check." + target.suffix).str(),
                                 builder.getI32Type(), types, target);
  OpBuilder::InsertionGuard guard(builder);
  Block &entry = function.getBody().front();
  builder.setInsertionPointToStart(&entry);
  KernelBuilder b(kernel.getLoc(), builder, target);
  KernelContext context = contextOf(b, kernel, location, entry);
  FailureOr<Value> code = emitter.check(context, entry.getArguments().back());
  if (failed(code))
    return failure();
  LLVM::ReturnOp::create(b, *code);
  return function;
}

/// void task(ptr slots, i64 index): runs part `index` of the grid. Slots of 8 bytes: the kernel's arguments, then units and parts
/// of axis 0, units and parts of axis 1.
static LLVM::LLVMFuncOp emitTaskFunction(OpBuilder &builder, KernelOp kernel, LLVM::LLVMFuncOp callee,
                                         const InstructionSet &target) {
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  auto function = createFunction(builder, kernel.getLoc(), (kernel.getSymName() + ".task." + target.suffix).str(),
                                 LLVM::LLVMVoidType::get(builder.getContext()), {pointer, builder.getI64Type()}, target);
  OpBuilder::InsertionGuard guard(builder);
  Block &entry = function.getBody().front();
  builder.setInsertionPointToStart(&entry);
  KernelBuilder b(kernel.getLoc(), builder, target);
  Value slots = entry.getArgument(0), index = entry.getArgument(1);

  Values arguments;
  SmallVector<Type> types = kernelArguments(kernel);
  auto slot = [&](int64_t number, Type type) -> Value {
    Value address = b.pointer(slots, b.getI64Type(), b.constant(number));
    return LLVM::LoadOp::create(b, type, address);
  };
  for (auto [i, type] : llvm::enumerate(types))
    arguments.push_back(slot(i, type));
  int64_t next = types.size();
  Value units0 = slot(next, b.getI64Type()), parts0 = slot(next + 1, b.getI64Type());
  Value units1 = slot(next + 2, b.getI64Type()), parts1 = slot(next + 3, b.getI64Type());
  auto addRange = [&](Value units, Value parts, Value part) {
    arguments.push_back(b.div(b.mul(units, part), parts));
    arguments.push_back(b.div(b.mul(units, b.add(part, 1)), parts));
  };
  addRange(units0, parts0, b.div(index, parts1));
  addRange(units1, parts1, b.rem(index, parts1));
  LLVM::CallOp::create(b, callee, arguments);
  LLVM::ReturnOp::create(b, ValueRange());
  return function;
}

FailureOr<KernelFunctions> emitKernel(OpBuilder &builder, KernelOp kernel, Location location, const InstructionSet &target) {
  StringRef anchor = kernel.getAnchor().value_or("");
  KernelFunctions functions;
  functions.emitter = findKernelEmitter(anchor);
  if (!functions.emitter)
    return emitError(location) << "'" << anchor << "' has no CPU kernel; take it out of compiled functions";
  Block &body = kernel.getBodyBlock();
  if (!functions.emitter->appliesBody && body.getTerminator()->getOperand(0) != body.getArgument(0))
    return emitError(location) << "'" << anchor << "' stores its elements as they are; no operation can follow it in its kernel";
  FailureOr<LLVM::LLVMFuncOp> function = emitKernelFunction(builder, kernel, location, *functions.emitter, target);
  if (failed(function))
    return failure();
  functions.kernel = *function;
  if (functions.emitter->check) {
    FailureOr<LLVM::LLVMFuncOp> check = emitCheckFunction(builder, kernel, location, *functions.emitter, target);
    if (failed(check))
      return failure();
    functions.check = *check;
  }
  functions.task = emitTaskFunction(builder, kernel, functions.kernel, target);
  return functions;
}

} // namespace kiln::codegen
