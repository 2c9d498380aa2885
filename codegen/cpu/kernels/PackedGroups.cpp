//===- PackedGroups.cpp - convolutions of several groups at once ----------===//
//
// Convolutions of channels-last data, and the gradient of their input, whose groups have few channels, often a single one: a
// panel holds the channels of several groups, which lie in the lanes of vectors, and each lane adds up the channels of its own
// group (GroupLanes.h).
//
// A tile has some vectors of panels at a few positions of a line that the same taps of the line reach: they are loaded once for
// all of them. Where a stride lies between the positions that read an element, these are `stride` apart. No tap is looked at that
// lies outside the operand; at positions where some do, tiles have one position.
//
//===----------------------------------------------------------------------===//

#include "GroupLanes.h"
#include "Kernels.h"
#include "PackedPanels.h"
#include "Precision.h"
#include "Windows.h"

#include "kiln/schedule/GridUnits.h"

using namespace mlir;

namespace kiln::codegen {

namespace {

std::vector<DimExpr> spatialSizes(schedule::BufferType type) {
  std::vector<DimExpr> sizes = type.getSizes();
  return {sizes.begin() + 1, sizes.end() - 1};
}

class PackedGroups {
public:
  explicit PackedGroups(KernelContext &context)
      : context(context), b(context.b), isBackward(context.kernel.getAnchor() == "nn.packed_conv_backward_input"),
        source(context.kernel.getAnchorType(0)), element(source.getElementType()), compute(KernelBuilder::computeType(element)),
        lanes(b.lanesOf(compute)), writer(b, context.kernel, context.extras, context.results.front()),
        windows(context, spatialSizes(isBackward ? context.kernel.getResultType() : source),
                spatialSizes(isBackward ? source : context.kernel.getResultType()), kernelSizes(context), "padding_low"),
        packed(context.kernel.getAnchorType(1).getSizes()) {}

  LogicalResult emit();

private:
  /// A line of positions of the result: its part of the range, from its first position on, and its vectors.
  struct Line {
    const PackedPanels &panels;
    const GroupChunk &chunk;
    /// The panel's weights, and the first channel of its lanes in the result, and of theirs in the operand.
    Value weights, firstColumn, firstChannel;
    /// The number of its first position, and the part of it in the range.
    Value number, begin, end;
    Value sample, z, y;
  };
  /// Positions x, x + step, ... of a line.
  struct Tile {
    Value x;
    int64_t positions;
    /// The taps of the line that all of them have; null where those inside have to be found.
    std::optional<Range> taps;
  };
  using Body = function_ref<Values(Value tap, Value place, ValueRange sums)>;

  static std::vector<DimExpr> kernelSizes(KernelContext &context) {
    ArrayRef<int64_t> sizes = listAttribute(context, "kernel_size");
    return {sizes.begin(), sizes.end()};
  }
  const DimExpr &sourceSize(int64_t dim) const { return isBackward ? windows.dims[dim].output : windows.dims[dim].input; }
  const DimExpr &resultSize(int64_t dim) const { return isBackward ? windows.dims[dim].input : windows.dims[dim].output; }
  /// From a position of a tile to the next, in the result and in the operand.
  int64_t resultStep() const { return isBackward ? windows.dims[2].stride : 1; }
  int64_t sourceStep() const { return isBackward ? 1 : windows.dims[2].stride; }

  void emitPanel(const PackedPanels &panels, Value matrix, Value panel);
  void emitLines(const PackedPanels &panels, const GroupChunk &chunk, Value weights, Value firstColumn, Value firstChannel);
  void emitLine(const Line &line);
  void emitTile(const Line &line, const Tile &tile);
  Values overTaps(int64_t dim, Value at, const std::optional<Range> &known, ValueRange sums, Body body);
  Range interior();
  Value maskOf(const PackedPanels &panels, const GroupChunk &chunk, Value firstColumn, int64_t vector);
  /// Positions of a tile, with as many registers for sums as for what they are made of.
  int64_t positionsOf(const GroupChunk &chunk) const;

