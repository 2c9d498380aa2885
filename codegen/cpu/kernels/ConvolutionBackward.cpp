//===- ConvolutionBackward.cpp - gradients of convolutions ----------------===//
//
// The input's gradient gathers: each element is the sum over the output positions that have read it, so nothing is added to in
// memory. Elements of a row that are `stride` apart are read by the same taps, and their output positions are neighbours: lanes
// are those. The weight's gradient is dot products of rows of the cotangent with rows of the input, one sample after another.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "Precision.h"
#include "Windows.h"

#include "kiln/schedule/GridUnits.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace kiln::codegen {

using schedule::kChannelBlock;

namespace {

/// What both gradients are made of: the three tensors of the convolution by what they are.
struct ConvolutionTypes {
  schedule::BufferType input, weight, output;
  Type element, compute;
  Windows windows;
  int64_t groups;

  ConvolutionTypes(KernelContext &context, schedule::BufferType input, schedule::BufferType weight, schedule::BufferType output)
      : input(input), weight(weight), output(output), element(output.getElementType()),
        compute(KernelBuilder::computeType(element)),
        windows(context, sizesFrom(input, 2), sizesFrom(output, 2), sizesFrom(weight, 2), "padding_low"),
        groups(integerAttribute(context, "groups")) {}
};

/// Calls `body(group number, first channel in the group, count)` for blocks of the channels of groups, of which there are any
/// number: whole blocks, else single channels. Units are blocks.
void overChannelBlocks(KernelContext &context, const DimExpr &groupSize, function_ref<void(Value, Value, int64_t)> body) {
  KernelBuilder &b = context.b;
  Value size = b.size(groupSize), blocks = b.size((groupSize + DimExpr(kChannelBlock - 1)).floordiv(kChannelBlock));
  b.loop(context.begin0, context.end0, 1, [&](Value unit) {
    Value group = b.div(unit, blocks), first = b.mul(b.rem(unit, blocks), kChannelBlock), left = b.sub(size, first);
    b.when(
        b.atLeast(left, b.constant(kChannelBlock)), [&] { body(group, first, kChannelBlock); },
        [&] { b.loop(first, size, 1, [&](Value channel) { body(group, channel, 1); }); });
  });
}

//===----------------------------------------------------------------------===//
// The input's
//===----------------------------------------------------------------------===//

class InputGradient {
public:
  explicit InputGradient(KernelContext &context)
      : context(context), b(context.b), writer(b, context.kernel, context.extras, context.results.front()),
        types(context, context.kernel.getResultType(), context.kernel.getAnchorType(1), context.kernel.getAnchorType(0)),
        windows(types.windows) {}

  LogicalResult emit();

private:
  struct Channels {
    Value sample, group, first; // the latter within the group
    int64_t count;
  };
  /// The output position that reads an input position by a tap; `isOne` where there is one.
  struct Source {
    Value position, isOne;
  };
  Source sourceOf(int64_t dim, Value at, Value tap);
  void emitRow(const Channels &channels, Value row);
  void emitTile(const Channels &channels, Value row, Value phase, Value position, int64_t lanes);
  void write(const Channels &channels, Value row, Value column, int64_t lanes, ValueRange sums);

