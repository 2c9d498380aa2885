//===- Normalization.cpp - gradients of batch normalisation ---------------===//
//
// Rules of batch_norm, with the batch's statistics (an op of its own, for it needs two sums over the batch) and with
// running ones (element-wise), and of channel_affine.
//
//===----------------------------------------------------------------------===//

#include "Gradient.h"

using namespace mlir;

namespace kiln::passes {
namespace {

enum Operand : unsigned { kInput, kWeight, kBias, kRunningMean, kRunningVar };

/// The cotangents that a batch norm's operands ask for, by what they are; absent operands ask for none.
class BatchNormGradient {
public:
  BatchNormGradient(ir::BatchNormOp op, Gradient &gradient) : op(op), gradient(gradient) {}

  void build() {
    for (auto [operand, name] : {std::pair(kRunningMean, "running_mean"), std::pair(kRunningVar, "running_var")})
      if (needs(operand))
        return gradient.refuse(name);
    if (needs(kBias) && !needs(kInput) && !needs(kWeight))
      return give(kBias, sumOverBatch(gradient.widened(gradient.cotangent())));
    op.getTraining() ? byBatchStatistics() : byRunningStatistics();
  }

private:
  bool needs(Operand operand) {
    auto [index, length] = op.getODSOperandIndexAndLength(operand);
    return length > 0 && gradient.needs(index);
  }

  /// Parameters may be wider than the input: f32 beside 16-bit floats.
  void give(Operand operand, Value value) {
    if (!needs(operand))
      return;
    auto [index, length] = op.getODSOperandIndexAndLength(operand);
    gradient.give(index, gradient.cast(value, gradient.typeOf(op->getOperand(index)).getElementType()));
  }

  /// A vector of channels, aligned with dimension 1 of the input.
  Value aligned(Value vector) {
    Gradient::Sizes sizes(static_cast<size_t>(gradient.rankOf(op.getInput())) - 1, 1);
    sizes[0] = gradient.sizesOf(vector)[0];
    return gradient.reshape(vector, sizes);
  }

  Value sumOverBatch(Value value) {
    SmallVector<int64_t> dims = {0};
    for (int64_t dim = 2; dim < gradient.rankOf(value); ++dim)
      dims.push_back(dim);
    return gradient.sum(value, dims, /*keepdim=*/false);
  }

  void byBatchStatistics() {
    SmallVector<Value> operands = {gradient.cotangent(), op.getInput(), op.getBatchMean(), op.getBatchInvStd()};
    if (op.getWeight())
      operands.push_back(op.getWeight());
    ResultRange results = gradient.makeAll<ir::BatchNormBackwardOp>(operands);
    give(kInput, results[0]);
    give(kWeight, results[1]);
    give(kBias, results[2]);
  }

  /// 16-bit values are computed on in f32, as PyTorch does: neither eps nor a sum over the batch need fit into 16 bits.
  void byRunningStatistics() {
    Value cotangent = gradient.widened(gradient.cotangent()), variance = gradient.widened(op.getRunningVar());
    Value shifted = gradient.make<ir::AddOp>({variance, gradient.number(op.getEps().convertToDouble(), variance)});
    Value invStd = gradient.make<ir::RsqrtOp>({shifted});
    if (needs(kInput)) {
      Value scale = op.getWeight() ? gradient.mul(gradient.widened(op.getWeight()), invStd) : invStd;
      give(kInput, gradient.mul(cotangent, aligned(scale)));
    }
    if (needs(kWeight)) {
      Value centred = gradient.sub(gradient.widened(op.getInput()), aligned(gradient.widened(op.getRunningMean())));
      give(kWeight, gradient.mul(sumOverBatch(gradient.mul(cotangent, centred)), invStd));
    }
    if (needs(kBias))
      give(kBias, sumOverBatch(cotangent));
  }

  ir::BatchNormOp op;
  Gradient &gradient;
};

/// Gradients flow into the output alone: the statistics are no function of anything that requires a gradient, as in
/// PyTorch, where they are updated in place without being recorded.
struct BatchNormRule : ir::DifferentiableOpInterface::ExternalModel<BatchNormRule, ir::BatchNormOp> {
  bool propagatesGradient(Operation *, unsigned, unsigned result) const { return result == 0; }
  SmallVector<Value> buildGradient(Operation *op, OpBuilder &builder, ValueRange cotangents, ArrayRef<bool> needed) const {
    return Gradient::buildBy([&](Gradient &gradient) { BatchNormGradient(llvm::cast<ir::BatchNormOp>(op), gradient).build(); },
                             op, builder, cotangents, needed);
  }
};

void channelAffine(ir::ChannelAffineOp op, Gradient &gradient) {
  Value cotangent = gradient.cotangent();
  SmallVector<int64_t> dims = {0};
  Gradient::Sizes sizes = {gradient.sizesOf(op.getScale())[0]};
  for (int64_t dim = 2; dim < gradient.rankOf(op.getInput()); ++dim) {
    dims.push_back(dim);
    sizes.push_back(1);
  }
  if (gradient.needs(0))
    gradient.give(0, gradient.mul(cotangent, gradient.reshape(op.getScale(), sizes)));
  if (gradient.needs(1))
    gradient.give(1, gradient.sum(gradient.mul(cotangent, op.getInput()), dims, /*keepdim=*/false));
  if (gradient.needs(2))
    gradient.give(2, gradient.sum(cotangent, dims, /*keepdim=*/false));
}

} // namespace

void attachNormalizationGradients(MLIRContext *context) {
  ir::BatchNormOp::attachInterface<BatchNormRule>(*context);
  attachRule<ir::ChannelAffineOp, channelAffine>(context);
}

} // namespace kiln::passes
