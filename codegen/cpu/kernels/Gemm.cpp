//===- Gemm.cpp - products of matrices that lie as they lie ---------------===//
//
// Groups of strips, each of one tile's width; in each group, row blocks; in each, blocks of k: copy, then tiles.
//
//===----------------------------------------------------------------------===//

#include "Gemm.h"

#include "Transpose.h"
#include "kiln/schedule/GridUnits.h"

using namespace mlir;

namespace kiln::codegen {

/// Values of k in a block, at most: a tile's width of the right operand is then 64 KiB, which a second cache holds.
static constexpr int64_t kBlockDepth = 256;
/// Bytes of a group's copy of the right operand, where it has several strips: a transposed left operand is copied once a group.
static constexpr int64_t kGroupBytes = 128 * 1024;
/// Rows of a block: multiples of every tile's rows. A transposed left operand is copied, so there are fewer.
static constexpr int64_t kBlockRows = 264, kBlockRowsTransposed = 96;
static constexpr int64_t kVectorAlignment = 64;
/// Lanes of the widest vector of floats.
static constexpr int64_t kFloatLanes = 16;

Gemm::Gemm(KernelBuilder &b, GemmOperand left, GemmOperand right, const DimExpr &innerSize, const DimExpr &columns, bool canMask)
    : b(b), left(left), right(right), innerSize(innerSize), inner(b.size(innerSize)), canMask(canMask),
      compute(KernelBuilder::computeType(right.element)), lanes(b.lanesOf(compute)), width(b.target.tileVectors * lanes) {
  blockRows = left.isTransposed ? kBlockRowsTransposed * 4 / KernelBuilder::bytesOf(compute) : kBlockRows;
  hasWholeTiles = columns.divide_exactly(width) && schedule::kColumnBlock % width == 0;
  // Both operands copied: an odd last k is filled up with zeros. Else the left one is read as it lies, to its last element only.
  unroll = left.isTransposed || innerSize.divide_exactly(2) ? 2 : 1;
  int64_t rightElements = kBlockDepth * width;
  if (left.isTransposed)
    rightElements = std::max(rightElements, kGroupBytes / KernelBuilder::bytesOf(compute));
  packedRight = b.scratch(compute, rightElements, kVectorAlignment);
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
  int64_t whole = std::max(lanes, kFloatLanes);
  return b.maximum(b.mul(b.div(b.add(equal, whole - 1), whole), whole), b.constant(whole));
}

/// Columns of a group. Several strips where the left operand is transposed, so that its copies serve them all, unless their sums would
/// have to wait for another block of k.
Value Gemm::groupColumns(Value blocks, Value depth) const {
  Value one = b.constant(width);
  if (!left.isTransposed)
    return one;
  Value elements = b.constant(kGroupBytes / KernelBuilder::bytesOf(compute));
  Value several = b.maximum(one, b.roundDown(b.div(elements, depth), width));
  return b.createOrFold<arith::SelectOp>(b.equal(blocks, b.constant(1)), several, one);
}

void Gemm::emit(Value firstRow, Value endRow, Value firstColumn, Value endColumn, Write write) {
  Value depth = blockDepth();
  // An empty sum is a block too: its zeros are written.
  Value blocks = b.div(b.add(b.maximum(inner, b.constant(1)), b.sub(depth, b.constant(1))), depth);
  Value group = groupColumns(blocks, depth);
  Value count = b.div(b.add(b.sub(endColumn, firstColumn), b.sub(group, b.constant(1))), group);
  b.loop(b.constant(0), count, 1, [&](Value number) {
    Block block;
    block.column = b.add(firstColumn, b.mul(number, group));
    block.columns = b.minimum(group, b.sub(endColumn, block.column));
    // With one block of k the copy serves all rows.
    auto packShared = [&] {
      block.k = b.constant(0);
      block.depth = inner;
      packRight(block);
    };
    if (isSplit())
      b.when(b.equal(blocks, b.constant(1)), packShared);
    else
      packShared();
    b.loop(firstRow, endRow, blockRows, [&](Value row) {
      block.row = row;
      block.rows = b.minimum(b.constant(blockRows), b.sub(endRow, row));
      if (!isSplit()) {
        emitBlock(block, write);
        return;
      }
      b.loop(b.constant(0), blocks, 1, [&](Value number) {
        block.k = b.mul(number, depth);
        block.depth = b.minimum(depth, b.sub(inner, block.k));
        b.when(b.lessThan(b.constant(1), blocks), [&] { packRight(block); });
        emitBlock(block, write);
      });
    });
  });
}

/// Calls `body` for each strip of a block, whose copies of the right operand lie one behind the other.
void Gemm::forEachStrip(const Block &block, function_ref<void(const Block &)> body) {
  Value pitch = b.mul(b.add(block.depth, b.rem(block.depth, b.constant(unroll))), width);
  b.loop(b.constant(0), block.columns, width, [&](Value column) {
    Block strip = block;
    strip.column = b.add(block.column, column);
    strip.columns = hasWholeTiles ? b.constant(width) : b.minimum(b.constant(width), b.sub(block.columns, column));
    strip.packed = b.pointer(packedRight, compute, b.mul(b.div(column, width), pitch));
    body(strip);
  });
}

void Gemm::emitBlock(const Block &block, Write write) {
  if (left.isTransposed)
    packLeft(block);
  // Whole tiles, then narrower ones, at last vector by vector.
  forEachStrip(block, [&](const Block &strip) {
    Value begin = b.constant(0);
    for (int64_t vectors = b.target.tileVectors; vectors >= 1; vectors /= 2) {
      Value end = vectors == 1 ? strip.columns : b.roundDown(strip.columns, vectors * lanes);
      b.loop(begin, end, vectors * lanes, [&](Value column) {
        forEachTile(b, b.constant(0), strip.rows,
                    [&](Value row, int64_t rows, Value valid) { emitTile(strip, row, rows, valid, column, vectors, write); });
      });
      begin = end;
      if (hasWholeTiles)
        break;
    }
  });
}

/// In a strip. `row` and `column` count from its first.
void Gemm::emitTile(const Block &block, Value row, int64_t rows, Value valid, Value column, int64_t vectors, Write write) {
  RegisterTile tile;
  tile.right = compute;
  tile.lanes = lanes;
  tile.unroll = unroll;
  tile.columnStep = b.constant(width);
  for (int64_t j = 0; j < vectors; ++j)
    tile.columns.push_back(b.pointer(block.packed, compute, b.add(column, j * lanes)));
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

/// The copy of a strip is [depth][width], its columns beyond the strip's up to a whole vector zeros.
void Gemm::packRight(const Block &block) {
  forEachStrip(block, [&](const Block &strip) {
    if (right.isTransposed)
      packTransposed(strip);
    else
      packRows(strip);
    if (!left.isTransposed)
      return;
    Type vector = KernelBuilder::vectorOf(compute, lanes);
    b.loop(block.depth, b.add(block.depth, b.rem(block.depth, b.constant(unroll))), 1, [&](Value k) {
      for (int64_t j = 0; j < width; j += lanes)
        b.store(b.constant(vector, 0), strip.packed, b.add(b.mul(k, width), j));
    });
  });
}

void Gemm::packRows(const Block &block) {
  Type vector = KernelBuilder::vectorOf(compute, lanes);
  auto rowsOf = [&](function_ref<void(Value from, Value to)> copy) {
    b.loop(b.constant(0), block.depth, 1, [&](Value k) {
      Value from = b.pointer(right.base, right.element, b.add(b.mul(b.add(block.k, k), right.pitch), block.column));
      copy(from, b.pointer(block.packed, compute, b.mul(k, width)));
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

void Gemm::packTransposed(const Block &block) {
  TransposedCopy copy;
  copy.element = right.element;
  copy.from = b.pointer(right.base, right.element, b.add(b.mul(block.column, right.pitch), block.k));
  copy.pitch = right.pitch;
  copy.rows = block.columns;
  copy.hasWholeRows = hasWholeTiles;
  copy.columns = block.depth;
  copy.hasWholeColumns = innerSize.divide_exactly(lanes).has_value(); // and so have the blocks of it
  copy.to = block.packed;
  copy.toPitch = b.constant(width);
  copy.emit(b);
}

} // namespace kiln::codegen
