//===- Convolution.cpp - convolutions -------------------------------------===//
//
// input [N, C, ...], weight [O, C / groups, ...], output [N, O, ...]. Lanes are neighbouring output positions of a row; a tile
// has a few output channels of one group, which read the same input. Every element is added up in the order of channels and taps,
// whatever the tile; padding is left out rather than multiplied.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "Precision.h"
#include "Windows.h"

#include "kiln/schedule/GridUnits.h"

using namespace mlir;

namespace kiln::codegen {

using schedule::kChannelBlock;

namespace {

class Convolution {
public:
  explicit Convolution(KernelContext &context)
      : context(context), b(context.b), writer(b, context.kernel, context.extras, context.results.front()),
        input(context.kernel.getAnchorType(0)), weight(context.kernel.getAnchorType(1)), output(context.kernel.getResultType()),
        element(input.getElementType()), compute(KernelBuilder::computeType(element)),
        windows(context, sizesFrom(input, 2), sizesFrom(output, 2), sizesFrom(weight, 2), "padding_low"),
        groups(integerAttribute(context, "groups")) {}

  LogicalResult emit();

private:
  /// Output channels first, first + 1, ... of sample `sample`, all of one group.
  struct Channels {
    Value sample, group, first;
    int64_t count;
  };
  void emitRow(const Channels &channels, Value row);
  void emitTile(const Channels &channels, Value row, Value column, int64_t lanes, Range columnTaps);

  KernelContext &context;
  KernelBuilder &b;
  ResultWriter writer;
  schedule::BufferType input, weight, output;
  Type element, compute; // sums and products are of the latter
  Windows windows;
  int64_t groups;
  LogicalResult result = success();
};

/// Units of axis 0 are blocks of output channels of a group of a sample, of axis 1 rows of output positions.
LogicalResult Convolution::emit() {
  DimExpr groupSize = output.getSizes()[1].floordiv(groups);
  Value size = b.size(groupSize), blocks = b.size((groupSize + DimExpr(kChannelBlock - 1)).floordiv(kChannelBlock));
  b.loop(context.begin0, context.end0, 1, [&](Value unit) {
    Value groupNumber = b.div(unit, blocks), inGroup = b.mul(b.rem(unit, blocks), kChannelBlock);
    Value sample = b.div(groupNumber, groups), group = b.rem(groupNumber, b.constant(groups));
    Value first = b.add(b.mul(group, size), inGroup), left = b.sub(size, inGroup);
    auto overRows = [&](Value begin, Value end, int64_t count) {
      b.loop(begin, end, count, [&](Value channel) {
        b.loop(context.begin1, context.end1, 1, [&](Value row) { emitRow({sample, group, channel, count}, row); });
      });
    };
    b.when(
        b.atLeast(left, b.constant(kChannelBlock)), [&] { overRows(first, b.add(first, kChannelBlock), kChannelBlock); },
        [&] { overRows(first, b.add(first, left), 1); });
  });
  return result;
}

void Convolution::emitRow(const Channels &channels, Value row) {
  windows.overColumns(Windows::widthsOf(b.lanesOf(compute)),
                      [&](Value column, int64_t lanes, Range taps) { emitTile(channels, row, column, lanes, taps); });
}

void Convolution::emitTile(const Channels &channels, Value row, Value column, int64_t lanes, Range columnTaps) {
  Value height = b.size(windows.dims[1].output), zero = b.constant(0);
  Value z = b.div(row, height), y = b.rem(row, height);
  Range planeTaps = windows.tapsAt(0, z), rowTaps = windows.tapsAt(1, y);
  Value depth = b.size(weight.getSizes()[1]), step = b.constant(windows.dims[2].stride);
  Value firstPlane = b.add(b.mul(channels.sample, b.size(input.getSizes()[1])), b.mul(channels.group, depth));
  Value weightStep = b.mul(depth, b.size(windows.taps())); // from an output channel to the next

  Values zeros(channels.count, b.constant(KernelBuilder::vectorOf(compute, lanes), 0));
  auto over = [&](Range range, ValueRange sums, function_ref<Values(Value, ValueRange)> body) {
    return b.loop(range.begin, range.end, 1, sums, body);
  };
  Values sums = over({zero, depth}, zeros, [&](Value channel, ValueRange sums) {
    Value plane = b.add(firstPlane, channel);
    return over(planeTaps, sums, [&](Value kz, ValueRange sums) {
      return over(rowTaps, sums, [&](Value ky, ValueRange sums) {
        Value inputRow = b.add(
            b.mul(b.add(b.mul(plane, b.size(windows.dims[0].input)), windows.inputAt(0, z, kz)), b.size(windows.dims[1].input)),
            windows.inputAt(1, y, ky));
        Value weightRow =
            b.add(b.mul(b.add(b.mul(channel, b.size(windows.dims[0].kernel)), kz), b.size(windows.dims[1].kernel)), ky);
        return over(columnTaps, sums, [&](Value kx, ValueRange sums) {
          Value from = b.add(b.mul(inputRow, b.size(windows.dims[2].input)), windows.inputAt(2, column, kx));
          Value x = b.widened(windows.dims[2].stride == 1 ? b.load(context.anchors[0], element, from, lanes)
                                                          : b.loadStrided(context.anchors[0], element, from, step, lanes));
          Value tap = b.add(b.add(b.mul(channels.first, weightStep), b.mul(weightRow, b.size(windows.dims[2].kernel))), kx);
          Values next;
          for (int64_t i = 0; i < channels.count; ++i) {
            Value w = b.widened(b.load(context.anchors[1], element, b.add(tap, b.mul(weightStep, i))));
            next.push_back(b.multiplyAdd(x, b.broadcast(w, lanes), sums[i]));
          }
          return next;
        });
      });
    });
  });
  for (int64_t i = 0; i < channels.count; ++i) {
    Value channel = b.add(channels.first, i), sum = sums[i];
    if (context.anchors.size() == 3)
      sum = b.sum(sum, b.broadcast(b.widened(b.load(context.anchors[2], element, channel)), lanes));
    Value plane = b.add(b.mul(channels.sample, b.size(output.getSizes()[1])), channel);
    Row line(writer.getBox(), b.add(b.mul(plane, b.size(windows.outputRows())), row));
    if (failed(writer.write(line, column, lanes, b.rounded(sum, element))))
      result = failure();
  }
}

} // namespace

LogicalResult emitConv(KernelContext &context) { return Convolution(context).emit(); }

} // namespace kiln::codegen
