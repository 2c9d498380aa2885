//===- PoolingChannelsLast.cpp - pooling of [N, ..., C] -------------------===//
//
// A unit is an output position; lanes are neighbouring channels of it, which all have the same taps. They are added up in the order of
// the taps, as where the channels come first.
//
//===----------------------------------------------------------------------===//

#include "Pooling.h"

using namespace mlir;

namespace kiln::codegen {

namespace {

/// An output position: its number in its sample, and its coordinates.
struct Position {
  Value sample;
  std::array<Value, 3> at;
};

Position positionOf(KernelBuilder &b, Row &row, const DimExpr &depth, const DimExpr &height, const DimExpr &width) {
  Value line = b.div(row.getNumber(), b.size(width)), plane = b.div(line, b.size(height));
  return {b.div(plane, b.size(depth)),
          {b.rem(plane, b.size(depth)), b.rem(line, b.size(height)), b.rem(row.getNumber(), b.size(width))}};
}

/// Calls `element(position, taps...)` for each vector of channels, with what folds the window's elements into carried values.
using Fold = function_ref<Values(Value value, ValueRange carried)>;
using Over = function_ref<Values(ValueRange init, Fold fold)>;

/// The poolings with windows of one size.
LogicalResult emitWindows(KernelContext &context,
                          function_ref<Value(const Windows &windows, const Position &position, int64_t lanes, Over over)> element) {
  KernelBuilder &b = context.b;
  schedule::BufferType input = context.kernel.getAnchorType(0), output = context.kernel.getResultType();
  Windows windows = poolingWindows(context, input, output);
  Value channels = b.size(input.getSizes().back());
  return emitRows(
      context,
      [&](Row &row, Value column, int64_t lanes) {
        Position position = positionOf(b, row, windows.dims[0].output, windows.dims[1].output, windows.dims[2].output);
        Value line = b.add(b.mul(position.at[0], b.size(windows.dims[1].output)), position.at[1]);
        Value sample = b.mul(position.sample, b.size(windows.inputs()));
        return element(windows, position, lanes, [&](ValueRange init, Fold fold) {
          return overTaps(b, windows, line, position.at[2], windows.tapsAt(2, position.at[2]), init,
                          [&](Value place, ValueRange carried) {
                            Value offset = b.add(b.mul(b.add(sample, place), channels), column);
                            return fold(b.widened(b.load(context.anchors[0], input.getElementType(), offset, lanes)), carried);
                          });
        });
      });
}

} // namespace

LogicalResult emitMaxPoolChannelsLast(KernelContext &context) {
  KernelBuilder &b = context.b;
  Type element = context.kernel.getAnchorType(0).getElementType();
  return emitWindows(context, [&](const Windows &, const Position &, int64_t lanes, Over over) {
    Values best = over(lowestOf(b, element, lanes), [&](Value value, ValueRange carried) {
      return Values{arith::SelectOp::create(b, isNewMaximum(b, element, value, carried[0]), value, carried[0])};
    });
    return b.rounded(best[0], element);
  });
}

LogicalResult emitAvgPoolChannelsLast(KernelContext &context) {
  KernelBuilder &b = context.b;
  Type element = context.kernel.getAnchorType(0).getElementType(), compute = KernelBuilder::computeType(element);
  return emitWindows(context, [&](const Windows &windows, const Position &position, int64_t lanes, Over over) -> Value {
    Value zero = b.constant(KernelBuilder::vectorOf(compute, lanes), 0);
    Values sum = over(zero, [&](Value value, ValueRange carried) { return Values{b.sum(carried[0], value)}; });
    Value divisor = b.broadcast(asElement(b, averageDivisor(context, windows, position.at), compute), lanes);
    if (isa<FloatType>(compute))
      return b.rounded(arith::DivFOp::create(b, sum[0], divisor), element);
    return arith::DivSIOp::create(b, sum[0], divisor);
  });
}

LogicalResult emitAdaptiveAvgPoolChannelsLast(KernelContext &context) {
  KernelBuilder &b = context.b;
  schedule::BufferType input = context.kernel.getAnchorType(0), output = context.kernel.getResultType();
  Type element = input.getElementType(), compute = KernelBuilder::computeType(element);
  auto spatial = [](schedule::BufferType type) {
    std::vector<DimExpr> sizes = type.getSizes();
    return std::vector<DimExpr>(sizes.begin() + 1, sizes.end() - 1);
  };
  AdaptiveWindows windows(b, spatial(input), spatial(output));
  Value channels = b.size(input.getSizes().back()), height = b.size(windows.inputs[1]), width = b.size(windows.inputs[2]);
  return emitRows(context, [&](Row &row, Value column, int64_t lanes) -> Value {
    Position position = positionOf(b, row, windows.outputs[0], windows.outputs[1], windows.outputs[2]);
    std::array<Range, 3> inside;
    for (int64_t d = 0; d < 3; ++d)
      inside[d] = windows.inputsOf(d, position.at[d]);
    Value plane = b.mul(position.sample, b.size(windows.inputs[0])), area = b.constant(1);
    for (const Range &range : inside)
      area = b.mul(area, b.sub(range.end, range.begin));
    Values sum = {b.constant(KernelBuilder::vectorOf(compute, lanes), 0)};
    sum = b.loop(inside[0].begin, inside[0].end, 1, sum, [&](Value z, ValueRange sum) {
      return b.loop(inside[1].begin, inside[1].end, 1, sum, [&](Value y, ValueRange sum) {
        Value line = b.mul(b.add(b.mul(b.add(plane, z), height), y), width);
        return b.loop(inside[2].begin, inside[2].end, 1, sum, [&](Value x, ValueRange sum) {
          Value offset = b.add(b.mul(b.add(line, x), channels), column);
          return Values{b.sum(sum[0], b.widened(b.load(context.anchors[0], element, offset, lanes)))};
        });
      });
    });
    return b.rounded(arith::DivFOp::create(b, sum[0], b.broadcast(asElement(b, area, compute), lanes)), element);
  });
}

} // namespace kiln::codegen
