//===- Reductions.cpp - gradients of sums and means -----------------------===//
//
// Rules of sum and mean: each element that was added gets the cotangent of the sum.
//
//===----------------------------------------------------------------------===//

#include "Gradient.h"

#include "kiln/semantics/reduced_dims.h"

using namespace mlir;

namespace kiln::passes {
namespace {

using semantics::DimExpr;

/// `value`, of the result's shape, repeated over the dimensions that were reduced.
Value spread(Gradient &gradient, Value value, Value input, const std::vector<bool> &reduced) {
  const Gradient::Sizes sizes = gradient.sizesOf(input);
  Gradient::Sizes kept = sizes;
  for (auto [size, isReduced] : llvm::zip_equal(kept, reduced))
    if (isReduced)
      size = 1;
  return gradient.expand(gradient.reshape(value, kept), sizes);
}

void sum(ir::SumOp op, Gradient &gradient) {
  std::vector<bool> reduced = semantics::reduced_dims(gradient.rankOf(op.getInput()), op.getDims());
  gradient.give(0, spread(gradient, gradient.cotangent(), op.getInput(), reduced));
}

void mean(ir::MeanOp op, Gradient &gradient) {
  std::vector<bool> reduced = semantics::reduced_dims(gradient.rankOf(op.getInput()), op.getDims());
  DimExpr count = 1;
  for (auto [size, isReduced] : llvm::zip_equal(gradient.sizesOf(op.getInput()), reduced))
    if (isReduced)
      count = count * size;
  // Divided before it is spread: fewer divisions, the same numbers.
  Value share = gradient.dividedBySize(gradient.cotangent(), count);
  gradient.give(0, spread(gradient, share, op.getInput(), reduced));
}

} // namespace

void attachReductionGradients(MLIRContext *context) {
  attachRule<ir::SumOp, sum>(context);
  attachRule<ir::MeanOp, mean>(context);
}

} // namespace kiln::passes
