//===- Movement.cpp - gradients of ops that move elements -----------------===//
//
// Rules of reshape, permute, expand, slice, slice_scatter and cat: the cotangent goes back the way the value came.
//
//===----------------------------------------------------------------------===//

#include "Gradient.h"

using namespace mlir;

namespace kiln::passes {
namespace {

using semantics::DimExpr;

void reshape(ir::ReshapeOp op, Gradient &gradient) {
  gradient.give(0, gradient.reshape(gradient.cotangent(), gradient.sizesOf(op.getInput())));
}

void permute(ir::PermuteOp op, Gradient &gradient) {
  const int64_t rank = gradient.rankOf(op.getInput());
  std::vector<int64_t> inverse(static_cast<size_t>(rank));
  for (auto [dim, from] : llvm::enumerate(op.getDims()))
    inverse[semantics::wrap_dim(from, rank)] = static_cast<int64_t>(dim);
  gradient.give(0, gradient.make<ir::PermuteOp>({gradient.cotangent()}, {{"dims", inverse}}));
}

void expand(ir::ExpandOp, Gradient &gradient) { gradient.give(0, gradient.cotangent()); }

/// Dimension, start, end and step of a slice, as attributes of another.
template <class OpTy> semantics::Attributes rangeOf(OpTy op) {
  return {{"dim", static_cast<int64_t>(op.getDim())},
          {"start", op.getStart().getExpression()},
          {"end", op.getEnd().getExpression()},
          {"step", static_cast<int64_t>(op.getStep())}};
}

void slice(ir::SliceOp op, Gradient &gradient) {
  Value zeros = gradient.zeros(gradient.typeOf(op.getInput()));
  gradient.give(0, gradient.make<ir::SliceScatterOp>({zeros, gradient.cotangent()}, rangeOf(op)));
}

void sliceScatter(ir::SliceScatterOp op, Gradient &gradient) {
  if (gradient.needs(0)) {
    Value zeros = gradient.zeros(gradient.typeOf(op.getSource()));
    gradient.give(0, gradient.make<ir::SliceScatterOp>({gradient.cotangent(), zeros}, rangeOf(op)));
  }
  if (gradient.needs(1))
    gradient.give(1, gradient.make<ir::SliceOp>({gradient.cotangent()}, rangeOf(op)));
}

void cat(ir::CatOp op, Gradient &gradient) {
  const int64_t rank = gradient.rankOf(op.getOutput()), dim = semantics::wrap_dim(op.getDim(), rank);
  DimExpr start = 0;
  for (auto [operand, input] : llvm::enumerate(op.getInputs())) {
    // PyTorch lets tensors of shape [0] stand among tensors of any rank; they take no room.
    if (gradient.rankOf(input) != rank) {
      if (gradient.needs(operand))
        gradient.give(operand, gradient.zeros(gradient.typeOf(input)));
      continue;
    }
    DimExpr end = start + ir::sizeOf(gradient.typeOf(input), dim);
    if (gradient.needs(operand))
      gradient.give(operand, gradient.make<ir::SliceOp>({gradient.cotangent()},
                                                        {{"dim", dim}, {"start", start}, {"end", end}, {"step", int64_t{1}}}));
    start = end;
  }
}

} // namespace

void attachMovementGradients(MLIRContext *context) {
  attachRule<ir::ReshapeOp, reshape>(context);
  attachRule<ir::PermuteOp, permute>(context);
  attachRule<ir::ExpandOp, expand>(context);
  attachRule<ir::SliceOp, slice>(context);
  attachRule<ir::SliceScatterOp, sliceScatter>(context);
  attachRule<ir::CatOp, cat>(context);
}

} // namespace kiln::passes
