//===- BufferPlaces.h - where the buffers of a function lie -------*- C++ -*-===//
//
// Reads a kiln_call, in the code of a function that gets one: its members, the sizes, and the address of each buffer. On a device the
// addresses are the device's; nothing here looks behind them.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_CPU_BUFFERPLACES_H
#define KILN_CODEGEN_CPU_BUFFERPLACES_H

#include "KernelBuilder.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"

#include <functional>

namespace kiln::codegen {

/// Numbers of states and prepared values in the descriptor's tables.
struct ProgramIndex {
  llvm::StringMap<unsigned> states, prepared;
  explicit ProgramIndex(mlir::ModuleOp module);
};

/// Reads function symbols from an array of i64.
void bindSymbols(KernelBuilder &b, schedule::FuncOp function, Value array);

class BufferPlaces {
public:
  /// `call` is the kiln_call of the function that `b` writes. Binds the function's symbols.
  BufferPlaces(KernelBuilder &b, schedule::FuncOp function, Value call, const ProgramIndex &index,
               std::function<Value(schedule::ConstantOp)> constantAddress);

  /// A pointer among the call's members, by its offset.
  Value loadField(size_t offset);
  /// The address of a member.
  Value addressOfField(size_t offset);
  /// array[index], a pointer.
  Value elementOf(Value array, int64_t index);

  /// Notes where the buffer that the op gives lies. Fails with a diagnostic for one without a place.
  mlir::LogicalResult add(mlir::Operation &op);
  Value operator[](Value buffer) const { return addresses.lookup(buffer); }

private:
  mlir::FailureOr<Value> addressOf(mlir::Operation &op);

  KernelBuilder &b;
  Value call;
  const ProgramIndex &index;
  std::function<Value(schedule::ConstantOp)> constantAddress;
  Type pointer;
  Value inputs, outputs, states, prepared, arena;
  llvm::StringMap<unsigned> targets; // of a prepare function: output number by slot
  llvm::DenseMap<Value, Value> addresses;
};

} // namespace kiln::codegen

#endif // KILN_CODEGEN_CPU_BUFFERPLACES_H
