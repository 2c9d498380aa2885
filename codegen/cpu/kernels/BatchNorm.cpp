//===- BatchNorm.cpp - normalisation by the batch's own statistics --------===//
//
// input [N, C, ...]; a unit is a channel. Mean and variance in two passes and in double precision. Without further dimensions
// neighbouring channels are neighbours in memory, and lanes are channels.
//
//===----------------------------------------------------------------------===//

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

  void emitChannels(Value channel, int64_t lanes);
  /// Calls `body` for every element of the channels, carrying values.
  Values overElements(Value channel, ValueRange init, function_ref<Values(Value sample, Value position, ValueRange)> body);
  Value loadInput(Value sample, Value channel, Value position, int64_t lanes);
  Value loadParameter(Operand operand, Value channel, int64_t lanes);
  Value extend(Value value);
  double attribute(StringRef name) { return cast<FloatAttr>(context.kernel.getAnchorAttribute(name)).getValueAsDouble(); }

  KernelContext &context;
  KernelBuilder &b;
  ResultWriter writer;
  Type element;
  DimExpr samples, channels, positions = 1;
  Value operands[OperandCount] = {};
  /// Parameters and statistics are of the input's type, or f32 beside a 16-bit input.
  Type operandElements[OperandCount] = {};
  bool isTraining;
  LogicalResult result = success();
};

BatchNorm::BatchNorm(KernelContext &context)
    : context(context), b(context.b), writer(b, context.kernel, context.extras, context.results.front()) {
  schedule::BufferType type = context.kernel.getAnchorType(0);
  element = type.getElementType();
  std::vector<DimExpr> sizes = type.getSizes();
  samples = sizes[0];
  channels = sizes[1];
  for (size_t d = 2; d < sizes.size(); ++d)
    positions = positions * sizes[d];
  isTraining = cast<BoolAttr>(context.kernel.getAnchorAttribute("training")).getValue();
  // `present` says which operands there are; without it, all.
  auto present = dyn_cast_if_present<DenseBoolArrayAttr>(context.kernel.getAnchorAttribute("present"));
  unsigned next = 1;
  for (int i = 0; i < OperandCount; ++i)
    if (!present || present[i + 1]) {
      operands[i] = context.anchors[next];
      operandElements[i] = context.kernel.getAnchorType(next++).getElementType();
    }
}

Value BatchNorm::extend(Value value) {
  Type type = KernelBuilder::vectorOf(b.getF64Type(), KernelBuilder::lanesIn(value));
  return type == value.getType() ? value : Value(arith::ExtFOp::create(b, type, value));
}

Value BatchNorm::loadInput(Value sample, Value channel, Value position, int64_t lanes) {
  Value line = b.add(b.mul(sample, b.size(channels)), channel);
  return extend(b.load(context.anchors[0], element, b.add(b.mul(line, b.size(positions)), position), lanes));
}

Value BatchNorm::loadParameter(Operand operand, Value channel, int64_t lanes) {
  return operands[operand] ? extend(b.load(operands[operand], operandElements[operand], channel, lanes)) : Value();
}

Values BatchNorm::overElements(Value channel, ValueRange init, function_ref<Values(Value, Value, ValueRange)> body) {
  return b.loop(b.constant(0), b.size(samples), 1, init, [&](Value sample, ValueRange outer) {
    return b.loop(b.constant(0), b.size(positions), 1, outer,
                  [&](Value position, ValueRange inner) { return body(sample, position, inner); });
  });
}