  KernelContext &context;
  KernelBuilder &b;
  bool isBackward;
  schedule::BufferType source;
  Type element, compute;
  int64_t lanes;
  ResultWriter writer;
  Windows windows;
  std::vector<DimExpr> packed;
  GroupLanes groups = {1, 1};
  int64_t matrixRows = 0, matrixChannels = 0;
  bool hasOnePanel = true; // in each matrix
  LogicalResult result = success();
};

LogicalResult PackedGroups::emit() {
  std::optional<int64_t> columns = context.kernel.getResultType().getSizes().back().constant(),
                         channels = source.getSizes().back().constant();
  if (!isa<FloatType>(element) || !columns || !channels)
    return context.error() << "is compiled for floating-point types and known numbers of channels";
  int64_t panel = *packed[3].constant(), matrices = *packed[0].constant(), count = integerAttribute(context, "groups");
  if (panel % lanes != 0)
    return context.error() << "has panels of " << panel << " channels, which vectors of " << lanes << " do not divide";
  groups = {*columns / count, *channels / count};
  matrixRows = *columns / matrices;
  matrixChannels = *channels / matrices;
  hasOnePanel = matrixRows <= panel;

  int64_t unit = schedule::panelsOfUnit(panel);
  Value units = b.size((packed[1] + DimExpr(unit - 1)).floordiv(unit));
  PackedPanels panels{context.anchors[1], element, panel, lanes, b.size(packed[2]), DimExpr(matrixRows)};
  b.loop(context.begin1, context.end1, 1, [&](Value number) {
    Value first = b.mul(b.rem(number, units), unit), end = b.minimum(b.add(first, unit), b.size(packed[1]));
    b.loop(first, end, 1, [&](Value p) { emitPanel(panels, b.div(number, units), p); });
  });
  return result;
}

/// Which lanes of a chunk's vector are there; null where all are. Of several panels the last may have fewer, in the only matrix.
Value PackedGroups::maskOf(const PackedPanels &panels, const GroupChunk &chunk, Value firstColumn, int64_t vector) {
  return hasOnePanel ? chunk.mask(b, vector) : panels.mask(b, b.add(firstColumn, vector * lanes));
}

int64_t PackedGroups::positionsOf(const GroupChunk &chunk) const {
  int64_t sums = groups.addends == 1 ? b.target.rowAccumulators : b.target.tileRows * b.target.tileVectors / 2;
  return std::max<int64_t>(1, sums / chunk.vectors);
}

void PackedGroups::emitPanel(const PackedPanels &panels, Value matrix, Value panel) {
  Value number = b.add(b.mul(matrix, b.size(packed[1])), panel);
  Value weights = b.pointer(panels.base, element, b.mul(b.mul(number, panels.inner), panels.panel));
  // More panels than one have the channels of a depthwise convolution: as many of the operand as of the result.
  Value column = b.mul(panel, panels.panel);
  int64_t columns = std::min(matrixRows, panels.panel);
  int64_t vectors = std::min<int64_t>(llvm::divideCeil(columns, lanes), b.target.tileVectors);
  groups.forEachChunk(b, columns, vectors, lanes, [&](const GroupChunk &chunk) {
    Value firstColumn = b.add(b.add(b.mul(matrix, matrixRows), column), chunk.column);
    Value firstChannel = b.add(b.add(b.mul(matrix, matrixChannels), column), chunk.channel);
    panels.unlessPadding(b, b.add(column, chunk.column), [&] {
      Value width = b.size(resultSize(2)), height = b.size(resultSize(1)), depth = b.size(resultSize(0));
      Value firstLine = b.div(context.begin0, width), endLine = b.div(b.add(context.end0, b.sub(width, b.constant(1))), width);
      b.loop(firstLine, endLine, 1, [&](Value line) {
        Value first = b.mul(line, width), plane = b.div(line, height);
        Value begin = b.sub(b.maximum(context.begin0, first), first);
        Value end = b.minimum(b.sub(context.end0, first), width);
        emitLine({panels, chunk, weights, firstColumn, firstChannel, first, begin, end, b.div(plane, depth), b.rem(plane, depth),
                  b.rem(line, height)});
      });
    });
  });
}

/// The positions of the result to which all taps of their line lead from inside the operand, but for those that a stride takes
/// out.
Range PackedGroups::interior() {
  const Windows::Dim &d = windows.dims[2];
  if (!isBackward)
    return windows.interior(2);
  Value begin = b.maximum(b.sub(b.mul(b.sub(b.size(d.kernel), b.constant(1)), d.dilation), b.constant(d.low)), b.constant(0));
  Value end = b.sub(b.size((d.output - 1) * d.stride + 1), b.constant(d.low));
  return {begin, b.maximum(begin, end)};
}

void PackedGroups::emitLine(const Line &line) {
  Range inside = interior();
  Value zero = b.constant(0);
  b.loop(zero, b.constant(resultStep()), 1, [&](Value phase) {
    // Positions phase, phase + step, ..., counted.
    auto countBefore = [&](Value position) {
      Value distance = b.maximum(b.sub(position, phase), zero);
      return b.div(b.add(distance, resultStep() - 1), resultStep());
    };
    Value begin = countBefore(line.begin), end = countBefore(line.end);
    Value middle = b.minimum(b.maximum(countBefore(inside.begin), begin), end);
    Value last = b.minimum(b.maximum(countBefore(inside.end), middle), end);
    auto cover = [&](Value from, Value to, int64_t positions, std::optional<Range> taps) {
      b.loop(from, to, positions, [&](Value number) {
        emitTile(line, {b.add(phase, b.mul(number, resultStep())), positions, taps});
      });
    };
    cover(begin, middle, 1, std::nullopt);
    for (int64_t positions = positionsOf(line.chunk); positions > 0; positions /= 2) {
      Value whole = b.add(middle, b.roundDown(b.sub(last, middle), positions));
      cover(middle, whole, positions, Range{zero, b.size(windows.dims[2].kernel)});
      middle = whole;
    }
    cover(last, end, 1, std::nullopt);
  });
}

/// Calls `body` for the taps of a dimension that join position `at` of the result to one of the operand, with that.
Values PackedGroups::overTaps(int64_t dim, Value at, const std::optional<Range> &known, ValueRange sums, Body body) {
  const Windows::Dim &d = windows.dims[dim];
  Range taps = known ? *known : isBackward ? windows.tapsReading(dim, at) : windows.tapsAt(dim, at);
  return b.loop(taps.begin, taps.end, 1, sums, [&](Value tap, ValueRange carried) -> Values {
    if (!isBackward)
      return body(tap, windows.inputAt(dim, at, tap), carried);
    Value distance = b.sub(b.add(at, d.low), b.mul(tap, d.dilation));
    if (d.stride == 1)
      return body(tap, distance, carried);
    return b.choose(
        b.equal(b.rem(distance, b.constant(d.stride)), b.constant(0)), carried.getTypes(),
        [&] { return body(tap, b.div(distance, d.stride), carried); }, [&] { return Values(carried); });
  });
}

void PackedGroups::emitTile(const Line &line, const Tile &tile) {
  const GroupChunk &chunk = line.chunk;
  const PackedPanels &panels = line.panels;
  int64_t channels = *source.getSizes().back().constant(), vectors = chunk.vectors;
  Value sample = b.mul(line.sample, b.size(sourceSize(0) * sourceSize(1) * sourceSize(2)));
  Values sums(tile.positions * vectors, b.constant(KernelBuilder::vectorOf(compute, lanes), 0));
  sums = overTaps(0, line.z, std::nullopt, sums, [&](Value kz, Value z, ValueRange sums) {
    return overTaps(1, line.y, std::nullopt, sums, [&](Value ky, Value y, ValueRange sums) {
      Value sourceLine = b.add(sample, b.mul(b.add(b.mul(z, b.size(sourceSize(1))), y), b.size(sourceSize(2))));
      Value firstTap = b.mul(b.add(b.mul(kz, b.size(windows.dims[1].kernel)), ky), b.size(windows.dims[2].kernel));
      return overTaps(2, tile.x, tile.taps, sums, [&](Value kx, Value x, ValueRange sums) {
        Value from = b.add(b.mul(b.add(sourceLine, x), channels), line.firstChannel);
        Value inner = b.mul(b.add(firstTap, kx), groups.addends);
        SmallVector<GroupVector> operands;
        for (int64_t i = 0; i < tile.positions; ++i)
          for (int64_t j = 0; j < vectors; ++j)
            operands.emplace_back(b, groups, chunk, j, context.anchors[0], element, b.add(from, i * sourceStep() * channels),
                                  hasOnePanel ? Value() : maskOf(panels, chunk, line.firstColumn, j));
        Values next(sums);
        for (int64_t k = 0; k < groups.addends; ++k)
          for (int64_t j = 0; j < vectors; ++j) {
            Value offset = b.add(b.mul(b.add(inner, k), panels.panel), b.add(chunk.column, j * lanes));
            Value weight = b.widened(b.load(line.weights, element, offset, lanes));
            for (int64_t i = 0; i < tile.positions; ++i) {
              Value &sum = next[i * vectors + j];
              sum = b.multiplyAdd(operands[i * vectors + j].channel(k), weight, sum);
            }
          }
        return next;
      });
    });
  });
  for (int64_t i = 0; i < tile.positions; ++i) {
    Row row(writer.getBox(), b.add(b.add(line.number, tile.x), i * resultStep()));
    for (int64_t j = 0; j < vectors; ++j)
      if (failed(writer.write(row, b.add(line.firstColumn, j * lanes), lanes, b.rounded(sums[i * vectors + j], element),
                              maskOf(panels, chunk, line.firstColumn, j))))
        result = failure();
  }
}

} // namespace

bool isPackedGroups(KernelContext &context) {
  int64_t groups = integerAttribute(context, "groups");
  return groups > 1 && !(context.kernel.getAnchorType(1).getSizes().front() == DimExpr(groups));
}

LogicalResult emitPackedGroups(KernelContext &context) { return PackedGroups(context).emit(); }

} // namespace kiln::codegen
