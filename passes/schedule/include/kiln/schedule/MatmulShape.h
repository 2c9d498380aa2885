//===- MatmulShape.h - the sizes of a matrix product --------------*- C++ -*-===//
//
// Reads the sizes of a kernel anchored at nn.matmul. Its attribute `transposed`, two bools, says which operands lie in memory with
// their last two dimensions swapped: so a permutation before a product costs nothing.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_SCHEDULE_MATMULSHAPE_H
#define KILN_SCHEDULE_MATMULSHAPE_H

#include "kiln/schedule/Schedule.h"

namespace kiln::schedule {

/// result[batch..., i, j] = sum over k of lhs[batch..., i, k] * rhs[batch..., k, j], as the mathematics has it; `transposed` operands
/// are [..., k, i] and [..., j, k] in memory. A vector on the left has one row, on the right one column.
struct MatmulShape {
  static constexpr llvm::StringLiteral kTransposedAttrName = "transposed";

  explicit MatmulShape(KernelOp kernel);

  semantics::DimExpr rows, columns, inner;
  bool isLhsTransposed = false, isRhsTransposed = false;
  bool isLhsVector, isRhsVector;
  /// Leading dimensions of each operand, and of the result.
  std::vector<semantics::DimExpr> lhsBatch, rhsBatch, batch;

  /// Whether it is one product of matrices.
  bool isSingle() const { return lhsBatch.empty() && rhsBatch.empty(); }
};

} // namespace kiln::schedule

#endif // KILN_SCHEDULE_MATMULSHAPE_H
