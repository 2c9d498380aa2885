//===- Layers.cpp - gradients of tables and losses ------------------------===//
//
// Rules of ops whose gradient is an op of its own, because no others compute it at the same cost: embedding, softmax and its
// logarithm, cross_entropy.
//
//===----------------------------------------------------------------------===//

#include "Gradient.h"

using namespace mlir;

namespace kiln::passes {
namespace {

void embedding(ir::EmbeddingOp op, Gradient &gradient) {
  semantics::Attributes attributes{{"num_embeddings", gradient.sizesOf(op.getWeight())[0]}};
  if (std::optional<int64_t> padding = op.getPaddingIdx())
    attributes.set("padding_idx", *padding);
  // A row may be the sum of many, which 16 bits would round one by one.
  Value cotangent = gradient.widened(gradient.cotangent());
  Value sums = gradient.make<ir::EmbeddingBackwardOp>({cotangent, op.getIndices()}, attributes);
  gradient.give(1, gradient.cast(sums, gradient.typeOf(op.getWeight()).getElementType()));
}

/// Of softmax or its logarithm, which `BackwardOp` computes from the output.
template <class OpTy, class BackwardOp> void softmax(OpTy op, Gradient &gradient) {
  gradient.give(0, gradient.make<BackwardOp>({gradient.cotangent(), op.getOutput()}, {{"dim", static_cast<int64_t>(op.getDim())}}));
}

void crossEntropy(ir::CrossEntropyOp op, Gradient &gradient) {
  if (op.getWeight() && gradient.needs(2))
    return gradient.refuse("weight");
  SmallVector<Value> operands = {gradient.cotangent(), op.getInput(), op.getTarget()};
  if (op.getWeight())
    operands.push_back(op.getWeight());
  gradient.give(
      0, gradient.make<ir::CrossEntropyBackwardOp>(operands, {{"ignore_index", static_cast<int64_t>(op.getIgnoreIndex())},
                                                              {"label_smoothing", op.getLabelSmoothing().convertToDouble()},
                                                              {"reduction", op.getReduction().str()}}));
}

} // namespace

void attachLayerGradients(MLIRContext *context) {
  attachRule<ir::EmbeddingOp, embedding>(context);
  attachRule<ir::SoftmaxOp, softmax<ir::SoftmaxOp, ir::SoftmaxBackwardOp>>(context);
  attachRule<ir::LogSoftmaxOp, softmax<ir::LogSoftmaxOp, ir::LogSoftmaxBackwardOp>>(context);
  attachRule<ir::CrossEntropyOp, crossEntropy>(context);
}

} // namespace kiln::passes
