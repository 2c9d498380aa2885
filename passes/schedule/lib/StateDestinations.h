//===- StateDestinations.h - new values computed in the state itself --*- C++ -*-===//
//
// An analysis of one function before it is lowered: which writes of states need no copy, because the value that they write may be
// computed where the state lies. Then nothing is left of the write itself: the state changes when the value is computed.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_SCHEDULE_LIB_STATEDESTINATIONS_H
#define KILN_SCHEDULE_LIB_STATEDESTINATIONS_H

#include "kiln/ir/Ops.h"
#include "llvm/ADT/DenseMap.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace kiln::schedule {

/// Follows reshapes back to the value whose memory this is.
mlir::Value rootOf(mlir::Value value);

/// Whether the value is computed by a launch, so that somebody may say where to.
bool isComputed(mlir::Value root);

/// Whether the write puts back what was read from the same state, whatever shapes it took in between: a write that does nothing
/// unless another one came between the two.
bool writesBack(ir::WriteOp write, ir::ReadOp read);

class StateDestinations {
public:
  /// `taken` says which values have another place already.
  StateDestinations(mlir::func::FuncOp function, llvm::function_ref<bool(mlir::Value root)> isTaken);

  /// The value that the write computes in its state, whatever shape it writes it in; null where it copies.
  mlir::Value getComputed(ir::WriteOp write) const { return computed.lookup(write); }
  /// The op at which the state changes: the write, or the one that computes the value.
  mlir::Operation *getChange(ir::WriteOp write) const;
  /// Whether the function changes the state between the read and the last use of what was read, so that the value must be saved.
  bool isOverwrittenWhileUsed(ir::ReadOp read);

private:
  bool mayComputeInPlace(ir::WriteOp write, mlir::Value root);

  mlir::func::FuncOp function;
  llvm::DenseMap<mlir::Operation *, mlir::Value> computed;
};

} // namespace kiln::schedule

#endif // KILN_SCHEDULE_LIB_STATEDESTINATIONS_H
