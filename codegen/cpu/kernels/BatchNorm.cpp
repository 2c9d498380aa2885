//===- BatchNorm.cpp - normalisation by channel ---------------------------===//
//
// input [N, C, ...]; a unit is a channel. In training by the batch's own statistics: mean and variance in two passes and in
// double precision.
//
//===----------------------------------------------------------------------===//

#include "Channels.h"
#include "Kernels.h"

#include "kiln/runtime/abi.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace kiln::codegen {

namespace {

class BatchNorm {
public:
  explicit BatchNorm(KernelContext &context);
  LogicalResult emit();

private:
  /// Optional operands in the order of the op's: null when absent.
  enum Operand { Weight, Bias, RunningMean, RunningVar, OperandCount };
  using Group = Channels::Group;

  void emitGroup(Group group);
  /// The batch's mean and biased variance. Stores what the running statistics become, where there are any.
  std::pair<Value, Value> batchStatistics(Group group);
  Value parameter(Operand operand, Group group) {
    return operands[operand] ? channels.load(operands[operand], operandElements[operand], group) : Value();
  }
  void store(Value value, unsigned result, Group group) {
    channels.store(value, context.kernel.getResultType(result).getElementType(), context.results[result], group);
  }
  Value constant(double value, int64_t lanes) { return b.constant(KernelBuilder::vectorOf(b.getF64Type(), lanes), value); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b, x, y); }

  KernelContext &context;
  KernelBuilder &b;
  Channels channels;
  Value operands[OperandCount] = {};
  /// Parameters and statistics are of the input's type, or f32 beside a 16-bit input.
  Type operandElements[OperandCount] = {};
  bool isTraining;
};

BatchNorm::BatchNorm(KernelContext &context)
    : context(context), b(context.b), channels(context, 0), isTraining(boolAttribute(context, "training")) {
  // `present` says which operands there are; without it, all.
  auto present = dyn_cast_if_present<DenseBoolArrayAttr>(context.kernel.getAnchorAttribute("present"));
  unsigned next = 1;
  for (int i = 0; i < OperandCount; ++i)
    if (!present || present[i + 1]) {
      operands[i] = context.anchors[next];
      operandElements[i] = context.kernel.getAnchorType(next++).getElementType();
    }
}

std::pair<Value, Value> BatchNorm::batchStatistics(Group group) {
  Value count = channels.countElements(group);
  Value sum = channels.sumElements(
      group, 1, [&](Value offset, int64_t lanes) { return Values{channels.loadElements(context.anchors[0], offset, lanes)}; })[0];
  Value mean = div(sum, count);
  Value squares = channels.sumElements(group, 1, [&](Value offset, int64_t lanes) {
    Value difference = sub(channels.loadElements(context.anchors[0], offset, lanes), channels.spread(mean, lanes));
    return Values{mul(difference, difference)};
  })[0];
  if (context.results.size() == 5) {
    double momentum = floatAttribute(context, "momentum");
    Value unbiased = div(squares, sub(count, constant(1, group.lanes)));
    // An empty batch says nothing.
    Value isEmpty = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, count, constant(0, group.lanes));
    auto update = [&](Operand operand, Value batch, unsigned result) {
      Value old = parameter(operand, group);
      Value updated = b.sum(mul(old, constant(1 - momentum, group.lanes)), mul(batch, constant(momentum, group.lanes)));
      store(arith::SelectOp::create(b, isEmpty, old, updated), result, group);
    };
    update(RunningMean, mean, 1);
    update(RunningVar, unbiased, 2);
  }
  return {mean, div(squares, count)};
}

void BatchNorm::emitGroup(Group group) {
  Value mean, variance;
  if (isTraining) {
    std::tie(mean, variance) = batchStatistics(group);
  } else {
    mean = parameter(RunningMean, group);
    variance = parameter(RunningVar, group);
  }
  Value shifted = b.sum(variance, constant(floatAttribute(context, "eps"), group.lanes));
  Value scale = div(constant(1, group.lanes), math::SqrtOp::create(b, shifted));
  if (isTraining) { // what the gradient takes
    store(mean, context.results.size() - 2, group);
    store(scale, context.results.size() - 1, group);
  }
  if (Value weight = parameter(Weight, group))
    scale = mul(scale, weight);
  Value bias = parameter(Bias, group);
  channels.overElements(group, [&](Value offset, int64_t lanes) {
    Value centred = sub(channels.loadElements(context.anchors[0], offset, lanes), channels.spread(mean, lanes));
    Value result = mul(centred, channels.spread(scale, lanes));
    if (bias)
      result = b.sum(result, channels.spread(bias, lanes));
    b.store(b.rounded(result, channels.getElementType()), context.results[0], offset);
  });
}

LogicalResult BatchNorm::emit() {
  channels.overGroups([&](Group group) { emitGroup(group); });
  return success();
}

} // namespace

LogicalResult emitBatchNorm(KernelContext &context) { return BatchNorm(context).emit(); }

/// PyTorch refuses to take statistics of one value.
FailureOr<Value> checkBatchNorm(KernelContext &context, Value errorValues) {
  KernelBuilder &b = context.b;
  schedule::BufferType type = context.kernel.getAnchorType(0);
  Value ok = b.integerConstant(b.getI32Type(), KILN_OK);
  if (!boolAttribute(context, "training"))
    return ok;
  DimExpr count = 1;
  std::vector<DimExpr> sizes = type.getSizes();
  for (size_t d = 0; d < sizes.size(); ++d)
    if (d != 1)
      count = count * sizes[d];
  b.store(b.constant(type.getRank()), errorValues, b.constant(0));
  b.store(b.size(sizes[1]), errorValues, b.constant(1));
  Value wrong = b.integerConstant(b.getI32Type(), KILN_ERROR_ONE_VALUE_PER_CHANNEL);
  return Value(arith::SelectOp::create(b, b.equal(b.size(count), b.constant(1)), wrong, ok));
}

} // namespace kiln::codegen
