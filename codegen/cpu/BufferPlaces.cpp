//===- BufferPlaces.cpp - where the buffers of a function lie -------------===//
//
// The layout of kiln_call is that of abi.h, which this file includes: offsets come from the compiler.
//
//===----------------------------------------------------------------------===//

#include "BufferPlaces.h"

#include "kiln/runtime/abi.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

#include <cstddef>

using namespace mlir;

namespace kiln::codegen {

ProgramIndex::ProgramIndex(ModuleOp module) {
  for (auto state : module.getOps<ir::StateOp>())
    states.try_emplace(state.getSymName(), states.size());
  for (auto slot : module.getOps<ir::PreparedOp>())
    prepared.try_emplace(slot.getSymName(), prepared.size());
}

void bindSymbols(KernelBuilder &b, schedule::FuncOp function, Value array) {
  for (auto [i, name] : llvm::enumerate(function.getSymbols()))
    b.symbols[cast<StringAttr>(name).getValue().str()] = b.load(array, b.getI64Type(), b.constant(i));
}

BufferPlaces::BufferPlaces(KernelBuilder &b, schedule::FuncOp function, Value call, const ProgramIndex &index,
                           std::function<Value(schedule::ConstantOp)> constantAddress)
    : b(b), call(call), index(index), constantAddress(std::move(constantAddress)),
      pointer(LLVM::LLVMPointerType::get(b.getContext())) {
  bindSymbols(b, function, loadField(offsetof(kiln_call, symbols)));
  inputs = loadField(offsetof(kiln_call, inputs));
  outputs = loadField(offsetof(kiln_call, outputs));
  states = loadField(offsetof(kiln_call, state));
  prepared = loadField(offsetof(kiln_call, prepared));
  arena = loadField(offsetof(kiln_call, arena));
  if (function.isPrepare())
    for (Attribute target : function.getTargetsAttr())
      targets.try_emplace(cast<FlatSymbolRefAttr>(target).getValue(), targets.size());
}

Value BufferPlaces::addressOfField(size_t offset) {
  return b.pointer(call, b.getI8Type(), b.constant(static_cast<int64_t>(offset)));
}

Value BufferPlaces::loadField(size_t offset) { return LLVM::LoadOp::create(b, pointer, addressOfField(offset)); }

Value BufferPlaces::elementOf(Value array, int64_t number) {
  Value address = b.pointer(array, b.getI64Type(), b.constant(number));
  return LLVM::LoadOp::create(b, pointer, address);
}

LogicalResult BufferPlaces::add(Operation &op) {
  FailureOr<Value> address = addressOf(op);
  if (failed(address))
    return failure();
  addresses[op.getResult(0)] = *address;
  return success();
}

FailureOr<Value> BufferPlaces::addressOf(Operation &op) {
  if (auto input = dyn_cast<schedule::InputOp>(op))
    return elementOf(inputs, input.getIndex());
  if (auto output = dyn_cast<schedule::OutputOp>(op))
    return elementOf(outputs, output.getIndex());
  if (auto state = dyn_cast<schedule::StateOp>(op))
    return elementOf(states, index.states.lookup(state.getState()));
  if (auto slot = dyn_cast<schedule::PreparedOp>(op)) {
    if (auto target = targets.find(slot.getSlot()); target != targets.end())
      return elementOf(outputs, target->second);
    return elementOf(prepared, index.prepared.lookup(slot.getSlot()));
  }
  if (auto constant = dyn_cast<schedule::ConstantOp>(op))
    return constantAddress(constant);
  if (auto temporary = dyn_cast<schedule::ArenaOp>(op)) {
    if (!temporary.getOffset())
      return op.emitOpError() << "has no place; run schedule-plan-memory first";
    return b.pointer(arena, b.getI8Type(), b.size(temporary.getOffset()->getExpression()));
  }
  return addresses.lookup(cast<schedule::ViewOp>(op).getSource());
}

} // namespace kiln::codegen
