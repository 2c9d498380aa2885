//===- Gemm.cpp - products of matrices that lie as they lie ---------------===//
//
// Column blocks of one tile's width; in each, row blocks; in each, blocks of k: copy, then tiles.
//
//===----------------------------------------------------------------------===//

#include "Gemm.h"

#include "kiln/schedule/GridUnits.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace kiln::codegen {

/// Values of k in a block, at most: a tile's width of the right operand is then 64 KiB, which a second cache holds.
static constexpr int64_t kBlockDepth = 256;
/// Rows of a block: multiples of every tile's rows. A transposed left operand is copied, so there are fewer.
static constexpr int64_t kBlockRows = 264, kBlockRowsTransposed = 96;
static constexpr int64_t kVectorAlignment = 64;
/// Lanes of the widest vector.
static constexpr int64_t kMaxLanes = 16;

Gemm::Gemm(KernelBuilder &b, GemmOperand left, GemmOperand right, const DimExpr &innerSize, const DimExpr &columns, bool canMask)
    : b(b), left(left), right(right), innerSize(innerSize), inner(b.size(innerSize)), canMask(canMask), compute(KernelBuilder::computeType(right.element)),
      lanes(b.lanesOf(compute)), width(b.target.tileVectors * lanes) {
  blockRows = left.isTransposed ? kBlockRowsTransposed * 4 / KernelBuilder::bytesOf(compute) : kBlockRows;
  hasWholeTiles = columns.divide_exactly(width) && schedule::kColumnBlock % width == 0;
  // Both operands copied: an odd last k is filled up with zeros. Else the left one is read as it lies, to its last element only.
  unroll = left.isTransposed || innerSize.divide_exactly(2) ? 2 : 1;
  packedRight = b.scratch(compute, kBlockDepth * width, kVectorAlignment);
  if (left.isTransposed) // a last tile reads beyond its valid rows
    packedLeft = b.scratch(compute, kBlockDepth * blockRows + lanes, kVectorAlignment);
  if (isSplit())
    partial = b.scratch(compute, (blockRows + kRowsBeyond) * width, kVectorAlignment);
  if (!canMask)
    spill = b.scratch(compute, lanes, kVectorAlignment);
}

/// Whether there may be several blocks of k.
bool Gemm::isSplit() const {
  return !innerSize.constant() || *innerSize.constant() > kBlockDepth;
}

/// Blocks of equal depth, but for the last: a short one would pay as much for the sums that wait as any.
Value Gemm::blockDepth() const {
  Value blocks = b.div(b.add(inner, kBlockDepth - 1), kBlockDepth);
  Value equal = b.div(b.add(inner, b.sub(blocks, b.constant(1))), b.maximum(blocks, b.constant(1)));
  // In whole vectors, so that squares of them make up a block, and never 0.
  return b.maximum(b.mul(b.div(b.add(equal, kMaxLanes - 1), kMaxLanes), kMaxLanes), b.constant(kMaxLanes));
}

void Gemm::emit(Value firstRow, Value endRow, Value firstColumn, Value endColumn, Write write) {
  Value depth = blockDepth();
  b.loop(firstColumn, endColumn, width, [&](Value column) {
    Block block;
    block.column = column;
    block.columns = b.minimum(b.constant(width), b.sub(endColumn, column));
    // With one block of k the copy serves all rows.
    bool sharesRight = !isSplit();
    if (sharesRight) {
      block.k = b.constant(0);
      block.depth = inner;
      packRight(block);
    }
    b.loop(firstRow, endRow, blockRows, [&](Value row) {
      block.row = row;
      block.rows = b.minimum(b.constant(blockRows), b.sub(endRow, row));
      if (sharesRight) {
        emitBlock(block, write);
        return;
      }
      // An empty sum is a block too: its zeros are written.
      b.loop(b.constant(0), b.div(b.add(b.maximum(inner, b.constant(1)), b.sub(depth, b.constant(1))), depth), 1, [&](Value number) {
        Value k = b.mul(number, depth);
        block.k = k;
        block.depth = b.minimum(depth, b.sub(inner, k));
        packRight(block);
        emitBlock(block, write);
      });
    });
  });
}

void Gemm::emitBlock(const Block &block, Write write) {
  if (left.isTransposed)
    packLeft(block);
  // Whole tiles, then vector by vector.
  auto columns = [&](Value begin, Value end, int64_t vectors) {
    b.loop(begin, end, vectors * lanes, [&](Value column) {
      forEachTile(b, b.constant(0), block.rows,
                  [&](Value row, int64_t rows, Value valid) { emitTile(block, row, rows, valid, column, vectors, write); });
    });
  };
  Value whole = hasWholeTiles ? b.constant(width) : b.roundDown(block.columns, width);
  columns(b.constant(0), whole, b.target.tileVectors);
  if (!hasWholeTiles)
    columns(whole, block.columns, 1);
}