void BatchNorm::emitChannels(Value channel, int64_t lanes) {
  Type wide = KernelBuilder::vectorOf(b.getF64Type(), lanes);
  auto constant = [&](double value) { return b.constant(wide, value); };
  auto add = [&](Value x, Value y) -> Value { return arith::AddFOp::create(b, x, y); };
  auto sub = [&](Value x, Value y) -> Value { return arith::SubFOp::create(b, x, y); };
  auto mul = [&](Value x, Value y) -> Value { return arith::MulFOp::create(b, x, y); };
  auto div = [&](Value x, Value y) -> Value { return arith::DivFOp::create(b, x, y); };

  Value mean, variance;
  if (isTraining) {
    Value count = b.broadcast(arith::SIToFPOp::create(b, b.getF64Type(), b.size(samples * positions)), lanes);
    Values sum = overElements(channel, {constant(0)}, [&](Value sample, Value position, ValueRange carried) {
      return Values{add(carried[0], loadInput(sample, channel, position, lanes))};
    });
    mean = div(sum[0], count);
    Values squares = overElements(channel, {constant(0)}, [&](Value sample, Value position, ValueRange carried) {
      Value difference = sub(loadInput(sample, channel, position, lanes), mean);
      return Values{add(carried[0], mul(difference, difference))};
    });
    variance = div(squares[0], count);
    if (context.results.size() == 5) { // what the running statistics become
      double momentum = attribute("momentum");
      Value unbiased = div(squares[0], sub(count, constant(1)));
      auto update = [&](Operand operand, Value batch, Value target) {
        Value old = loadParameter(operand, channel, lanes);
        Value updated = add(mul(old, constant(1 - momentum)), mul(batch, constant(momentum)));
        // An empty batch says nothing.
        Value isEmpty = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, count, constant(0));
        b.store(b.rounded(arith::SelectOp::create(b, isEmpty, old, updated), operandElements[operand]), target, channel);
      };
      update(RunningMean, mean, context.results[1]);
      update(RunningVar, unbiased, context.results[2]);
    }
  } else {
    mean = loadParameter(RunningMean, channel, lanes);
    variance = loadParameter(RunningVar, channel, lanes);
  }

  Value scale = div(constant(1), math::SqrtOp::create(b, add(variance, constant(attribute("eps")))));
  if (isTraining) { // what the gradient takes
    b.store(b.rounded(mean, element), context.results.end()[-2], channel);
    b.store(b.rounded(scale, element), context.results.end()[-1], channel);
  }
  if (Value weight = loadParameter(Weight, channel, lanes))
    scale = mul(scale, weight);
  Value bias = loadParameter(Bias, channel, lanes);
  overElements(channel, {}, [&](Value sample, Value position, ValueRange) {
    Value y = mul(sub(loadInput(sample, channel, position, lanes), mean), scale);
    if (bias)
      y = add(y, bias);
    // The element's number in the result, as row and column.
    Value line = b.add(b.mul(sample, b.size(channels)), channel);
    Value number = b.add(b.mul(line, b.size(positions)), position), columns = b.size(writer.getBox().columns());
    Row row(writer.getBox(), b.div(number, columns));
    if (failed(writer.write(row, b.rem(number, columns), lanes, b.rounded(y, element))))
      result = failure();
    return Values();
  });
}

LogicalResult BatchNorm::emit() {
  bool channelsAreNeighbours = context.kernel.getAnchorType(0).getRank() == 2;
  int64_t lanes = channelsAreNeighbours ? b.lanesOf(b.getF64Type()) : 1;
  Value middle = b.add(context.begin0, b.roundDown(b.sub(context.end0, context.begin0), lanes));
  if (lanes > 1)
    b.loop(context.begin0, middle, lanes, [&](Value channel) { emitChannels(channel, lanes); });
  b.loop(lanes > 1 ? middle : context.begin0, context.end0, 1, [&](Value channel) { emitChannels(channel, 1); });
  return result;
}

} // namespace

LogicalResult emitBatchNorm(KernelContext &context) { return BatchNorm(context).emit(); }

/// PyTorch refuses to take statistics of one value.
FailureOr<Value> checkBatchNorm(KernelContext &context, Value errorValues) {
  KernelBuilder &b = context.b;
  schedule::BufferType type = context.kernel.getAnchorType(0);
  bool isTraining = cast<BoolAttr>(context.kernel.getAnchorAttribute("training")).getValue();
  Value ok = b.integerConstant(b.getI32Type(), KILN_OK);
  if (!isTraining)
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
