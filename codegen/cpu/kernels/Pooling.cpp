//===- Pooling.cpp - maxima and averages of windows -----------------------===//
//
// A unit is a row of the result; lanes are neighbouring positions of it, where all their taps are inside the input. Averages are
// added up in the order of the taps.
//
//===----------------------------------------------------------------------===//

#include "Pooling.h"
#include "Kernels.h"

#include <limits>

using namespace mlir;

namespace kiln::codegen {

Windows poolingWindows(KernelContext &context, schedule::BufferType input, schedule::BufferType output) {
  ArrayRef<int64_t> kernel = listAttribute(context, "kernel_size");
  std::vector<DimExpr> taps(kernel.begin(), kernel.end());
  return Windows(context, pooledSizes(context, input, kernel.size()), pooledSizes(context, output, kernel.size()), taps,
                 "padding");
}

std::vector<DimExpr> pooledSizes(KernelContext &context, schedule::BufferType type, size_t count) {
  std::vector<DimExpr> sizes = lastSizes(type, count + (isChannelsLast(context) ? 1 : 0));
  sizes.resize(count);
  return sizes;
}

Position positionOf(KernelBuilder &b, Value number, const std::array<DimExpr, 3> &sizes) {
  Value line = b.div(number, b.size(sizes[2])), plane = b.div(line, b.size(sizes[1]));
  return {b.div(plane, b.size(sizes[0])),
          {b.rem(plane, b.size(sizes[0])), b.rem(line, b.size(sizes[1])), b.rem(number, b.size(sizes[2]))}};
}

Value lowestOf(KernelBuilder &b, Type element, int64_t lanes) {
  Type type = KernelBuilder::vectorOf(KernelBuilder::computeType(element), lanes);
  if (isa<FloatType>(element))
    return b.constant(type, -std::numeric_limits<double>::infinity());
  unsigned width = element.getIntOrFloatBitWidth();
  return b.integerConstant(type, element.isUnsignedInteger() ? 0 : llvm::minIntN(width));
}

Value isNewMaximum(KernelBuilder &b, Type element, Value value, Value best) {
  if (!isa<FloatType>(element))
    return arith::CmpIOp::create(b, element.isUnsignedInteger() ? arith::CmpIPredicate::ugt : arith::CmpIPredicate::sgt, value,
                                 best);
  Value isLarger = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, value, best);
  return arith::OrIOp::create(b, isLarger, arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, value, value));
}

Values overTaps(KernelBuilder &b, const Windows &windows, Value row, Value column, Range columnTaps, ValueRange init,
                function_ref<Values(Value input, ValueRange carried)> body) {
  Value height = b.size(windows.dims[1].output), z = b.div(row, height), y = b.rem(row, height);
  Range planeTaps = windows.tapsAt(0, z), rowTaps = windows.tapsAt(1, y);
  return b.loop(planeTaps.begin, planeTaps.end, 1, init, [&](Value kz, ValueRange carried) {
    return b.loop(rowTaps.begin, rowTaps.end, 1, carried, [&](Value ky, ValueRange carried) {
      Value line = b.add(b.mul(windows.inputAt(0, z, kz), b.size(windows.dims[1].input)), windows.inputAt(1, y, ky));
      return b.loop(columnTaps.begin, columnTaps.end, 1, carried, [&](Value kx, ValueRange carried) {
        return body(b.add(b.mul(line, b.size(windows.dims[2].input)), windows.inputAt(2, column, kx)), carried);
      });
    });
  });
}

namespace {

/// What the poolings with windows of one size have in common: the walk over rows and columns.
class Pooling {
public:
  explicit Pooling(KernelContext &context)
      : context(context), b(context.b), writer(b, context.kernel, context.extras, context.results.front()),
        input(context.kernel.getAnchorType(0)), element(input.getElementType()), compute(KernelBuilder::computeType(element)),
        windows(poolingWindows(context, input, context.kernel.getResultType())) {}

  /// Computes the element at `column` of a row of a plane, and the next ones, from its taps.
  using Element = function_ref<Value(Value plane, Value row, Value column, int64_t lanes, Range taps)>;
  LogicalResult emit(ArrayRef<int64_t> widths, Element element);

  Values overInputs(Value plane, Value row, Value column, int64_t lanes, Range taps, ValueRange init,
                    function_ref<Values(Value value, Value input, ValueRange)> body);