/// `row` and `column` count from the block's first.
void Gemm::emitTile(const Block &block, Value row, int64_t rows, Value valid, Value column, int64_t vectors, Write write) {
  RegisterTile tile;
  tile.right = compute;
  tile.lanes = lanes;
  tile.unroll = unroll;
  tile.columnStep = b.constant(width);
  for (int64_t j = 0; j < vectors; ++j)
    tile.columns.push_back(b.pointer(packedRight, compute, b.add(column, j * lanes)));
  Value depth = block.depth;
  if (left.isTransposed) {
    tile.left = compute;
    tile.rowStep = b.constant(blockRows);
    tile.addRows(b, b.pointer(packedLeft, compute, row), b.constant(1), rows);
    depth = b.add(depth, b.rem(depth, b.constant(unroll)));
  } else {
    tile.left = left.element;
    tile.rowStep = b.constant(1);
    Value base = b.pointer(left.base, left.element, b.add(b.mul(b.add(block.row, row), left.pitch), block.k));
    tile.addRows(b, base, left.pitch, rows, valid);
  }

  auto partialAt = [&](int64_t r, int64_t j) { return b.add(b.mul(b.add(row, r), width), b.add(column, j * lanes)); };
  Values sums = tile.zeros(b);
  if (isSplit())
    sums = b.choose(
        isFirst(block), ValueRange(sums).getTypes(), [&] { return sums; },
        [&] {
          Values loaded;
          for (int64_t r = 0; r < rows; ++r)
            for (int64_t j = 0; j < vectors; ++j)
              loaded.push_back(b.load(partial, compute, partialAt(r, j), lanes));
          return loaded;
        });
  sums = tile.accumulate(b, b.constant(0), depth, sums);

  bool isPart = !hasWholeTiles && vectors == 1;
  auto finish = [&] {
    forEachValidRow(b, rows, valid, [&](int64_t r) {
      for (int64_t j = 0; j < vectors; ++j)
        writeVector(block, b.add(row, r), b.add(column, j * lanes), sums[r * vectors + j], isPart, write);
    });
  };
  if (!isSplit()) {
    finish();
    return;
  }
  b.when(isLast(block), finish, [&] {
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t j = 0; j < vectors; ++j)
        b.store(sums[r * vectors + j], partial, partialAt(r, j));
  });
}

