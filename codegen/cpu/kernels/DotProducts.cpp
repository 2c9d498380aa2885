//===- DotProducts.cpp - products of rows with rows -----------------------===//
//
// A tile of rows x columns accumulates vectors along K, each of which is added up at the end. Tiles go down the rows of a block,
// so that their columns of the right operand stay in the first cache and the block's rows in the second.
//
//===----------------------------------------------------------------------===//

#include "DotProducts.h"

#include "kiln/schedule/GridUnits.h"

using namespace mlir;

namespace kiln::codegen {

/// Columns of a tile.
static constexpr int64_t kTileColumns = 4;
/// Rows that a tile's columns are used for before the next ones are read.
static constexpr int64_t kRowBlock = 64;

void DotProducts::emit(Value firstRow, Value endRow, Value firstColumn, Value endColumn, Write write) {
  int64_t tileRows = b.target.dotRows;
  // Whole tiles, then single rows or columns.
  auto inTiles = [&](Value begin, Value end, int64_t size, function_ref<void(Value, int64_t)> body) {
    Value middle = b.add(begin, b.roundDown(b.sub(end, begin), size));
    b.loop(begin, middle, size, [&](Value i) { body(i, size); });
    b.loop(middle, end, 1, [&](Value i) { body(i, 1); });
  };
  b.loop(firstRow, endRow, kRowBlock, [&](Value block) {
    Value endBlock = b.minimum(b.add(block, kRowBlock), endRow);
    inTiles(firstColumn, endColumn, kTileColumns, [&](Value column, int64_t columns) {
      inTiles(block, endBlock, tileRows, [&](Value row, int64_t rows) { emitTile(row, rows, column, columns, write); });
    });
  });
}

void DotProducts::emitTile(Value row, int64_t rows, Value column, int64_t columns, Write write) {
  auto begins = [&](Value base, Value first, int64_t count) {
    Values pointers;
    for (int64_t i = 0; i < count; ++i)
      pointers.push_back(b.pointer(base, element, b.mul(b.add(first, i), inner)));
    return pointers;
  };
  Values rowBegins = begins(left, row, rows), columnBegins = begins(right, column, columns);
  auto accumulate = [&](Value begin, Value end, int64_t width) {
    Values zeros(rows * columns, b.constant(KernelBuilder::vectorOf(compute, width), 0));
    return b.loop(begin, end, width, zeros, [&](Value k, ValueRange carried) {
      Values next, x;
      for (Value rowBegin : rowBegins)
        x.push_back(b.widened(b.load(rowBegin, element, k, width)));
      for (int64_t j = 0; j < columns; ++j) {
        Value w = b.widened(b.load(columnBegins[j], element, k, width));
        for (int64_t r = 0; r < rows; ++r)
          next.push_back(b.multiplyAdd(x[r], w, carried[j * rows + r]));
      }
      return next;
    });
  };
  Value middle = b.roundDown(inner, lanes);
  Values sums = accumulate(b.constant(0), middle, lanes), rest = accumulate(middle, inner, 1);
  for (int64_t j = 0; j < columns; ++j)
    for (int64_t r = 0; r < rows; ++r) {
      int64_t i = j * rows + r;
      write(b.add(row, r), b.add(column, j), b.sum(b.sumOfLanes(sums[i]), rest[i]));
    }
}

std::pair<Value, Value> columnRange(KernelContext &context, const DimExpr &columns) {
  KernelBuilder &b = context.b;
  Value end = b.minimum(b.mul(context.end1, schedule::kColumnBlock), b.size(columns));
  return {b.minimum(b.mul(context.begin1, schedule::kColumnBlock), end), end};
}

} // namespace kiln::codegen
