//===- WeightGradientChannelsLast.cpp - gradients of weights --------------===//
//
// grad [N, ..., O] and input [N, ..., C] to [...kernel, C / groups, O]: for each tap a product whose k runs over output positions, rows
// are input channels and columns are output channels. Both operands are read as they lie; positions whose tap is in the padding are not
// among those that k runs over.
//
// Where each channel is a group of its own, a tap has one row, the sums of all channels: a vector of each operand at each position.
//
// Positions are taken in blocks that stay in the first cache while all taps and channels use them. Sums wait in the result in between,
// so each element is added up in the order of positions, whatever part of the grid it is in.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "RegisterTile.h"
#include "Windows.h"

#include "kiln/schedule/GridUnits.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace kiln::codegen {

namespace {

/// Positions of a block, in whole lines: a tile's width of the gradient for them is 24 KiB.
constexpr int64_t kBlockPositions = 96;

class WeightGradient {
public:
  explicit WeightGradient(KernelContext &context)
      : context(context), b(context.b), sizes(context.kernel.getResultType().getSizes()),
        windows(context, spatialSizes(context.kernel.getAnchorType(1)), spatialSizes(context.kernel.getAnchorType(0)),
                ArrayRef<DimExpr>(sizes).drop_back(2), "padding_low"),
        element(context.kernel.getResultType().getElementType()), lanes(b.lanesOf(element)) {}

  LogicalResult emit();

private:
  /// What a tap reads of a line: the first positions of the input and of the gradient, and how many there are.
  struct Line {
    Value from, to, count;
  };

  /// Columns of one group, and the positions of a block: lines of one plane of a sample.
  struct Block {
    Value group, begin, end;
    Value sample, z, firstLine, endLine;
  };

  static std::vector<DimExpr> spatialSizes(schedule::BufferType type) {
    std::vector<DimExpr> sizes = type.getSizes();
    return {sizes.begin() + 1, sizes.end() - 1};
  }
  Line lineOf(const Block &block, const std::array<Value, 3> &taps, Value y) const;
  void forEachColumn(Value begin, Value end, function_ref<void(Value column, int64_t vectors, int64_t lanes)> body);
  void clear(Value begin, Value end, Value group);
  void emitTap(const Block &block, Value tap);
  void emitChannels(const Block &block, const std::array<Value, 3> &taps, Value row, Value column, int64_t vectors, int64_t lanes);
  void emitTile(const Block &block, const std::array<Value, 3> &taps, Value firstRow, Value firstChannel, int64_t rows, Value valid,
                Value column, int64_t vectors, int64_t lanes);