/// `isPart`: whether the vector may reach beyond the block's columns.
void Gemm::writeVector(const Block &block, Value row, Value column, Value sum, bool isPart, Write write) {
  Value line = b.add(block.row, row), first = b.add(block.column, column);
  if (!isPart || lanes == 1) {
    write(line, first, lanes, sum, Value());
    return;
  }
  Value valid = b.sub(block.columns, column);
  if (canMask) {
    write(line, first, lanes, sum,
          arith::CmpIOp::create(b, arith::CmpIPredicate::slt, b.iota(b.constant(0), lanes), b.broadcast(valid, lanes)));
    return;
  }
  b.store(sum, spill, b.constant(0));
  b.loop(b.constant(0), b.minimum(valid, b.constant(lanes)), 1,
         [&](Value lane) { write(line, b.add(first, lane), 1, b.load(spill, compute, lane), Value()); });
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

/// The block's rows of a transposed left operand lie side by side for each k; so they do in the copy, [depth][blockRows].
void Gemm::packLeft(const Block &block) {
  Value whole = b.roundDown(block.rows, lanes);
  b.loop(b.constant(0), block.depth, 1, [&](Value k) {
    Value from = b.pointer(left.base, left.element, b.add(b.mul(b.add(block.k, k), left.pitch), block.row));
    Value to = b.pointer(packedLeft, compute, b.mul(k, blockRows));
    b.loop(b.constant(0), whole, lanes, [&](Value r) { b.store(b.widened(b.load(from, left.element, r, lanes)), to, r); });
    b.loop(whole, block.rows, 1, [&](Value r) { b.store(b.widened(b.load(from, left.element, r)), to, r); });
  });
  // Up to a multiple of `unroll`.
  b.loop(block.depth, b.add(block.depth, b.rem(block.depth, b.constant(unroll))), 1, [&](Value k) {
    Value to = b.pointer(packedLeft, compute, b.mul(k, blockRows));
    b.loop(b.constant(0), block.rows, 1, [&](Value r) { b.store(b.constant(compute, 0), to, r); });
  });
}

/// The copy is [depth][width], its columns beyond the block's up to a whole vector zeros.
void Gemm::packRight(const Block &block) {
  if (right.isTransposed)
    packTransposed(block);
  else
    packRows(block);
  if (!left.isTransposed)
    return;
  Type vector = KernelBuilder::vectorOf(compute, lanes);
  b.loop(block.depth, b.add(block.depth, b.rem(block.depth, b.constant(unroll))), 1, [&](Value k) {
    for (int64_t j = 0; j < width; j += lanes)
      b.store(b.constant(vector, 0), packedRight, b.add(b.mul(k, width), j));
  });
}

void Gemm::packRows(const Block &block) {
  Type vector = KernelBuilder::vectorOf(compute, lanes);
  auto rowsOf = [&](function_ref<void(Value from, Value to)> copy) {
    b.loop(b.constant(0), block.depth, 1, [&](Value k) {
      Value from = b.pointer(right.base, right.element, b.add(b.mul(b.add(block.k, k), right.pitch), block.column));
      copy(from, b.pointer(packedRight, compute, b.mul(k, width)));
    });
  };
  auto wholeVector = [&](Value from, Value to, Value at) {
    b.store(b.widened(b.load(from, right.element, at, lanes)), to, at);
  };
  auto wholeRows = [&] {
    rowsOf([&](Value from, Value to) {
      for (int64_t j = 0; j < width; j += lanes)
        wholeVector(from, to, b.constant(j));
    });
  };
  if (hasWholeTiles) {
    wholeRows();
    return;
  }
  b.when(
      b.equal(block.columns, b.constant(width)), wholeRows,
      [&] {
        Value whole = b.roundDown(block.columns, lanes);
        rowsOf([&](Value from, Value to) {
          b.loop(b.constant(0), whole, lanes, [&](Value j) { wholeVector(from, to, j); });
          b.when(b.lessThan(whole, block.columns), [&] { b.store(b.constant(vector, 0), to, whole); });
          b.loop(whole, block.columns, 1, [&](Value j) { b.store(b.widened(b.load(from, right.element, j)), to, j); });
        });
      });
}

/// Squares of lanes x lanes through registers, the rest element by element.
void Gemm::packTransposed(const Block &block) {
  Type vector = KernelBuilder::vectorOf(compute, lanes);
  auto element = [&](Value column, Value k) {
    Value at = b.add(b.mul(b.add(block.column, column), right.pitch), b.add(block.k, k));
    b.store(b.widened(b.load(right.base, right.element, at)), packedRight, b.add(b.mul(k, width), column));
  };
  bool hasWholeDepth = innerSize.divide_exactly(lanes).has_value(); // and so have the blocks of it
  Value wholeColumns = hasWholeTiles ? block.columns : b.roundDown(block.columns, lanes);
  Value wholeDepth = hasWholeDepth ? block.depth : b.roundDown(block.depth, lanes);
  b.loop(b.constant(0), wholeColumns, lanes, [&](Value column) {
    b.loop(b.constant(0), wholeDepth, lanes, [&](Value k) {
      Values square;
      for (int64_t i = 0; i < lanes; ++i) {
        Value at = b.add(b.mul(b.add(b.add(block.column, column), i), right.pitch), b.add(block.k, k));
        square.push_back(b.widened(b.load(right.base, right.element, at, lanes)));
      }
      for (auto [i, row] : llvm::enumerate(transposed(b, square)))
        b.store(row, packedRight, b.add(b.mul(b.add(k, i), width), column));
    });
    if (!hasWholeDepth)
      b.loop(wholeDepth, block.depth, 1, [&](Value k) {
        b.loop(column, b.add(column, lanes), 1, [&](Value c) { element(c, k); });
      });
  });
  if (hasWholeTiles)
    return;
  b.loop(b.constant(0), block.depth, 1, [&](Value k) {
    b.when(b.lessThan(wholeColumns, block.columns),
           [&] { b.store(b.constant(vector, 0), packedRight, b.add(b.mul(k, width), wholeColumns)); });
    b.loop(wholeColumns, block.columns, 1, [&](Value c) { element(c, k); });
  });
}

/// Exchanges the off-diagonal halves of ever smaller squares.
Values transposed(KernelBuilder &b, ValueRange vectors) {
  Values current(vectors);
  int64_t lanes = current.size();
  for (int64_t half = lanes / 2; half >= 1; half /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      bool isUpper = lane & half;
      low.push_back(isUpper ? lanes + lane - half : lane);
      high.push_back(isUpper ? lanes + lane : lane + half);
    }
    for (int64_t i = 0; i < lanes; ++i) {
      if (i & half)
        continue;
      Value upper = current[i], lower = current[i + half];
      current[i] = vector::ShuffleOp::create(b, upper, lower, low);
      current[i + half] = vector::ShuffleOp::create(b, upper, lower, high);
    }
  }
  return current;
}

} // namespace kiln::codegen
