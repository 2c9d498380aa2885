//===- PoolingChannelsLast.cpp - pooling of [N, ..., C] -------------------===//
//
// A unit is an output position; lanes are neighbouring channels of it, which all have the same taps. They are added up in the order of
// the taps, as where the channels come first. A unit of the maximum's gradient is a sample's block of channels, in which each window
// adds its cotangent to one of its elements, a tap after the other, as a vector: other lanes add 0.
//
//===----------------------------------------------------------------------===//

#include "Pooling.h"

#include "kiln/schedule/GridUnits.h"

using namespace mlir;

namespace kiln::codegen {

namespace {

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
        Position position =
            positionOf(b, row.getNumber(), {windows.dims[0].output, windows.dims[1].output, windows.dims[2].output});
        Value line = b.add(b.mul(position.at[0], b.size(windows.dims[1].output)), position.at[1]);
        Value sample = b.mul(position.plane, b.size(windows.inputs()));
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
  AdaptiveWindows windows(context, input, output, input.getRank() - 2);
  Value channels = b.size(input.getSizes().back()), height = b.size(windows.inputs[1]), width = b.size(windows.inputs[2]);
  return emitRows(context, [&](Row &row, Value column, int64_t lanes) -> Value {
    Position position = positionOf(b, row.getNumber(), windows.outputs);
    std::array<Range, 3> inside;
    for (int64_t d = 0; d < 3; ++d)
      inside[d] = windows.inputsOf(d, position.at[d]);
    Value plane = b.mul(position.plane, b.size(windows.inputs[0])), area = b.constant(1);
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

/// Whether each element is in one window.
static bool isTiling(const Windows &windows) {
  return llvm::all_of(windows.dims, [](const Windows::Dim &dim) {
    return dim.low == 0 && dim.dilation == 1 && dim.kernel == DimExpr(dim.stride) && dim.input == dim.output * dim.kernel;
  });
}

LogicalResult emitMaxPoolBackwardChannelsLast(KernelContext &context) {
  KernelBuilder &b = context.b;
  schedule::BufferType grad = context.kernel.getAnchorType(0), input = context.kernel.getAnchorType(1);
  Type element = input.getElementType();
  Windows windows = poolingWindows(context, input, grad);
  Value channels = b.size(input.getSizes().back()), result = context.results[0];
  Value end = b.minimum(b.mul(context.end1, schedule::kSummedColumns), channels);
  Value begin = b.minimum(b.mul(context.begin1, schedule::kSummedColumns), end);
  int64_t lanes = b.lanesOf(KernelBuilder::computeType(element));
  auto overColumns = [&](function_ref<void(Value, int64_t)> body) {
    Value middle = b.add(begin, b.roundDown(b.sub(end, begin), lanes));
    b.loop(begin, middle, lanes, [&](Value column) { body(column, lanes); });
    if (lanes > 1)
      b.loop(middle, end, 1, [&](Value column) { body(column, 1); });
  };
  auto zeroOf = [&](int64_t lanes) { return b.constant(KernelBuilder::vectorOf(KernelBuilder::computeType(element), lanes), 0); };
  bool storesOnce = isTiling(windows);

  // The taps of a window are counted, so that a lane's maximum is a number.
  auto emitWindow = [&](Value inputs, Value row, Value x, Value from, Value column, int64_t lanes) {
    Value first = b.integerConstant(b.getI32Type(), 0), one = b.integerConstant(b.getI32Type(), 1);
    Range taps = windows.tapsAt(2, x);
    auto offsetOf = [&](Value place) { return b.add(b.mul(b.add(inputs, place), channels), column); };
    Values best = overTaps(b, windows, row, x, taps, {lowestOf(b, element, lanes), b.broadcast(first, lanes), first},
                           [&](Value place, ValueRange carried) -> Values {
                             Value value = b.widened(b.load(context.anchors[1], element, offsetOf(place), lanes));
                             Value isNew = isNewMaximum(b, element, value, carried[0]), number = b.broadcast(carried[2], lanes);
                             return {arith::SelectOp::create(b, isNew, value, carried[0]),
                                     arith::SelectOp::create(b, isNew, number, carried[1]), b.sum(carried[2], one)};
                           });
    Value cotangent = b.widened(b.load(context.anchors[0], element, b.add(b.mul(from, channels), column), lanes));
    overTaps(b, windows, row, x, taps, first, [&](Value place, ValueRange number) {
      Value isMaximum = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, best[1], b.broadcast(number[0], lanes));
      Value before = storesOnce ? zeroOf(lanes) : b.widened(b.load(result, element, offsetOf(place), lanes));
      Value sum = b.sum(before, arith::SelectOp::create(b, isMaximum, cotangent, zeroOf(lanes)));
      b.store(b.rounded(sum, element), result, offsetOf(place));
      return Values{b.sum(number[0], one)};
    });
  };
  b.loop(context.begin0, context.end0, 1, [&](Value sample) {
    Value inputs = b.mul(sample, b.size(windows.inputs())), outputs = b.mul(sample, b.size(windows.outputs()));
    if (!storesOnce)
      b.loop(inputs, b.add(inputs, b.size(windows.inputs())), 1, [&](Value position) {
        overColumns([&](Value column, int64_t lanes) {
          b.store(b.rounded(zeroOf(lanes), element), result, b.add(b.mul(position, channels), column));
        });
      });
    Value width = b.size(windows.dims[2].output);
    b.loop(b.constant(0), b.size(windows.outputRows()), 1, [&](Value row) {
      b.loop(b.constant(0), width, 1, [&](Value x) {
        Value from = b.add(outputs, b.add(b.mul(row, width), x));
        overColumns([&](Value column, int64_t lanes) { emitWindow(inputs, row, x, from, column, lanes); });
      });
    });
  });
  return success();
}

} // namespace kiln::codegen
