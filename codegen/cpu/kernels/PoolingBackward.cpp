//===- PoolingBackward.cpp - gradients of pooling -------------------------===//
//
// Averages: each element of the input gathers from the windows that it is in. Maxima: a unit is a plane, in which each window
// adds its cotangent where its maximum is, one window after another; a 16-bit element is rounded at each addition, of which there
// are as many as windows share it.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "Pooling.h"

using namespace mlir;

namespace kiln::codegen {

/// Calls `body` with the number of each row of the units' planes or rows, and stores what it computes for each column.
static LogicalResult emitElements(KernelContext &context, function_ref<Value(Value row, Value column)> body) {
  return emitRows(
      context, [&](Row &row, Value column, int64_t) { return body(row.getNumber(), column); }, /*lanes=*/1);
}

LogicalResult emitMaxPoolBackward(KernelContext &context) {
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

LogicalResult emitAvgPoolBackward(KernelContext &context) {
  KernelBuilder &b = context.b;
  schedule::BufferType grad = context.kernel.getAnchorType(0), output = context.kernel.getResultType();
  Type element = grad.getElementType(), compute = KernelBuilder::computeType(element);
  Windows windows = poolingWindows(context, output, grad);
  Value rows = b.size(windows.inputRows()), height = b.size(windows.dims[1].input);
  // The windows that hold an input position: those whose first tap is at most it and whose last tap is at least it.
  auto windowsOf = [&](int64_t dim, Value input) -> Range {
    const Windows::Dim &d = windows.dims[dim];
    Value shifted = b.add(input, d.low), before = b.maximum(b.sub(b.add(shifted, d.stride), b.size(d.kernel)), b.constant(0));
    Value begin = b.div(before, d.stride), end = b.add(b.div(shifted, d.stride), 1);
    return {begin, b.minimum(end, b.size(d.output))};
  };
  return emitElements(context, [&](Value number, Value column) -> Value {
    Value plane = b.div(number, rows), row = b.rem(number, rows);
    Range zs = windowsOf(0, b.div(row, height)), ys = windowsOf(1, b.rem(row, height)), xs = windowsOf(2, column);
    Value zero = b.constant(compute, 0);
    Values sum = b.loop(zs.begin, zs.end, 1, zero, [&](Value z, ValueRange sum) {
      return b.loop(ys.begin, ys.end, 1, sum, [&](Value y, ValueRange sum) {
        return b.loop(xs.begin, xs.end, 1, sum, [&](Value x, ValueRange sum) {
          Value line = b.add(b.mul(b.add(b.mul(plane, b.size(windows.dims[0].output)), z), b.size(windows.dims[1].output)), y);
          Value g = b.widened(b.load(context.anchors[0], element, b.add(b.mul(line, b.size(windows.dims[2].output)), x)));
          Value divisor = asElement(b, averageDivisor(context, windows, {z, y, x}), compute);
          return Values{b.sum(sum[0], arith::DivFOp::create(b, g, divisor))};
        });
      });
    });
    return b.rounded(sum[0], element);
  });
}

LogicalResult emitAdaptiveAvgPoolBackward(KernelContext &context) {
  KernelBuilder &b = context.b;
  schedule::BufferType grad = context.kernel.getAnchorType(0), output = context.kernel.getResultType();
  Type element = grad.getElementType(), compute = KernelBuilder::computeType(element);
  int64_t rank = cast<ir::ShapeAttr>(context.kernel.getAnchorAttribute("input_size")).getRank();
  AdaptiveWindows windows(b, lastSizes(output, rank), lastSizes(grad, rank));
  Value rows = b.size(windows.inputs[0] * windows.inputs[1]), height = b.size(windows.inputs[1]);
  return emitElements(context, [&](Value number, Value column) -> Value {
    Value plane = b.div(number, rows), row = b.rem(number, rows);
    Range zs = windows.outputsOf(0, b.div(row, height)), ys = windows.outputsOf(1, b.rem(row, height)),
          xs = windows.outputsOf(2, column);
    auto length = [&](int64_t dim, Value at) {
      Range inputs = windows.inputsOf(dim, at);
      return b.sub(inputs.end, inputs.begin);
    };
    Value zero = b.constant(compute, 0);
    Values sum = b.loop(zs.begin, zs.end, 1, zero, [&](Value z, ValueRange sum) {
      return b.loop(ys.begin, ys.end, 1, sum, [&](Value y, ValueRange sum) {
        return b.loop(xs.begin, xs.end, 1, sum, [&](Value x, ValueRange sum) {
          Value line = b.add(b.mul(b.add(b.mul(plane, b.size(windows.outputs[0])), z), b.size(windows.outputs[1])), y);
          Value g = b.widened(b.load(context.anchors[0], element, b.add(b.mul(line, b.size(windows.outputs[2])), x)));
          Value area = b.mul(b.mul(length(0, z), length(1, y)), length(2, x));
          return Values{b.sum(sum[0], arith::DivFOp::create(b, g, asElement(b, area, compute)))};
        });
      });
    });
    return b.rounded(sum[0], element);
  });
}

} // namespace kiln::codegen