  KernelContext &context;
  KernelBuilder &b;
  std::vector<DimExpr> sizes;
  Windows windows;
  Type element;
  int64_t lanes, groups = 1, groupColumns = 0;
  bool isDepthwise = false;
  Value channels, groupChannels, columns, beginRow, endRow;
};

LogicalResult WeightGradient::emit() {
  if (!element.isF32() && !element.isF64())
    return context.error() << "with its channels last is compiled for f32 and f64, not for " << element;
  if (!sizes.back().constant())
    return context.error() << "with its channels last is compiled for a known number of output channels";
  groups = cast<IntegerAttr>(context.kernel.getAnchorAttribute("groups")).getInt();
  isDepthwise = groups > 1 && *sizes.back().constant() == groups && sizes[sizes.size() - 2] == DimExpr(1);
  groupColumns = isDepthwise ? groups : *sizes.back().constant() / groups;
  groupChannels = b.size(sizes[sizes.size() - 2]);
  channels = b.mul(groupChannels, groups);
  columns = b.size(sizes.back());

  Value rows = b.constant(1);
  for (const DimExpr &size : ArrayRef<DimExpr>(sizes).drop_back())
    rows = b.mul(rows, b.size(size));
  endRow = b.minimum(b.mul(context.end0, schedule::kGradientRows), rows);
  beginRow = b.minimum(b.mul(context.begin0, schedule::kGradientRows), endRow);
  int64_t units = llvm::divideCeil(groupColumns, schedule::kColumnBlock);
  Value firstTap = b.div(beginRow, groupChannels);
  Value endTap = b.div(b.add(endRow, b.sub(groupChannels, b.constant(1))), groupChannels);
  std::optional<int64_t> width = windows.dims[2].output.constant();
  int64_t linesTogether = width ? std::max<int64_t>(1, kBlockPositions / std::max<int64_t>(1, *width)) : 1;
  b.loop(context.begin1, context.end1, 1, [&](Value unit) {
    Block block;
    block.group = b.div(unit, units);
    block.begin = b.mul(b.rem(unit, b.constant(units)), schedule::kColumnBlock);
    block.end = b.minimum(b.add(block.begin, schedule::kColumnBlock), b.constant(groupColumns));
    clear(block.begin, block.end, block.group);
    Value lines = b.size(windows.dims[1].output);
    b.loop(b.constant(0), b.size(context.kernel.getAnchorType(0).getSizes()[0]), 1, [&](Value sample) {
      b.loop(b.constant(0), b.size(windows.dims[0].output), 1, [&](Value z) {
        b.loop(b.constant(0), lines, linesTogether, [&](Value line) {
          block.sample = sample;
          block.z = z;
          block.firstLine = line;
          block.endLine = b.minimum(b.add(line, linesTogether), lines);
          b.loop(firstTap, endTap, 1, [&](Value tap) { emitTap(block, tap); });
        });
      });
    });
  });
  return success();
}

/// Tiles as wide as the instruction set's, then vectors, then less, as far as a group's columns need them.
void WeightGradient::forEachColumn(Value begin, Value end, function_ref<void(Value, int64_t, int64_t)> body) {
  int64_t width = b.target.tileVectors * lanes, left = groupColumns;
  auto over = [&](int64_t vectors, int64_t lanes) {
    int64_t step = vectors * lanes;
    if (left < step)
      return;
    left %= step;
    Value middle = left == 0 ? end : b.add(begin, b.roundDown(b.sub(end, begin), step));
    b.loop(begin, middle, step, [&](Value column) { body(column, vectors, lanes); });
    begin = middle;
  };
  if (schedule::kColumnBlock % width == 0)
    over(b.target.tileVectors, lanes);
  for (int64_t narrow : Windows::widthsOf(lanes))
    over(1, narrow);
}

void WeightGradient::clear(Value begin, Value end, Value group) {
  Value groupColumn = b.mul(group, groupColumns);
  b.loop(beginRow, endRow, 1, [&](Value row) {
    forEachColumn(begin, end, [&](Value column, int64_t vectors, int64_t lanes) {
      Value zero = b.constant(KernelBuilder::vectorOf(element, lanes), 0);
      for (int64_t j = 0; j < vectors; ++j)
        b.store(zero, context.results[0], b.add(b.mul(row, columns), b.add(b.add(groupColumn, column), j * lanes)));
    });
  });
}

/// The products of a block's positions for the rows of one tap that are in the range.
void WeightGradient::emitTap(const Block &block, Value tap) {
  Value line = b.div(tap, b.size(windows.dims[2].kernel)), taps1 = b.size(windows.dims[1].kernel);
  std::array<Value, 3> taps = {b.div(line, taps1), b.rem(line, taps1), b.rem(tap, b.size(windows.dims[2].kernel))};
  Range planes = windows.positionsOf(0, taps[0]), lines = windows.positionsOf(1, taps[1]);
  Block inside = block;
  inside.firstLine = b.maximum(block.firstLine, lines.begin);
  inside.endLine = b.minimum(block.endLine, lines.end);
  Value hasPlane = arith::AndIOp::create(b, b.atLeast(block.z, planes.begin), b.lessThan(block.z, planes.end));
  Value hasLines = b.lessThan(inside.firstLine, inside.endLine);
  b.when(arith::AndIOp::create(b, hasPlane, hasLines), [&] {
    Value firstRow = b.mul(tap, groupChannels);
    Value begin = b.sub(b.maximum(beginRow, firstRow), firstRow);
    Value end = b.sub(b.minimum(endRow, b.add(firstRow, groupChannels)), firstRow);
    forEachColumn(block.begin, block.end, [&](Value column, int64_t vectors, int64_t lanes) {
      if (isDepthwise) {
        emitChannels(inside, taps, firstRow, column, vectors, lanes);
        return;
      }
      forEachTile(b, begin, end, [&](Value channel, int64_t rows, Value valid) {
        emitTile(inside, taps, b.add(firstRow, channel), channel, rows, valid, column, vectors, lanes);
      });
    });
  });
}

WeightGradient::Line WeightGradient::lineOf(const Block &block, const std::array<Value, 3> &taps, Value y) const {
  const auto &dims = windows.dims;
  auto placeOf = [&](const DimExpr &depth, const DimExpr &height, const DimExpr &width, Value z, Value y, Value x) {
    Value plane = b.add(b.mul(block.sample, b.size(depth)), z);
    return b.add(b.mul(b.add(b.mul(plane, b.size(height)), y), b.size(width)), x);
  };
  Range positions = windows.positionsOf(2, taps[2]);
  Value inputZ = windows.inputAt(0, block.z, taps[0]), inputY = windows.inputAt(1, y, taps[1]),
        inputX = windows.inputAt(2, positions.begin, taps[2]);
  return {placeOf(dims[0].input, dims[1].input, dims[2].input, inputZ, inputY, inputX),
          placeOf(dims[0].output, dims[1].output, dims[2].output, block.z, y, positions.begin), b.sub(positions.end, positions.begin)};
}

/// The products of a block's positions for some channels, each with its own.
void WeightGradient::emitChannels(const Block &block, const std::array<Value, 3> &taps, Value row, Value column, int64_t vectors,
                                  int64_t lanes) {
  auto resultAt = [&](int64_t j) { return b.add(b.mul(row, columns), b.add(column, j * lanes)); };
  Values sums;
  for (int64_t j = 0; j < vectors; ++j)
    sums.push_back(b.load(context.results[0], element, resultAt(j), lanes));
  sums = b.loop(block.firstLine, block.endLine, 1, sums, [&](Value y, ValueRange carried) {
    Line line = lineOf(block, taps, y);
    return b.loop(b.constant(0), line.count, 1, carried, [&](Value x, ValueRange carried) {
      Value from = b.mul(b.add(line.from, b.mul(x, windows.dims[2].stride)), columns), to = b.mul(b.add(line.to, x), columns);
      Values next;
      for (int64_t j = 0; j < vectors; ++j) {
        Value offset = b.add(column, j * lanes);
        next.push_back(b.multiplyAdd(b.load(context.anchors[1], element, b.add(from, offset), lanes),
                                     b.load(context.anchors[0], element, b.add(to, offset), lanes), carried[j]));
      }
      return next;
    });
  });
  for (int64_t j = 0; j < vectors; ++j)
    b.store(sums[j], context.results[0], resultAt(j));
}

void WeightGradient::emitTile(const Block &block, const std::array<Value, 3> &taps, Value firstRow, Value firstChannel, int64_t rows,
                              Value valid, Value column, int64_t vectors, int64_t lanes) {
  Value groupColumn = b.add(b.mul(block.group, groupColumns), column);
  auto resultAt = [&](Value row, int64_t j) { return b.add(b.mul(row, columns), b.add(groupColumn, j * lanes)); };
  Values sums;
  for (int64_t r = 0; r < rows; ++r) {
    Value number = valid ? b.minimum(b.constant(r), b.sub(valid, b.constant(1))) : b.constant(r);
    for (int64_t j = 0; j < vectors; ++j)
      sums.push_back(b.load(context.results[0], element, resultAt(b.add(firstRow, number), j), lanes));
  }
  sums = b.loop(block.firstLine, block.endLine, 1, sums, [&](Value y, ValueRange carried) {
    Line line = lineOf(block, taps, y);
    RegisterTile tile;
    tile.left = tile.right = element;
    tile.lanes = lanes;
    tile.rowStep = b.mul(channels, windows.dims[2].stride);
    tile.columnStep = columns;
    Value channel = b.add(b.mul(block.group, groupChannels), firstChannel);
    tile.addRows(b, b.pointer(context.anchors[1], element, b.add(b.mul(line.from, channels), channel)), b.constant(1), rows, valid);
    for (int64_t j = 0; j < vectors; ++j)
      tile.columns.push_back(b.pointer(context.anchors[0], element, b.add(b.mul(line.to, columns), b.add(groupColumn, j * lanes))));
    return tile.accumulate(b, b.constant(0), line.count, carried);
  });
  forEachValidRow(b, rows, valid, [&](int64_t r) {
    for (int64_t j = 0; j < vectors; ++j)
      b.store(sums[r * vectors + j], context.results[0], resultAt(b.add(firstRow, r), j));
  });
}

} // namespace

LogicalResult emitConvBackwardWeightChannelsLast(KernelContext &context) { return WeightGradient(context).emit(); }

} // namespace kiln::codegen
