//===- PoolingBackward.cpp - gradients of pooling -------------------------===//
//
// Averages: each element of the input gathers from the windows that it is in; lanes are channels, where these come last. Maxima: a
// unit is a plane, in which each window adds its cotangent where its maximum is, one window after another; a 16-bit element is
// rounded at each addition, of which there are as many as windows share it.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "Pooling.h"

using namespace mlir;

namespace kiln::codegen {

LogicalResult emitMaxPoolBackward(KernelContext &context) {
  if (isChannelsLast(context))
    return emitMaxPoolBackwardChannelsLast(context);
  KernelBuilder &b = context.b;
  schedule::BufferType grad = context.kernel.getAnchorType(0), input = context.kernel.getAnchorType(1);
  Type element = input.getElementType();
  Windows windows = poolingWindows(context, input, grad);
  Value result = context.results[0], zero = b.constant(0), size = b.size(windows.inputs());
  int64_t lanes = b.lanesOf(element);
  b.loop(context.begin0, context.end0, 1, [&](Value plane) {
    Value begin = b.mul(plane, size), end = b.add(begin, size), middle = b.add(begin, b.roundDown(size, lanes));
    auto clear = [&](Value from, Value to, int64_t width) {
      b.loop(from, to, width, [&](Value at) { b.store(b.constant(KernelBuilder::vectorOf(element, width), 0), result, at); });
    };
    clear(begin, middle, lanes);
    clear(middle, end, 1);
    b.loop(zero, b.size(windows.outputRows()), 1, [&](Value row) {
      Value line = b.add(b.mul(plane, b.size(windows.outputRows())), row);
      windows.overColumns({1}, [&](Value column, int64_t, Range taps) {
        Values init = {lowestOf(b, element, 1), b.constant(-1)};
        Values best = overTaps(b, windows, row, column, taps, init, [&](Value place, ValueRange carried) {
          Value value = b.widened(b.load(context.anchors[1], element, b.add(begin, place)));
          Value isFirst = b.lessThan(carried[1], zero);
          Value isNew = arith::OrIOp::create(b, isFirst, isNewMaximum(b, element, value, carried[0]));
          return Values{arith::SelectOp::create(b, isNew, value, carried[0]),
                        arith::SelectOp::create(b, isNew, place, carried[1])};
        });
        b.when(b.atLeast(best[1], zero), [&] { // a window may have no tap inside
          Value at = b.add(begin, best[1]), from = b.add(b.mul(line, b.size(windows.dims[2].output)), column);
          Value sum = b.sum(b.widened(b.load(result, element, at)), b.widened(b.load(context.anchors[0], element, from)));
          b.store(b.rounded(sum, element), result, at);
        });
      });
    });
  });
  return success();
}

/// Calls `windows(dim, at)` for those that hold an input position, and sums up their cotangents, each divided by
/// `divisor(window)`.
static LogicalResult emitAverages(KernelContext &context, const std::array<DimExpr, 3> &inputs,
                                  const std::array<DimExpr, 3> &outputs, function_ref<Range(int64_t dim, Value at)> windows,
                                  function_ref<Value(ArrayRef<Value> window)> divisor) {
  KernelBuilder &b = context.b;
  schedule::BufferType grad = context.kernel.getAnchorType(0);
  Type element = grad.getElementType(), compute = KernelBuilder::computeType(element);
  bool isLast = isChannelsLast(context);
  return emitRows(
      context,
      [&](Row &row, Value column, int64_t lanes) -> Value {
        // A row's elements are the channels of a position, or the positions of a line.
        Position position = positionOf(b, row.getNumber(), isLast ? inputs : std::array<DimExpr, 3>{inputs[0], inputs[1], 1});
        if (!isLast)
          position.at[2] = column;
        Range zs = windows(0, position.at[0]), ys = windows(1, position.at[1]), xs = windows(2, position.at[2]);
        Value zero = b.constant(KernelBuilder::vectorOf(compute, lanes), 0);
        Values sum = b.loop(zs.begin, zs.end, 1, zero, [&](Value z, ValueRange sum) {
          return b.loop(ys.begin, ys.end, 1, sum, [&](Value y, ValueRange sum) {
            return b.loop(xs.begin, xs.end, 1, sum, [&](Value x, ValueRange sum) {
              Value line = b.add(b.mul(b.add(b.mul(position.plane, b.size(outputs[0])), z), b.size(outputs[1])), y);
              Value offset = b.add(b.mul(line, b.size(outputs[2])), x);
              if (isLast)
                offset = b.add(b.mul(offset, b.size(grad.getSizes().back())), column);
              Value cotangent = b.widened(b.load(context.anchors[0], element, offset, lanes));
              Value number = b.broadcast(asElement(b, divisor({z, y, x}), compute), lanes);
              return Values{b.sum(sum[0], arith::DivFOp::create(b, cotangent, number))};
            });
          });
        });
        return b.rounded(sum[0], element);
      },
      /*lanes=*/isLast ? 0 : 1);
}

LogicalResult emitAvgPoolBackward(KernelContext &context) {
  KernelBuilder &b = context.b;
  Windows windows = poolingWindows(context, context.kernel.getResultType(), context.kernel.getAnchorType(0));
  // The windows that hold an input position: those whose first tap is at most it and whose last tap is at least it.
  auto windowsOf = [&](int64_t dim, Value input) -> Range {
    const Windows::Dim &d = windows.dims[dim];
    Value shifted = b.add(input, d.low), before = b.maximum(b.sub(b.add(shifted, d.stride), b.size(d.kernel)), b.constant(0));
    Value begin = b.div(before, d.stride), end = b.add(b.div(shifted, d.stride), 1);
    return {begin, b.minimum(end, b.size(d.output))};
  };
  std::array<DimExpr, 3> inputs, outputs;
  for (auto [dim, input, output] : llvm::zip_equal(windows.dims, inputs, outputs))
    input = dim.input, output = dim.output;
  return emitAverages(context, inputs, outputs, windowsOf,
                      [&](ArrayRef<Value> window) { return averageDivisor(context, windows, window); });
}

LogicalResult emitAdaptiveAvgPoolBackward(KernelContext &context) {
  KernelBuilder &b = context.b;
  AdaptiveWindows windows(context, context.kernel.getResultType(), context.kernel.getAnchorType(0),
                          cast<ir::ShapeAttr>(context.kernel.getAnchorAttribute("input_size")).getRank());
  return emitAverages(
      context, windows.inputs, windows.outputs, [&](int64_t dim, Value at) { return windows.outputsOf(dim, at); },
      [&](ArrayRef<Value> window) {
        Value area = b.constant(1);
        for (auto [dim, at] : llvm::enumerate(window)) {
          Range inputs = windows.inputsOf(static_cast<int64_t>(dim), at);
          area = b.mul(area, b.sub(inputs.end, inputs.begin));
        }
        return area;
      });
}

} // namespace kiln::codegen
