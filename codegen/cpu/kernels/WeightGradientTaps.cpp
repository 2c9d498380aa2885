//===- WeightGradientTaps.cpp - gradients of weights, tap by tap ----------===//
//
// For each tap a product whose k runs over output positions, rows are input channels and columns are output channels. Both
// operands are read as they lie; positions whose tap is in the padding are not among those that k runs over.
//
// Groups of few output channels are few columns. Several groups are then in the lanes of a vector, each of which adds up products
// with the input channels of its own group (GroupLanes.h): at each position a vector of the gradient, and one of the input for
// each of its rows.
//
// Positions are taken in blocks that stay in the first cache while all taps and channels use them.
//
//===----------------------------------------------------------------------===//

#include "GroupLanes.h"
#include "RegisterTile.h"
#include "WeightGradient.h"

using namespace mlir;

namespace kiln::codegen {

namespace {

/// Positions of a block, in whole lines: a tile's width of the gradient for them is 24 KiB.
constexpr int64_t kBlockPositions = 96;

class WeightGradientTaps : WeightGradient {
public:
  explicit WeightGradientTaps(KernelContext &context) : WeightGradient(context), groups{shape.outputs, shape.inputs} {}

  void emit();

private:
  using Taps = std::array<Value, 3>;

  /// Positions: lines of one plane of a sample.
  struct Block {
    Columns unit;
    Value sample, z, firstLine, endLine;
  };
  /// What a tap reads of a line: the first positions of the input and of the gradient, and how many there are.
  struct Line {
    Value from, to, count;
  };
  Line lineOf(const Block &block, const Taps &taps, Value y) const;
  void emitTap(const Block &block, Value tap);
  void emitTile(const Block &block, const Taps &taps, Value firstRow, Value firstChannel, int64_t rows, Value valid, Value column,
                int64_t vectors, int64_t lanes);
  void forEachChunk(const Columns &unit, function_ref<void(const GroupChunk &)> body);
  void emitChunk(const Block &block, const Taps &taps, Value firstRow, const GroupChunk &chunk, int64_t firstChannel,
                 int64_t count);