  KernelContext &context;
  KernelBuilder &b;
  ResultWriter writer;
  ConvolutionTypes types;
  Windows &windows;
  LogicalResult result = success();
};

LogicalResult InputGradient::emit() {
  overChannelBlocks(context, types.weight.getSizes()[1], [&](Value groupNumber, Value first, int64_t count) {
    Value sample = b.div(groupNumber, types.groups), group = b.rem(groupNumber, b.constant(types.groups));
    b.loop(context.begin1, context.end1, 1, [&](Value row) { emitRow({sample, group, first, count}, row); });
  });
  return result;
}

InputGradient::Source InputGradient::sourceOf(int64_t dim, Value at, Value tap) {
  const Windows::Dim &d = windows.dims[dim];
  // at + low - tap * dilation = position * stride. Shifted by a multiple of the stride, nothing is negative.
  Value shift = b.mul(b.size(d.kernel), d.dilation);
  Value distance = b.add(b.sub(b.add(at, d.low), b.mul(tap, d.dilation)), b.mul(shift, d.stride));
  Value position = b.sub(b.div(distance, d.stride), shift);
  return {position, b.equal(b.rem(distance, b.constant(d.stride)), b.constant(0))};
}

void InputGradient::emitRow(const Channels &channels, Value row) {
  const Windows::Dim &d = windows.dims[2];
  Value width = b.size(d.input), zero = b.constant(0), outputs = b.size(d.output);
  b.loop(zero, b.minimum(b.constant(d.stride), width), 1, [&](Value phase) {
    // Positions phase, phase + stride, ...: number j reads the cotangent at j + first or later, up to j + last.
    Value count = b.div(b.add(b.sub(width, phase), d.stride - 1), d.stride);
    Value first = sourceOf(2, phase, b.sub(b.size(d.kernel), b.constant(1))).position, last = sourceOf(2, phase, zero).position;
    Value begin = b.minimum(b.maximum(b.sub(zero, first), zero), count);
    Value end = b.maximum(begin, b.minimum(b.sub(outputs, last), count));
    auto cover = [&](Value from, Value to, int64_t lanes) {
      b.loop(from, to, lanes, [&](Value position) { emitTile(channels, row, phase, position, lanes); });
    };
    cover(zero, begin, 1);
    for (int64_t lanes : Windows::widthsOf(b.lanesOf(types.compute))) {
      Value middle = lanes == 1 ? count : b.add(begin, b.roundDown(b.sub(end, begin), lanes));
      cover(begin, middle, lanes);
      begin = middle;
    }
  });
}

void InputGradient::emitTile(const Channels &channels, Value row, Value phase, Value position, int64_t lanes) {
  Value height = b.size(windows.dims[1].input), zero = b.constant(0), outputs = b.size(windows.dims[2].output);
  Value z = b.div(row, height), y = b.rem(row, height);
  Value groupOutputs = b.size(types.output.getSizes()[1].floordiv(types.groups)), taps = b.size(windows.taps());
  Value firstOutput = b.mul(channels.group, groupOutputs);
  Value firstPlane = b.add(b.mul(channels.sample, b.size(types.output.getSizes()[1])), firstOutput);
  Value weightStep = b.mul(b.size(types.weight.getSizes()[1]), taps); // from an output channel to the next
  auto isInside = [&](Value at, const DimExpr &size) -> Value {
    return arith::AndIOp::create(b, b.atLeast(at, zero), b.lessThan(at, b.size(size)));
  };
  auto both = [&](Value x, Value y) -> Value { return arith::AndIOp::create(b, x, y); };

  Values sums(channels.count, b.constant(KernelBuilder::vectorOf(types.compute, lanes), 0));
  auto over = [&](Value count, ValueRange sums, function_ref<Values(Value, ValueRange)> body) {
    return b.loop(zero, count, 1, sums, body);
  };
  auto kernelSize = [&](int64_t dim) { return b.size(windows.dims[dim].kernel); };
  sums = over(kernelSize(0), sums, [&](Value kz, ValueRange sums) {
    Source plane = sourceOf(0, z, kz);
    Value hasPlane = both(plane.isOne, isInside(plane.position, windows.dims[0].output));
    return over(kernelSize(1), sums, [&](Value ky, ValueRange sums) {
      Source line = sourceOf(1, y, ky);
      Value hasLine = both(hasPlane, both(line.isOne, isInside(line.position, windows.dims[1].output)));
      return over(kernelSize(2), sums, [&](Value kx, ValueRange sums) {
        Source column = sourceOf(2, phase, kx);
        Value at = b.add(position, column.position);
        Value has = both(hasLine, both(column.isOne, isInside(at, windows.dims[2].output)));
        // A tap that none reads this element by adds up no channels.
        Value channelsRead = arith::SelectOp::create(b, has, groupOutputs, zero);
        Value tap = b.add(b.mul(b.add(b.mul(kz, kernelSize(1)), ky), kernelSize(2)), kx);
        Value place = b.add(b.mul(b.add(b.mul(plane.position, b.size(windows.dims[1].output)), line.position), outputs), at);
        return over(channelsRead, sums, [&](Value channel, ValueRange sums) {
          Value from = b.add(b.mul(b.add(firstPlane, channel), b.size(windows.outputs())), place);
          Value g = b.widened(b.load(context.anchors[0], types.element, from, lanes));
          Value w = b.add(b.add(b.mul(b.add(firstOutput, channel), weightStep), b.mul(channels.first, taps)), tap);
          Values next;
          for (int64_t i = 0; i < channels.count; ++i) {
            Value factor = b.widened(b.load(context.anchors[1], types.element, b.add(w, b.mul(taps, i))));
            next.push_back(b.multiplyAdd(g, b.broadcast(factor, lanes), sums[i]));
          }
          return next;
        });
      });
    });
  });
  write(channels, row, b.add(phase, b.mul(position, windows.dims[2].stride)), lanes, sums);
}

/// Lanes are `stride` apart in the row.
void InputGradient::write(const Channels &channels, Value row, Value column, int64_t lanes, ValueRange sums) {
  int64_t stride = windows.dims[2].stride;
  for (int64_t i = 0; i < channels.count; ++i) {
    Value groupNumber = b.add(b.mul(channels.sample, types.groups), channels.group);
    Value plane = b.add(b.mul(groupNumber, b.size(types.weight.getSizes()[1])), b.add(channels.first, i));
    Row line(writer.getBox(), b.add(b.mul(plane, b.size(windows.inputRows())), row));
    Value sum = b.rounded(sums[i], types.element);
    if (stride == 1 || lanes == 1) {
      if (failed(writer.write(line, column, lanes, sum)))
        result = failure();
      continue;
    }
    for (int64_t lane = 0; lane < lanes; ++lane) {
      Value single = vector::ExtractOp::create(b, sum, ArrayRef<int64_t>{lane});
      if (failed(writer.write(line, b.add(column, lane * stride), 1, single)))
        result = failure();
    }
  }
}

//===----------------------------------------------------------------------===//
// The weight's
//===----------------------------------------------------------------------===//

class WeightGradient {
public:
  explicit WeightGradient(KernelContext &context)
      : context(context), b(context.b), writer(b, context.kernel, context.extras, context.results.front()),
        types(context, context.kernel.getAnchorType(1), context.kernel.getResultType(), context.kernel.getAnchorType(0)),
        windows(types.windows) {}

