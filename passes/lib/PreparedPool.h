//===- PreparedPool.h - computations on state, shared by functions -*- C++ -*-===//
//
// While nn-hoist-prepare runs: the computations that leave the entry functions, each distinct one once, and the slots
// that will hold their results.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_PASSES_LIB_PREPAREDPOOL_H
#define KILN_PASSES_LIB_PREPAREDPOOL_H

#include "StateDependence.h"
#include "kiln/ir/Ops.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/DenseMap.h"

namespace kiln::passes {

/// Whether `op` computes nothing worth keeping: reads, constants, fills, expansions, and reshapes of such values. It
/// is repeated wherever its result is needed.
bool isFree(mlir::Operation *op);

/// Equality of ops by name, attributes, operands and result types, whatever their locations.
struct SameComputation : llvm::DenseMapInfo<mlir::Operation *> {
  static unsigned getHashValue(const mlir::Operation *op);
  static bool isEqual(const mlir::Operation *left, const mlir::Operation *right);
};

class PreparedPool {
public:
  explicit PreparedPool(mlir::ModuleOp module);
  ~PreparedPool();

  /// A value that a call will load instead of computing it.
  struct Slot {
    mlir::Value value; // in the pool
    llvm::SmallVector<mlir::StringAttr> sources;
    ir::PreparedOp prepared; // set by `emit`
  };

  /// The number of the slot for `value`, which depends on state alone. An equal value of whatever function has the
  /// same slot.
  unsigned slotFor(mlir::Value value, const StateDependence &dependence);
  const llvm::SmallVector<Slot> &getSlots() const { return slots; }

  /// Declares the slots and adds the prepare functions to the module; returns how many functions.
  unsigned emit();

private:
  mlir::Value copyIn(mlir::Value value);
  llvm::SmallVector<mlir::Operation *> coneOf(mlir::Value value) const;
  std::string nameOf(const Slot &slot) const;
  llvm::SmallVector<llvm::SmallVector<unsigned>> groups() const;
  void emitFunction(llvm::ArrayRef<unsigned> group, mlir::SymbolTable &symbols, unsigned number);

  mlir::ModuleOp module;
  /// Holds the computations, in an order in which operands come first.
  std::unique_ptr<mlir::Block> block;
  llvm::DenseMap<mlir::Operation *, mlir::Operation *, SameComputation> distinct;
  /// Values of functions, to values of the pool.
  mlir::IRMapping copies;
  llvm::SmallVector<Slot> slots;
  llvm::DenseMap<mlir::Value, unsigned> slotOf; // by value of the pool
};

} // namespace kiln::passes

#endif // KILN_PASSES_LIB_PREPAREDPOOL_H
