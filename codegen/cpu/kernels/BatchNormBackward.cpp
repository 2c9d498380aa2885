//===- BatchNormBackward.cpp - gradients of a batch norm in training ------===//
//
// grad and input [N, C, ...]; a unit is a channel. The sums that the weight and the bias get are also what the input's gradient
// needs, so two passes give all three. In double; lanes are channels where these are neighbours in memory, as in the forward
// kernel, else elements of one channel.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "Precision.h"

using namespace mlir;

namespace kiln::codegen {

namespace {

class BatchNormBackward {
public:
  explicit BatchNormBackward(KernelContext &context);
  LogicalResult emit();

private:
  /// Operands in order; the weight may be absent.
  enum Operand { Grad, Input, BatchMean, BatchInvStd, Weight };
  enum Result { InputGradient, WeightGradient, BiasGradient };

  void emitChannels(Value channel, int64_t channelLanes);
  /// Calls `body` for the elements of the channels, in vectors of `lanes`, carrying vectors of `lanes`. Returns their sums: of
  /// all lanes where these are elements of one channel.
  Values sumElements(Value channel, int64_t channelLanes, function_ref<Values(Value offset, int64_t lanes)> body);
  void overElements(Value channel, int64_t channelLanes, function_ref<void(Value offset, int64_t lanes)> body);
  Value lineBegin(Value sample, Value channel) {
    return b.mul(b.add(b.mul(sample, b.size(channels)), channel), b.size(positions));
  }
  Value parameter(Operand operand, Value channel, int64_t lanes) {
    return toDouble(b, b.load(context.anchors[operand], context.kernel.getAnchorType(operand).getElementType(), channel, lanes));
  }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, x, y); }

  KernelContext &context;
  KernelBuilder &b;
  Type element;
  DimExpr samples, channels, positions = 1;
  bool areNeighbours; // channels in memory
};

BatchNormBackward::BatchNormBackward(KernelContext &context) : context(context), b(context.b) {
  schedule::BufferType type = context.kernel.getAnchorType(Input);
  element = type.getElementType();
  std::vector<DimExpr> sizes = type.getSizes();
  samples = sizes[0];
  channels = sizes[1];
  for (size_t d = 2; d < sizes.size(); ++d)
    positions = positions * sizes[d];
  areNeighbours = sizes.size() == 2;
}

Values BatchNormBackward::sumElements(Value channel, int64_t channelLanes, function_ref<Values(Value, int64_t)> body) {
  auto zeros = [&](int64_t lanes) { return Values(2, b.constant(KernelBuilder::vectorOf(b.getF64Type(), lanes), 0)); };
  auto accumulate = [&](Value offset, int64_t lanes, ValueRange sums) {
    Values next;
    for (auto [sum, addend] : llvm::zip_equal(sums, body(offset, lanes)))
      next.push_back(arith::AddFOp::create(b, sum, addend));
    return next;
  };
  if (areNeighbours)
    return b.loop(b.constant(0), b.size(samples), 1, zeros(channelLanes),
                  [&](Value sample, ValueRange sums) { return accumulate(lineBegin(sample, channel), channelLanes, sums); });
  int64_t lanes = b.lanesOf(b.getF64Type());
  Value count = b.size(positions), middle = b.roundDown(count, lanes);
  Values init = zeros(lanes);
  init.append(zeros(1));
  Values sums = b.loop(b.constant(0), b.size(samples), 1, init, [&](Value sample, ValueRange outer) {
    Value begin = lineBegin(sample, channel);
    Values next = b.loop(b.constant(0), middle, lanes, outer.take_front(2),
                         [&](Value position, ValueRange inner) { return accumulate(b.add(begin, position), lanes, inner); });
    next.append(b.loop(middle, count, 1, outer.drop_front(2),
                       [&](Value position, ValueRange inner) { return accumulate(b.add(begin, position), 1, inner); }));
    return next;
  });
  Values results;
  for (int i = 0; i < 2; ++i)
    results.push_back(arith::AddFOp::create(b, b.sumOfLanes(sums[i]), sums[2 + i]));
  return results;
}

void BatchNormBackward::overElements(Value channel, int64_t channelLanes, function_ref<void(Value, int64_t)> body) {
  b.loop(b.constant(0), b.size(samples), 1, [&](Value sample) {
    Value begin = lineBegin(sample, channel);
    if (areNeighbours) {
      body(begin, channelLanes);
      return;
    }
    int64_t lanes = b.lanesOf(b.getF64Type());
    Value count = b.size(positions), middle = b.roundDown(count, lanes);
    b.loop(b.constant(0), middle, lanes, [&](Value position) { body(b.add(begin, position), lanes); });
    b.loop(middle, count, 1, [&](Value position) { body(b.add(begin, position), 1); });
  });
}

void BatchNormBackward::emitChannels(Value channel, int64_t channelLanes) {
  Value mean = parameter(BatchMean, channel, channelLanes), invStd = parameter(BatchInvStd, channel, channelLanes);
  auto load = [&](Operand operand, Value offset, int64_t lanes) {
    return toDouble(b, b.load(context.anchors[operand], element, offset, lanes));
  };
  // What is one value a channel, for lanes that are channels or elements.
  auto spread = [&](Value value, int64_t lanes) { return areNeighbours ? value : b.broadcast(value, lanes); };
  auto normalised = [&](Value offset, int64_t lanes) {
    return mul(arith::SubFOp::create(b, load(Input, offset, lanes), spread(mean, lanes)), spread(invStd, lanes));
  };
  Values sums = sumElements(channel, channelLanes, [&](Value offset, int64_t lanes) {
    Value grad = load(Grad, offset, lanes);
    return Values{grad, mul(grad, normalised(offset, lanes))};
  });
  auto storeGradient = [&](Result result, Value sum) {
    b.store(b.rounded(sum, context.kernel.getResultType(result).getElementType()), context.results[result], channel);
  };
  storeGradient(WeightGradient, sums[1]);
  storeGradient(BiasGradient, sums[0]);

  Value number = arith::SIToFPOp::create(b, b.getF64Type(), b.size(samples * positions));
  auto average = [&](Value sum) -> Value { return arith::DivFOp::create(b, sum, b.broadcast(number, channelLanes)); };
  Value meanGrad = average(sums[0]), meanProduct = average(sums[1]), scale = invStd;
  if (context.anchors.size() > Weight)
    scale = mul(scale, parameter(Weight, channel, channelLanes));
  overElements(channel, channelLanes, [&](Value offset, int64_t lanes) {
    Value centred = arith::SubFOp::create(b, load(Grad, offset, lanes), spread(meanGrad, lanes));
    Value rest = mul(normalised(offset, lanes), spread(meanProduct, lanes));
    Value gradient = mul(spread(scale, lanes), arith::SubFOp::create(b, centred, rest));
    b.store(b.rounded(gradient, element), context.results[InputGradient], offset);
  });
}

LogicalResult BatchNormBackward::emit() {
  int64_t lanes = areNeighbours ? b.lanesOf(b.getF64Type()) : 1;
  Value middle = b.add(context.begin0, b.roundDown(b.sub(context.end0, context.begin0), lanes));
  if (lanes > 1)
    b.loop(context.begin0, middle, lanes, [&](Value channel) { emitChannels(channel, lanes); });
  b.loop(lanes > 1 ? middle : context.begin0, context.end0, 1, [&](Value channel) { emitChannels(channel, 1); });
  return success();
}

} // namespace

LogicalResult emitBatchNormBackward(KernelContext &context) { return BatchNormBackward(context).emit(); }

} // namespace kiln::codegen