  GroupLanes groups;
  Value beginRow, endRow;
};

void WeightGradientTaps::emit() {
  Value rows = b.constant(1);
  for (const DimExpr &size : ArrayRef<DimExpr>(sizes).drop_back())
    rows = b.mul(rows, b.size(size));
  endRow = b.minimum(b.mul(context.end0, shape.unitRows), rows);
  beginRow = b.minimum(b.mul(context.begin0, shape.unitRows), endRow);
  Value firstTap = b.div(beginRow, groupChannels);
  Value endTap = b.div(b.add(endRow, b.sub(groupChannels, b.constant(1))), groupChannels);
  std::optional<int64_t> width = windows.dims[2].output.constant();
  int64_t linesTogether = width ? std::max<int64_t>(1, kBlockPositions / std::max<int64_t>(1, *width)) : 1;
  forEachUnit([&](const Columns &unit) {
    clear(unit, beginRow, endRow);
    Value lines = b.size(windows.dims[1].output);
    b.loop(b.constant(0), samples(), 1, [&](Value sample) {
      b.loop(b.constant(0), b.size(windows.dims[0].output), 1, [&](Value z) {
        b.loop(b.constant(0), lines, linesTogether, [&](Value line) {
          Block block = {unit, sample, z, line, b.minimum(b.add(line, linesTogether), lines)};
          b.loop(firstTap, endTap, 1, [&](Value tap) { emitTap(block, tap); });
        });
      });
    });
  });
}

/// The products of a block's positions for the rows of one tap that are in the range.
void WeightGradientTaps::emitTap(const Block &block, Value tap) {
  Value line = b.div(tap, b.size(windows.dims[2].kernel)), taps1 = b.size(windows.dims[1].kernel);
  Taps taps = {b.div(line, taps1), b.rem(line, taps1), b.rem(tap, b.size(windows.dims[2].kernel))};
  Range planes = windows.positionsOf(0, taps[0]), lines = windows.positionsOf(1, taps[1]);
  Block inside = block;
  inside.firstLine = b.maximum(block.firstLine, lines.begin);
  inside.endLine = b.minimum(block.endLine, lines.end);
  Value hasPlane = arith::AndIOp::create(b, b.atLeast(block.z, planes.begin), b.lessThan(block.z, planes.end));
  Value hasLines = b.lessThan(inside.firstLine, inside.endLine);
  b.when(arith::AndIOp::create(b, hasPlane, hasLines), [&] {
    Value firstRow = b.mul(tap, groupChannels);
    if (shape.form == schedule::WeightGradientShape::Form::Groups) {
      forEachChunk(block.unit, [&](const GroupChunk &chunk) {
        int64_t most = std::max<int64_t>(1, b.target.tileRows * b.target.tileVectors / chunk.vectors);
        int64_t together = llvm::divideCeil(shape.inputs, llvm::divideCeil(shape.inputs, most));
        for (int64_t channel = 0; channel < shape.inputs; channel += together)
          emitChunk(inside, taps, firstRow, chunk, channel, std::min(together, shape.inputs - channel));
      });
      return;
    }
    Value begin = b.sub(b.maximum(beginRow, firstRow), firstRow);
    Value end = b.sub(b.minimum(endRow, b.add(firstRow, groupChannels)), firstRow);
    forEachColumn(block.unit, [&](Value column, int64_t vectors, int64_t lanes) {
      forEachTile(b, begin, end, [&](Value channel, int64_t rows, Value valid) {
        emitTile(inside, taps, b.add(firstRow, channel), channel, rows, valid, column, vectors, lanes);
      });
    });
  });
}

WeightGradientTaps::Line WeightGradientTaps::lineOf(const Block &block, const Taps &taps, Value y) const {
  Range positions = windows.positionsOf(2, taps[2]);
  Value inputZ = windows.inputAt(0, block.z, taps[0]), inputY = windows.inputAt(1, y, taps[1]),
        inputX = windows.inputAt(2, positions.begin, taps[2]);
  return {placeOf(block.sample, inputZ, inputY, inputX, /*isOutput=*/false),
          placeOf(block.sample, block.z, y, positions.begin, /*isOutput=*/true), b.sub(positions.end, positions.begin)};
}

void WeightGradientTaps::emitTile(const Block &block, const Taps &taps, Value firstRow, Value firstChannel, int64_t rows,
                                  Value valid, Value column, int64_t vectors, int64_t lanes) {
  Values sums(rows * vectors, b.constant(KernelBuilder::vectorOf(element, lanes), 0));
  sums = b.loop(block.firstLine, block.endLine, 1, sums, [&](Value y, ValueRange carried) {
    Line line = lineOf(block, taps, y);
    RegisterTile tile;
    tile.left = tile.right = element;
    tile.lanes = lanes;
    tile.rowStep = b.mul(channels, windows.dims[2].stride);
    tile.columnStep = columns;
    Value channel = b.add(b.mul(block.unit.matrix, groupChannels), firstChannel);
    tile.addRows(b, b.pointer(context.anchors[1], element, b.add(b.mul(line.from, channels), channel)), b.constant(1), rows,
                 valid);
    for (int64_t j = 0; j < vectors; ++j)
      tile.columns.push_back(b.pointer(context.anchors[0], element, elementAt(block.unit, line.to, b.add(column, j * lanes))));
    return tile.accumulate(b, b.constant(0), line.count, carried);
  });
  forEachValidRow(b, rows, valid, [&](int64_t r) {
    for (int64_t j = 0; j < vectors; ++j)
      addTo(elementAt(block.unit, b.add(firstRow, r), b.add(column, j * lanes)), sums[r * vectors + j]);
  });
}

/// Vectors of a unit's columns. Where each channel is a group of its own, a unit is any part of all columns, and else all of its
/// matrix.
void WeightGradientTaps::forEachChunk(const Columns &unit, function_ref<void(const GroupChunk &)> body) {
  if (groups.lanes == 1 && groups.addends == 1) {
    forEachColumn(unit, [&](Value column, int64_t vectors, int64_t lanes) {
      body({column, column, 0, vectors, vectors * lanes, lanes});
    });
    return;
  }
  int64_t vectors = std::min<int64_t>(llvm::divideCeil(matrixColumns, lanes), b.target.tileVectors);
  // Vectors of one group share what they read of the input; others do better with all of a group's channels at once.
  while (vectors > 1 && groups.lanes <= lanes && vectors * groups.addends > b.target.tileRows * b.target.tileVectors)
    vectors /= 2;
  groups.forEachChunk(b, matrixColumns, vectors, lanes, body);
}

/// The products of a block's positions for `count` channels of each group, from `firstChannel` on.
void WeightGradientTaps::emitChunk(const Block &block, const Taps &taps, Value firstRow, const GroupChunk &chunk,
                                   int64_t firstChannel, int64_t count) {
  Value grad = context.anchors[0], input = context.anchors[1];
  auto at = [&](Value row, int64_t j) { return elementAt(block.unit, row, b.add(chunk.column, j * chunk.lanes)); };
  Values sums(count * chunk.vectors, b.constant(KernelBuilder::vectorOf(element, chunk.lanes), 0));
  Value firstInput = b.add(b.mul(block.unit.matrix, shape.together * shape.inputs), chunk.channel);
  sums = b.loop(block.firstLine, block.endLine, 1, sums, [&](Value y, ValueRange carried) {
    Line line = lineOf(block, taps, y);
    return b.loop(b.constant(0), line.count, 1, carried, [&](Value x, ValueRange carried) {
      Value from = b.add(b.mul(b.add(line.from, b.mul(x, windows.dims[2].stride)), channels), firstInput), to = b.add(line.to, x);
      Values next(carried);
      for (int64_t j = 0; j < chunk.vectors; ++j) {
        Value mask = chunk.mask(b, j);
        Value g = mask ? b.loadMasked(grad, element, at(to, j), mask) : b.load(grad, element, at(to, j), chunk.lanes);
        GroupVector operand(b, groups, chunk, j, input, element, from);
        for (int64_t k = 0; k < count; ++k) {
          Value &sum = next[k * chunk.vectors + j];
          sum = b.multiplyAdd(operand.channel(firstChannel + k), g, sum);
        }
      }
      return next;
    });
  });
  for (int64_t k = 0; k < count; ++k)
    for (int64_t j = 0; j < chunk.vectors; ++j)
      addTo(at(b.add(firstRow, firstChannel + k), j), sums[k * chunk.vectors + j], chunk.mask(b, j));
}

} // namespace

void emitWeightGradientTaps(KernelContext &context) { WeightGradientTaps(context).emit(); }

} // namespace kiln::codegen
