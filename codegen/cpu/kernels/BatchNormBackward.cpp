//===- BatchNormBackward.cpp - gradients of a batch norm in training ------===//
//
// grad and input [N, C, ...]; a unit is a channel. The sums that the weight and the bias get are also what the input's gradient
// needs, so two passes give all three. In double precision.
//
//===----------------------------------------------------------------------===//

#include "Channels.h"
#include "Kernels.h"

using namespace mlir;

namespace kiln::codegen {

namespace {

class BatchNormBackward {
public:
  explicit BatchNormBackward(KernelContext &context) : context(context), b(context.b), channels(context, Input) {}
  LogicalResult emit();

private:
  /// Operands in order; the weight may be absent.
  enum Operand { Grad, Input, BatchMean, BatchInvStd, Weight };
  enum Result { InputGradient, WeightGradient, BiasGradient };
  using Group = Channels::Group;

  void emitGroup(Group group);
  Value parameter(Operand operand, Group group) {
    return channels.load(context.anchors[operand], context.kernel.getAnchorType(operand).getElementType(), group);
  }
  void store(Value value, Result result, Group group) {
    channels.store(value, context.kernel.getResultType(result).getElementType(), context.results[result], group);
  }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b, x, y); }

  KernelContext &context;
  KernelBuilder &b;
  Channels channels;
};

void BatchNormBackward::emitGroup(Group group) {
  Value mean = parameter(BatchMean, group), invStd = parameter(BatchInvStd, group);
  auto grads = [&](Value offset, int64_t lanes) { return channels.loadElements(context.anchors[Grad], offset, lanes); };
  auto normalised = [&](Value offset, int64_t lanes) {
    Value centred = sub(channels.loadElements(context.anchors[Input], offset, lanes), channels.spread(mean, lanes));
    return mul(centred, channels.spread(invStd, lanes));
  };
  Values sums = channels.sumElements(group, 2, [&](Value offset, int64_t lanes) {
    Value grad = grads(offset, lanes);
    return Values{grad, mul(grad, normalised(offset, lanes))};
  });
  store(sums[0], BiasGradient, group);
  store(sums[1], WeightGradient, group);

  Value count = channels.countElements(group);
  Value meanGrad = div(sums[0], count), meanProduct = div(sums[1], count), scale = invStd;
  if (context.anchors.size() > Weight)
    scale = mul(scale, parameter(Weight, group));
  channels.overElements(group, [&](Value offset, int64_t lanes) {
    Value centred = sub(grads(offset, lanes), channels.spread(meanGrad, lanes));
    Value rest = mul(normalised(offset, lanes), channels.spread(meanProduct, lanes));
    Value gradient = mul(channels.spread(scale, lanes), sub(centred, rest));
    b.store(b.rounded(gradient, channels.getElementType()), context.results[InputGradient], offset);
  });
}

LogicalResult BatchNormBackward::emit() {
  channels.overGroups([&](Group group) { emitGroup(group); });
  return success();
}

} // namespace

LogicalResult emitBatchNormBackward(KernelContext &context) { return BatchNormBackward(context).emit(); }

} // namespace kiln::codegen