  KernelContext &context;
  KernelBuilder &b;
  ResultWriter writer;
  schedule::BufferType input;
  Type element, compute;
  Windows windows;
};

LogicalResult Pooling::emit(ArrayRef<int64_t> widths, Element elementOf) {
  LogicalResult result = success();
  Value rows = b.size(windows.outputRows());
  b.loop(context.begin0, context.end0, 1, [&](Value number) {
    Value plane = b.div(number, rows), row = b.rem(number, rows);
    windows.overColumns(widths, [&](Value column, int64_t lanes, Range taps) {
      Row line(writer.getBox(), number);
      if (failed(writer.write(line, column, lanes, elementOf(plane, row, column, lanes, taps))))
        result = failure();
    });
  });
  return result;
}

/// Calls `body` with each element of the windows and its place in its plane.
Values Pooling::overInputs(Value plane, Value row, Value column, int64_t lanes, Range taps, ValueRange init,
                           function_ref<Values(Value, Value, ValueRange)> body) {
  Value begin = b.mul(plane, b.size(windows.inputs())), step = b.constant(windows.dims[2].stride);
  return overTaps(b, windows, row, column, taps, init, [&](Value place, ValueRange carried) {
    Value at = b.add(begin, place);
    Value value = windows.dims[2].stride == 1 ? b.load(context.anchors[0], element, at, lanes)
                                              : b.loadStrided(context.anchors[0], element, at, step, lanes);
    return body(b.widened(value), place, carried);
  });
}

} // namespace

LogicalResult emitMaxPool(KernelContext &context) {
  if (isChannelsLast(context))
    return emitMaxPoolChannelsLast(context);
  KernelBuilder &b = context.b;
  Pooling pooling(context);
  return pooling.emit(Windows::widthsOf(b.lanesOf(pooling.compute)),
                      [&](Value plane, Value row, Value column, int64_t lanes, Range taps) {
                        Values best = pooling.overInputs(plane, row, column, lanes, taps, lowestOf(b, pooling.element, lanes),
                                                         [&](Value value, Value, ValueRange carried) {
                                                           Value isNew = isNewMaximum(b, pooling.element, value, carried[0]);
                                                           return Values{arith::SelectOp::create(b, isNew, value, carried[0])};
                                                         });
                        return b.rounded(best[0], pooling.element);
                      });
}

LogicalResult emitMaxPoolIndices(KernelContext &context) {
  KernelBuilder &b = context.b;
  Pooling pooling(context);
  return pooling.emit({1}, [&](Value plane, Value row, Value column, int64_t lanes, Range taps) {
    Values init = {lowestOf(b, pooling.element, 1), b.constant(-1)};
    Values best = pooling.overInputs(plane, row, column, lanes, taps, init, [&](Value value, Value place, ValueRange carried) {
      // The first element is the maximum so far, be it the lowest number.
      Value isFirst = b.lessThan(carried[1], b.constant(0));
      Value isNew = arith::OrIOp::create(b, isFirst, isNewMaximum(b, pooling.element, value, carried[0]));
      return Values{arith::SelectOp::create(b, isNew, value, carried[0]), arith::SelectOp::create(b, isNew, place, carried[1])};
    });
    return best[1];
  });
}

//===----------------------------------------------------------------------===//
// Averages
//===----------------------------------------------------------------------===//

Value averageDivisor(KernelContext &context, const Windows &windows, ArrayRef<Value> position) {
  KernelBuilder &b = context.b;
  if (auto divisor = dyn_cast_if_present<IntegerAttr>(context.kernel.getAnchorAttribute("divisor_override")))
    return b.constant(divisor.getInt());
  bool countsPadding = boolAttribute(context, "count_include_pad");
  Value divisor = b.constant(1);
  for (size_t dim = 0; dim < windows.dims.size(); ++dim) {
    const Windows::Dim &d = windows.dims[dim];
    Value begin = b.sub(b.mul(position[dim], d.stride), b.constant(d.low));
    // Not beyond the padding, where the last window may reach.
    Value end = b.minimum(b.add(begin, b.size(d.kernel)), b.add(b.size(d.input), d.low));
    if (!countsPadding) {
      begin = b.maximum(begin, b.constant(0));
      end = b.minimum(end, b.size(d.input));
    }
    divisor = b.mul(divisor, b.sub(end, begin));
  }
  return divisor;
}

Value asElement(KernelBuilder &b, Value integer, Type compute) {
  if (isa<FloatType>(compute))
    return arith::SIToFPOp::create(b, compute, integer);
  return integer; // of i64
}

