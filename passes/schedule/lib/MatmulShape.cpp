//===- MatmulShape.cpp - the sizes of a matrix product --------------------===//
//
// See MatmulShape.h.
//
//===----------------------------------------------------------------------===//

#include "kiln/schedule/MatmulShape.h"

using namespace mlir;
using kiln::semantics::DimExpr;

namespace kiln::schedule {

MatmulShape::MatmulShape(KernelOp kernel) {
  std::vector<DimExpr> lhs = kernel.getAnchorType(0).getSizes(), rhs = kernel.getAnchorType(1).getSizes();
  if (auto transposed = dyn_cast_if_present<DenseBoolArrayAttr>(kernel.getAnchorAttribute(kTransposedAttrName))) {
    isLhsTransposed = transposed[0];
    isRhsTransposed = transposed[1];
  }
  isLhsVector = lhs.size() == 1;
  isRhsVector = rhs.size() == 1;
  rows = isLhsVector ? DimExpr(1) : lhs[lhs.size() - (isLhsTransposed ? 1 : 2)];
  inner = lhs[lhs.size() - (isLhsTransposed ? 2 : 1)];
  columns = isRhsVector ? DimExpr(1) : rhs[rhs.size() - (isRhsTransposed ? 2 : 1)];
  if (!isLhsVector)
    lhsBatch.assign(lhs.begin(), lhs.end() - 2);
  if (!isRhsVector)
    rhsBatch.assign(rhs.begin(), rhs.end() - 2);
  batch = kernel.getResultType().getSizes();
  batch.resize(batch.size() - !isLhsVector - !isRhsVector);
}

} // namespace kiln::schedule
