//===- KernelFunctions.cpp - a kernel for one instruction set -------------===//
//
// Makes the kernel's function and calls its emitter; makes the function that checks its operands.
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

SmallVector<Type> kernelArguments(KernelOp kernel) {
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

FailureOr<LLVM::LLVMFuncOp> emitKernel(OpBuilder &builder, KernelOp kernel, Location location, const KernelEmitter &emitter,
                                       const InstructionSet &target) {
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

FailureOr<LLVM::LLVMFuncOp> emitCheck(OpBuilder &builder, KernelOp kernel, Location location, const KernelEmitter &emitter) {
  if (!emitter.check)
    return LLVM::LLVMFuncOp();
  const InstructionSet &target = instructionSets().front(); // it reads each operand once, so the oldest will do for all
  SmallVector<Type> types = kernelArguments(kernel);
  types.push_back(LLVM::LLVMPointerType::get(builder.getContext()));
  auto function = createFunction(builder, kernel.getLoc(), (kernel.getSymName() + ".check").str(),
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

FailureOr<const KernelEmitter *> kernelEmitterOf(KernelOp kernel, Location location) {
  StringRef anchor = kernel.getAnchor().value_or("");
  const KernelEmitter *emitter = findKernelEmitter(anchor);
  if (!emitter)
    return emitError(location) << "'" << anchor << "' has no CPU kernel; take it out of compiled functions";
  Block &body = kernel.getBodyBlock();
  if (!emitter->appliesBody && body.getTerminator()->getOperand(0) != body.getArgument(0))
    return emitError(location) << "'" << anchor << "' stores its elements as they are; no operation can follow it in its kernel";
  return emitter;
}

} // namespace kiln::codegen