  LogicalResult emit();

private:
  void emitTap(Value group, Value firstOutput, int64_t count, Value channel, Value kz, Value ky, Value kx);

  KernelContext &context;
  KernelBuilder &b;
  ResultWriter writer;
  ConvolutionTypes types;
  Windows &windows;
  LogicalResult result = success();
};

/// Units of axis 0 are blocks of output channels of a group, of axis 1 input channels of the group.
LogicalResult WeightGradient::emit() {
  overChannelBlocks(context, types.output.getSizes()[1].floordiv(types.groups), [&](Value group, Value first, int64_t count) {
    b.loop(context.begin1, context.end1, 1, [&](Value channel) {
      auto over = [&](int64_t dim, function_ref<void(Value)> body) {
        b.loop(b.constant(0), b.size(windows.dims[dim].kernel), 1, body);
      };
      over(0, [&](Value kz) {
        over(1, [&](Value ky) { over(2, [&](Value kx) { emitTap(group, first, count, channel, kz, ky, kx); }); });
      });
    });
  });
  return result;
}

void WeightGradient::emitTap(Value group, Value firstOutput, int64_t count, Value channel, Value kz, Value ky, Value kx) {
  DimExpr groupSize = types.output.getSizes()[1].floordiv(types.groups);
  Value depth = b.size(types.weight.getSizes()[1]), zero = b.constant(0), step = b.constant(windows.dims[2].stride);
  Value output = b.add(b.mul(group, b.size(groupSize)), firstOutput);
  Range planes = windows.positionsOf(0, kz), rows = windows.positionsOf(1, ky), columns = windows.positionsOf(2, kx);
  SmallVector<int64_t, 3> widths = Windows::widthsOf(b.lanesOf(types.compute));

  // A sum for each channel and width of vector.
  Values zeros;
  for (int64_t width : widths)
    zeros.append(count, b.constant(KernelBuilder::vectorOf(types.compute, width), 0));
  auto addRow = [&](Value outputRow, Value inputRow, Value sample, Values sums) {
    Value inputPlane = b.add(b.add(b.mul(sample, b.size(types.input.getSizes()[1])), b.mul(group, depth)), channel);
    Value inputBegin = b.mul(b.add(b.mul(inputPlane, b.size(windows.inputRows())), inputRow), b.size(windows.dims[2].input));
    Value outputPlane = b.add(b.mul(sample, b.size(types.output.getSizes()[1])), output);
    Value outputBegin = b.add(b.mul(outputPlane, b.size(windows.outputs())), b.mul(outputRow, b.size(windows.dims[2].output)));
    Value begin = columns.begin;
    for (auto [number, width] : llvm::enumerate(widths)) {
      Value end = width == 1 ? columns.end : b.add(begin, b.roundDown(b.sub(columns.end, begin), width));
      ValueRange own = ValueRange(sums).slice(number * count, count);
      Values added = b.loop(begin, end, width, own, [&, width = width](Value column, ValueRange carried) {
        Value from = b.add(inputBegin, windows.inputAt(2, column, kx));
        Value x = b.widened(windows.dims[2].stride == 1 ? b.load(context.anchors[1], types.element, from, width)
                                                        : b.loadStrided(context.anchors[1], types.element, from, step, width));
        Values next;
        for (int64_t i = 0; i < count; ++i) {
          Value at = b.add(b.add(outputBegin, b.mul(b.size(windows.outputs()), i)), column);
          next.push_back(b.multiplyAdd(x, b.widened(b.load(context.anchors[0], types.element, at, width)), carried[i]));
        }
        return next;
      });
      std::copy(added.begin(), added.end(), sums.begin() + number * count);
      begin = end;
    }
    return sums;
  };
  // The sums of a sample are added to those before: two short sums lose less than a long one.
  Values totals = b.loop(zero, b.size(types.output.getSizes()[0]), 1, zeros, [&](Value sample, ValueRange before) {
    Values own = b.loop(planes.begin, planes.end, 1, zeros, [&](Value z, ValueRange sums) {
      return b.loop(rows.begin, rows.end, 1, sums, [&](Value y, ValueRange sums) {
        Value outputRow = b.add(b.mul(z, b.size(windows.dims[1].output)), y);
        Value inputRow = b.add(b.mul(windows.inputAt(0, z, kz), b.size(windows.dims[1].input)), windows.inputAt(1, y, ky));
        return addRow(outputRow, inputRow, sample, Values(sums));
      });
    });
    for (size_t i = 0; i < own.size(); ++i)
      own[i] = b.sum(before[i], own[i]);
    return own;
  });

  for (int64_t i = 0; i < count; ++i) {
    Value sum = b.sumOfLanes(totals[i]);
    for (size_t number = 1; number < widths.size(); ++number)
      sum = b.sum(sum, b.sumOfLanes(totals[number * count + i]));
    Value plane = b.add(b.mul(b.add(output, i), depth), channel);
    Value line = b.add(b.mul(b.add(b.mul(plane, b.size(windows.dims[0].kernel)), kz), b.size(windows.dims[1].kernel)), ky);
    Row row(writer.getBox(), line);
    if (failed(writer.write(row, kx, 1, b.rounded(sum, types.element))))
      result = failure();
  }
}

} // namespace

LogicalResult emitConvBackwardInput(KernelContext &context) { return InputGradient(context).emit(); }
LogicalResult emitConvBackwardWeight(KernelContext &context) {
  if (isChannelsLast(context))
    return emitConvBackwardWeightChannelsLast(context);
  return WeightGradient(context).emit();
}

} // namespace kiln::codegen