LogicalResult emitAvgPool(KernelContext &context) {
  if (isChannelsLast(context))
    return emitAvgPoolChannelsLast(context);
  KernelBuilder &b = context.b;
  Pooling pooling(context);
  return pooling.emit(Windows::widthsOf(b.lanesOf(pooling.compute)),
                      [&](Value plane, Value row, Value column, int64_t lanes, Range taps) -> Value {
                        Value zero = b.constant(KernelBuilder::vectorOf(pooling.compute, lanes), 0);
                        Values sum = pooling.overInputs(
                            plane, row, column, lanes, taps, zero,
                            [&](Value value, Value, ValueRange carried) { return Values{b.sum(carried[0], value)}; });
                        // Where there are several lanes, all their taps are inside: the first one's divisor is everyone's.
                        Value height = b.size(pooling.windows.dims[1].output);
                        Value number = averageDivisor(context, pooling.windows, {b.div(row, height), b.rem(row, height), column});
                        Value divisor = b.broadcast(asElement(b, number, pooling.compute), lanes);
                        if (isa<FloatType>(pooling.compute))
                          return b.rounded(arith::DivFOp::create(b, sum[0], divisor), pooling.element);
                        return arith::DivSIOp::create(b, sum[0], divisor);
                      });
}

//===----------------------------------------------------------------------===//
// Adaptive averages
//===----------------------------------------------------------------------===//

AdaptiveWindows::AdaptiveWindows(KernelContext &context, schedule::BufferType input, schedule::BufferType output, size_t rank)
    : b(context.b) {
  llvm::copy(pooledSizes(context, input, rank), inputs.end() - rank);
  llvm::copy(pooledSizes(context, output, rank), outputs.end() - rank);
}

/// Positions of `from` that position `at` of `to` shares: at * from / to rounded down, (at + 1) * from / to rounded up.
static Range shared(KernelBuilder &b, Value at, const DimExpr &from, const DimExpr &to) {
  Value sizeFrom = b.size(from), sizeTo = b.size(to);
  Value end = b.add(b.mul(b.add(at, 1), sizeFrom), b.sub(sizeTo, b.constant(1)));
  return {b.div(b.mul(at, sizeFrom), sizeTo), b.div(end, sizeTo)};
}

Range AdaptiveWindows::inputsOf(int64_t dim, Value output) const { return shared(b, output, inputs[dim], outputs[dim]); }
Range AdaptiveWindows::outputsOf(int64_t dim, Value input) const { return shared(b, input, outputs[dim], inputs[dim]); }

/// Rows of the window are added up in vectors.
LogicalResult emitAdaptiveAvgPool(KernelContext &context) {
  if (isChannelsLast(context))
    return emitAdaptiveAvgPoolChannelsLast(context);
  KernelBuilder &b = context.b;
  schedule::BufferType input = context.kernel.getAnchorType(0), output = context.kernel.getResultType();
  Type element = input.getElementType(), compute = KernelBuilder::computeType(element);
  AdaptiveWindows windows(context, input, output,
                          cast<ir::ShapeAttr>(context.kernel.getAnchorAttribute("output_size")).getRank());
  Value height = b.size(windows.inputs[1]), width = b.size(windows.inputs[2]);
  Value outputHeight = b.size(windows.outputs[1]), rows = b.size(windows.outputs[0] * windows.outputs[1]);
  SmallVector<int64_t, 3> widths = Windows::widthsOf(b.lanesOf(compute));
  return emitRows(
      context,
      [&](Row &line, Value column, int64_t) -> Value {
        Value plane = b.div(line.getNumber(), rows), row = b.rem(line.getNumber(), rows);
        Range zs = windows.inputsOf(0, b.div(row, outputHeight)), ys = windows.inputsOf(1, b.rem(row, outputHeight)),
              xs = windows.inputsOf(2, column);
        Values zeros;
        for (int64_t lanes : widths)
          zeros.push_back(b.constant(KernelBuilder::vectorOf(compute, lanes), 0));
        Values sums = b.loop(zs.begin, zs.end, 1, zeros, [&](Value z, ValueRange sums) {
          return b.loop(ys.begin, ys.end, 1, sums, [&](Value y, ValueRange sums) {
            Value begin = b.mul(b.add(b.mul(b.add(b.mul(plane, b.size(windows.inputs[0])), z), height), y), width);
            Values next;
            Value x = xs.begin;
            for (auto [number, lanes] : llvm::enumerate(widths)) {
              Value end = lanes == 1 ? xs.end : b.add(x, b.roundDown(b.sub(xs.end, x), lanes));
              next.push_back(b.loop(x, end, lanes, sums[number], [&, lanes = lanes](Value x, ValueRange carried) {
                return Values{b.sum(carried[0], b.widened(b.load(context.anchors[0], element, b.add(begin, x), lanes)))};
              })[0]);
              x = end;
            }
            return next;
          });
        });
        Value sum = b.sumOfLanes(sums[0]);
        for (Value other : ArrayRef(sums).drop_front())
          sum = b.sum(sum, b.sumOfLanes(other));
        Value area = b.mul(b.mul(b.sub(zs.end, zs.begin), b.sub(ys.end, ys.begin)), b.sub(xs.end, xs.begin));
        return b.rounded(arith::DivFOp::create(b, sum, asElement(b, area, compute)), element);
      },
      /*lanes=*/1);
}

} // namespace kiln::codegen
