//===- FusionRegion.h - a set of ops that becomes nn.fused ------*- C++ -*-===//
//
// A region while nn-fuse forms it: the ops in it, and how it is written as one op. Deciding who joins is the pass's
// work (Fuse.cpp).
//
//===----------------------------------------------------------------------===//

#ifndef KILN_PASSES_LIB_FUSIONREGION_H
#define KILN_PASSES_LIB_FUSIONREGION_H

#include "kiln/ir/Ops.h"
#include "llvm/ADT/SetVector.h"

namespace kiln::passes {

/// Whether `op` computes each element of its one result from one element of each operand, and can say how.
bool isElementwise(mlir::Operation *op);

/// Whether the kernel of `op` can have an epilogue.
bool isAnchor(mlir::Operation *op);

/// From an index of `op`'s result to the index of the element of operand `number` that it is computed from.
mlir::AffineMap operandMap(mlir::Operation *op, unsigned number);

struct FusionRegion {
  /// The last op: its result is the region's, its shape the iteration space.
  mlir::Operation *root = nullptr;
  /// Null for a region of element-wise ops alone.
  mlir::Operation *anchor = nullptr;
  /// The element-wise ops, the root among them; each but the root has all its uses in the region.
  llvm::SetVector<mlir::Operation *> members;

  bool contains(mlir::Operation *op) const { return op == anchor || members.contains(op); }

  /// Replaces the ops by one nn.fused in the root's place and erases them.
  mlir::Operation *materialize();
};

} // namespace kiln::passes

#endif // KILN_PASSES_LIB_FUSIONREGION_H
