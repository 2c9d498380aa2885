//===- StateDependence.h - what depends on state alone ----------*- C++ -*-===//
//
// An analysis of one function: for each value, whether pure ops compute it from states and constants alone, and from
// which states; or why not. Folding and layout ask it before they move work onto weights; hoisting moves exactly what
// it accepts.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_PASSES_LIB_STATEDEPENDENCE_H
#define KILN_PASSES_LIB_STATEDEPENDENCE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SmallVector.h"

#include <string>

namespace kiln::passes {

class StateDependence {
public:
  explicit StateDependence(mlir::func::FuncOp function);

  /// Whether `value` is the same at every call until one of its sources is written by somebody else.
  bool onStateAlone(mlir::Value value) const { return blockers.find(value) == blockers.end(); }

  /// Whether nothing keeps `value` from depending on state alone but that the function itself writes such a state.
  bool onWrittenState(mlir::Value value) const;

  /// Why `value` does not depend on state alone, as a clause: "it depends on the input 'x'". Empty when it does.
  std::string reason(mlir::Value value) const;

  /// Paths of the states that `value` was computed from, sorted, each once. Only for values that depend on state alone.
  llvm::SmallVector<mlir::StringAttr> sources(mlir::Value value) const;

  /// Makes the results of `op`, built after the analysis, known to it. Its operands must be.
  void add(mlir::Operation *op);

  /// Whether the function writes the state `path`.
  bool writes(mlir::StringAttr path) const { return written.contains(path); }

private:
  mutable mlir::func::FuncOp function; // a handle; ops have no const accessors
  llvm::DenseSet<mlir::StringAttr> written;
  /// For each value that does not depend on state alone, the value that is to blame: an argument, or the result of a
  /// read of a written state, of an op with effects, or of an op that draws random numbers.
  llvm::DenseMap<mlir::Value, mlir::Value> blockers;
};

} // namespace kiln::passes

#endif // KILN_PASSES_LIB_STATEDEPENDENCE_H
