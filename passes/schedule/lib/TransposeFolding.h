//===- TransposeFolding.h - products of transposed matrices -------*- C++ -*-===//
//
// A permutation that swaps the last two dimensions of an operand of a matrix product is a matter of how the product reads that operand.
// The gradients of linear layers and of products are made of such permutations.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_SCHEDULE_LIB_TRANSPOSEFOLDING_H
#define KILN_SCHEDULE_LIB_TRANSPOSEFOLDING_H

#include "KernelForm.h"

namespace kiln::schedule {

/// Makes a product read the operands of permutations that only swap the last two dimensions.
void foldTransposes(KernelForm &form);

/// Whether nothing needs the permutation's result itself: every use is folded into a product.
bool isFolded(mlir::Operation *op);

/// Calls `visit` for every op that reads the memory of `value` where it lies: users, those of reshapes, and products that a transposition
/// is folded into.
void forEachReader(mlir::Value value, llvm::function_ref<void(mlir::Operation *)> visit);

} // namespace kiln::schedule

#endif // KILN_SCHEDULE_LIB_TRANSPOSEFOLDING_H
