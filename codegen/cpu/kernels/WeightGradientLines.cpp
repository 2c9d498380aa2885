//===- WeightGradientLines.cpp - gradients of weights of few channels -----===//
//
// A product for each line of taps: its rows are the input channels of all taps of the line, and neighbouring taps are neighbours
// in the input, so that the rows of a position are a run of memory. Where a part of them is in the padding, the input of some
// neighbouring positions is copied with that.
//
//===----------------------------------------------------------------------===//

#include "RegisterTile.h"
#include "WeightGradient.h"

using namespace mlir;

namespace kiln::codegen {

namespace {

constexpr int64_t kAlignment = 64;

class WeightGradientLines : WeightGradient {
public:
  explicit WeightGradientLines(KernelContext &context)
      : WeightGradient(context), stride(windows.dims[2].stride), taps(*windows.dims[2].kernel.constant()) {}

  void emit();

private:
  Value inputOf(Value line, Value x, Value count);
  void emitPositions(const Columns &unit, Value firstRow, Value input, Value grad, Value count);
  void emitTile(const Columns &unit, Value firstRow, int64_t rows, Value column, int64_t vectors, int64_t lanes, Value input,
                Value grad, Value count);

  int64_t stride, taps;
  Value copy;
};

void WeightGradientLines::emit() {
  constexpr int64_t kPositions = schedule::WeightGradientShape::kPositions;
  copy = b.scratch(element, llvm::alignTo(((kPositions - 1) * stride + taps) * shape.inputs, lanes), kAlignment);
  Value zero = b.constant(0), lines = b.size(windows.dims[1].output), width = b.size(windows.dims[2].output);
  auto isInside = [&](Value at, const DimExpr &size) { // negative numbers are large ones without a sign
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, at, b.size(size));
  };
  forEachUnit([&](const Columns &unit) {
    b.loop(context.begin0, context.end0, 1, [&](Value number) {
      Value firstRow = b.mul(number, shape.unitRows), taps1 = b.size(windows.dims[1].kernel);
      Value tapZ = b.div(number, taps1), tapY = b.rem(number, taps1);
      clear(unit, firstRow, b.add(firstRow, shape.unitRows));
      b.loop(zero, samples(), 1, [&](Value sample) {
        b.loop(zero, b.size(windows.dims[0].output), 1, [&](Value z) {
          b.loop(zero, lines, 1, [&](Value y) {
            Value inputZ = windows.inputAt(0, z, tapZ), inputY = windows.inputAt(1, y, tapY);
            Value isLine =
                arith::AndIOp::create(b, isInside(inputZ, windows.dims[0].input), isInside(inputY, windows.dims[1].input));
            b.when(isLine, [&] {
              Value line = placeOf(sample, inputZ, inputY, zero, /*isOutput=*/false);
              b.loop(zero, width, kPositions, [&](Value x) {
                Value count = b.minimum(b.constant(kPositions), b.sub(width, x));
                emitPositions(unit, firstRow, inputOf(line, x, count), placeOf(sample, z, y, x, /*isOutput=*/true), count);
              });
            });
          });
        });
      });
    });
  });
}

/// The first element of the input of positions x, ..., x + count - 1, whose line begins at position `line` of the input.
Value WeightGradientLines::inputOf(Value line, Value x, Value count) {
  Value zero = b.constant(0), width = b.size(windows.dims[2].input);
  Value first = windows.inputAt(2, x, zero), last = b.add(first, b.add(b.mul(b.sub(count, b.constant(1)), stride), taps));
  Value inMemory = b.pointer(context.anchors[1], element, b.mul(b.add(line, first), shape.inputs));
  Value isBeyond = arith::OrIOp::create(b, b.lessThan(first, zero), b.lessThan(width, last));
  b.when(isBeyond, [&] {
    auto over = [&](Value begin, Value end, function_ref<Value(Value, int64_t)> value) {
      Value middle = b.add(begin, b.roundDown(b.sub(end, begin), lanes));
      b.loop(begin, middle, lanes, [&](Value i) { b.store(value(i, lanes), copy, i); });
      b.loop(middle, end, 1, [&](Value i) { b.store(value(i, 1), copy, i); });
    };
    auto none = [&](Value, int64_t lanes) { return b.constant(KernelBuilder::vectorOf(element, lanes), 0); };
    auto elements = [&](Value position) { return b.mul(b.sub(position, first), shape.inputs); };
    Value begin = b.minimum(b.maximum(first, zero), last), end = b.maximum(b.minimum(last, width), begin);
    over(zero, elements(begin), none);
    over(elements(begin), elements(end), [&](Value i, int64_t lanes) { return b.load(inMemory, element, i, lanes); });
    over(elements(end), elements(last), none);
  });
  return LLVM::SelectOp::create(b, isBeyond, copy, inMemory);
}

/// The products of `count` positions for a line of taps: of `input`, and of the gradient from position `grad` on.
void WeightGradientLines::emitPositions(const Columns &unit, Value firstRow, Value input, Value grad, Value count) {
  forEachColumn(unit, [&](Value column, int64_t vectors, int64_t lanes) {
    // Tiles of as many rows as registers take, or one less: all are about as high.
    int64_t most = b.target.tileRows * b.target.tileVectors / vectors, tiles = llvm::divideCeil(shape.unitRows, most);
    int64_t rows = shape.unitRows / tiles, higher = shape.unitRows % tiles;
    auto over = [&](int64_t begin, int64_t end, int64_t rows) {
      b.loop(b.constant(begin), b.constant(end), rows, [&](Value row) {
        emitTile(unit, b.add(firstRow, row), rows, column, vectors, lanes, b.pointer(input, element, row), grad, count);
      });
    };
    if (higher > 0)
      over(0, higher * (rows + 1), rows + 1);
    over(higher * (rows + 1), shape.unitRows, rows);
  });
}

void WeightGradientLines::emitTile(const Columns &unit, Value firstRow, int64_t rows, Value column, int64_t vectors,
                                   int64_t lanes, Value input, Value grad, Value count) {
  RegisterTile tile;
  tile.left = tile.right = element;
  tile.lanes = lanes;
  tile.rowStep = b.constant(stride * shape.inputs);
  tile.columnStep = columns;
  tile.addRows(b, input, b.constant(1), rows);
  for (int64_t j = 0; j < vectors; ++j)
    tile.columns.push_back(b.pointer(context.anchors[0], element, elementAt(unit, grad, b.add(column, j * lanes))));
  Values sums = tile.accumulate(b, b.constant(0), count, tile.zeros(b));
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < vectors; ++j)
      addTo(elementAt(unit, b.add(firstRow, r), b.add(column, j * lanes)), sums[r * vectors + j]);
}

} // namespace

void emitWeightGradientLines(KernelContext &context) { WeightGradientLines(context).emit(); }

} // namespace kiln::codegen
