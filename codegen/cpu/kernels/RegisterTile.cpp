//===- RegisterTile.cpp - sums of products in registers -------------------===//
//
// Defines the innermost loop of matrix products, and how rows are divided among tiles.
//
//===----------------------------------------------------------------------===//

#include "RegisterTile.h"

using namespace mlir;

namespace kiln::codegen {

Values RegisterTile::zeros(KernelBuilder &b) const {
  Type vector = KernelBuilder::vectorOf(KernelBuilder::computeType(right), lanes);
  return Values(rows.size() * columns.size(), b.constant(vector, 0));
}

void RegisterTile::addRows(KernelBuilder &b, Value base, Value pitch, int64_t count, Value valid) {
  for (int64_t r = 0; r < count; ++r) {
    Value number = valid ? b.minimum(b.constant(r), b.sub(valid, b.constant(1))) : b.constant(r);
    rows.push_back(b.pointer(base, left, b.mul(pitch, number)));
  }
}

Values RegisterTile::accumulate(KernelBuilder &b, Value begin, Value end, ValueRange sums) const {
  return b.loop(begin, end, unroll, sums, [&](Value first, ValueRange carried) {
    Values next(carried);
    for (int64_t step = 0; step < unroll; ++step) {
      Value k = b.add(first, step);
      Value columnOffset = b.mul(k, columnStep), rowOffset = b.mul(k, rowStep);
      Values vectors;
      for (Value column : columns)
        vectors.push_back(b.widened(b.load(column, right, columnOffset, lanes)));
      for (auto [r, row] : llvm::enumerate(rows)) {
        Value x = b.broadcast(b.widened(b.load(row, left, rowOffset)), lanes);
        for (auto [j, vector] : llvm::enumerate(vectors)) {
          Value &sum = next[r * vectors.size() + j];
          sum = b.multiplyAdd(x, vector, sum);
        }
      }
    }
    return next;
  });
}

void forEachTile(KernelBuilder &b, Value begin, Value end, function_ref<void(Value, int64_t, Value)> tile) {
  int64_t large = b.target.tileRows;
  Value count = b.sub(end, begin), rest = b.rem(count, b.constant(large));
  Value inLarge = b.sub(count, rest);
  if (large == 6) {
    // 6a + 2 = 6(a - 1) + 4 + 4
    Value isTwo = b.equal(rest, b.constant(2));
    Value fewer = b.maximum(b.sub(inLarge, b.constant(large)), b.constant(0));
    inLarge = b.createOrFold<arith::SelectOp>(isTwo, fewer, inLarge);
  }
  Value middle = b.add(begin, inLarge);
  b.loop(begin, middle, large, [&](Value row) { tile(row, large, Value()); });
  b.loop(middle, end, kSmallTile,
         [&](Value row) { tile(row, kSmallTile, b.minimum(b.constant(kSmallTile), b.sub(end, row))); });
}

void forEachValidRow(KernelBuilder &b, int64_t rows, Value valid, function_ref<void(int64_t)> body) {
  for (int64_t row = 0; row < rows; ++row)
    if (!valid || row == 0)
      body(row);
    else
      b.when(b.lessThan(b.constant(row), valid), [&] { body(row); });
}

} // namespace kiln::codegen
