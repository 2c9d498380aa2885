//===- Layers.cpp - gradients of tables and losses ------------------------===//
//
// Rules of log_softmax, and of ops whose gradient is an op of its own, because no others compute it at the same cost:
// embedding and cross_entropy.
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
  gradient.give(1, gradient.make<ir::EmbeddingBackwardOp>({gradient.cotangent(), op.getIndices()}, attributes));
}

/// g - exp(y) * sum(g)
void logSoftmax(ir::LogSoftmaxOp op, Gradient &gradient) {
  Value cotangent = gradient.widened(gradient.cotangent());
  Value probabilities = gradient.make<ir::ExpOp>({gradient.widened(op.getOutput())});
  Value sum = gradient.sum(cotangent, {static_cast<int64_t>(op.getDim())}, /*keepdim=*/true);
  gradient.give(0, gradient.cast(gradient.sub(cotangent, gradient.mul(probabilities, sum)),
                                 gradient.typeOf(op.getInput()).getElementType()));
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
  attachRule<ir::LogSoftmaxOp, logSoftmax>(context);
  attachRule<ir::CrossEntropyOp, crossEntropy>(context);
}

} // namespace kiln::passes
