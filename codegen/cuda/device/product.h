//===- product.h - matrix products on the device -------------------*- C++ -*-===//
//
// sum over k of left(row, k) * right(k, column), handed to `store(row, column, sum)`, which is the fused region. Where elements lie is
// the operands' own affair. Two forms: tiles in shared memory for many rows, and for few rows one that reads each weight once.
//
// An element's sum is one chain of multiply-adds in the order of k in the first form, and a fixed tree of such chains in the second: no
// bit depends on the number of blocks.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_DEVICE_PRODUCT_H
#define KILN_DEVICE_PRODUCT_H

#include "device.h"

namespace kiln::device {

/// A row-major matrix, by outer and inner index: the left operand [rows, k], or a weight [columns, k].
template <class T> struct Matrix {
  static constexpr bool kIsInnerContiguous = true;
  const T *data;
  i64 inner;
  KILN_FUNCTION T operator()(i64 outer, i64 k) const { return data[outer * inner + k]; }
};

/// The same with the inner index outermost in memory: [k, rows] or [k, columns].
template <class T> struct Transposed {
  static constexpr bool kIsInnerContiguous = false;
  const T *data;
  i64 outers;
  KILN_FUNCTION T operator()(i64 outer, i64 k) const { return data[k * outers + outer]; }
};

/// A weight packed in panels, [ceil(columns / Panel), k, Panel].
template <class T, int Panel> struct Panels {
  static constexpr bool kIsInnerContiguous = false;
  const T *data;
  i64 inner;
  KILN_FUNCTION T operator()(i64 column, i64 k) const {
    return data[(column / Panel * inner + k) * Panel + column % Panel];
  }
};

constexpr int kProductThreads = 256;

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

/// A block computes kSide x kSide elements, a thread kRun x kRun of them, kDepth steps of k at a time.
struct Tile {
  static constexpr int kSide = 64, kDepth = 16, kRun = 4;
  static constexpr int kThreadsAcross = kSide / kRun;
  /// Elements of an operand's tile that a thread copies.
  static constexpr int kCopies = kSide * kDepth / kProductThreads;
  /// Rows of a tile in shared memory: padded, so that neither copying nor reading meets one bank again and again, and so that runs of
  /// a thread are aligned to 16 bytes.
  static constexpr int kStride = kSide + 4;
};
static_assert(Tile::kThreadsAcross * Tile::kThreadsAcross == kProductThreads);

/// A thread's share of an operand's tile, between global and shared memory.
template <class T, class Operand> struct TileCopy {
  T elements[Tile::kCopies];

  /// Neighbouring threads read neighbouring elements.
  static KILN_FUNCTION int outer_of(int copy) {
    const int place = thread_index() + copy * kProductThreads;
    return Operand::kIsInnerContiguous ? place / Tile::kDepth : place % Tile::kSide;
  }
  static KILN_FUNCTION int depth_of(int copy) {
    const int place = thread_index() + copy * kProductThreads;
    return Operand::kIsInnerContiguous ? place % Tile::kDepth : place / Tile::kSide;
  }
  /// What lies outside the operand is zero.
  KILN_FUNCTION void load(const Operand &operand, i64 outer, i64 outers, i64 k, i64 inner) {
    KILN_UNROLL
    for (int copy = 0; copy < Tile::kCopies; ++copy) {
      const i64 at = outer + outer_of(copy), depth = k + depth_of(copy);
      elements[copy] = at < outers && depth < inner ? operand(at, depth) : T(0);
    }
  }
  KILN_FUNCTION void store(T (*tile)[Tile::kStride]) const {
    KILN_UNROLL
    for (int copy = 0; copy < Tile::kCopies; ++copy)
      tile[depth_of(copy)][outer_of(copy)] = elements[copy];
  }
};

template <class T, class Left, class Right, class Store>
KILN_FUNCTION void product_in_tiles(i64 rows, i64 columns, i64 inner, Left left, Right right, Store store) {
  alignas(16) KILN_SHARED T left_tile[Tile::kDepth][Tile::kStride];
  alignas(16) KILN_SHARED T right_tile[Tile::kDepth][Tile::kStride];
  const int first_row = thread_index() / Tile::kThreadsAcross * Tile::kRun;
  const int first_column = thread_index() % Tile::kThreadsAcross * Tile::kRun;
  const i64 across = (columns + Tile::kSide - 1) / Tile::kSide, down = (rows + Tile::kSide - 1) / Tile::kSide;

  KILN_NO_UNROLL
  for (i64 block = block_index(); block < across * down; block += block_count()) {
    const i64 row = block / across * Tile::kSide, column = block % across * Tile::kSide;
    TileCopy<T, Left> left_copy;
    TileCopy<T, Right> right_copy;
    left_copy.load(left, row, rows, 0, inner);
    right_copy.load(right, column, columns, 0, inner);
    T sums[Tile::kRun][Tile::kRun] = {};
    KILN_NO_UNROLL
    for (i64 k = 0; k < inner; k += Tile::kDepth) {
      barrier(); // all have read the tiles before
      left_copy.store(left_tile);
      right_copy.store(right_tile);
      barrier();
      if (k + Tile::kDepth < inner) { // on their way while this tile is computed
        left_copy.load(left, row, rows, k + Tile::kDepth, inner);
        right_copy.load(right, column, columns, k + Tile::kDepth, inner);
      }
      KILN_UNROLL_BY(4) // more would keep more of the tiles in registers than there are
      for (int depth = 0; depth < Tile::kDepth; ++depth) {
        T a[Tile::kRun], b[Tile::kRun];
        KILN_UNROLL
        for (int i = 0; i < Tile::kRun; ++i) {
          a[i] = left_tile[depth][first_row + i];
          b[i] = right_tile[depth][first_column + i];
        }
        KILN_UNROLL
        for (int i = 0; i < Tile::kRun; ++i)
          KILN_UNROLL
          for (int j = 0; j < Tile::kRun; ++j)
            sums[i][j] = multiply_add(a[i], b[j], sums[i][j]);
      }
    }
    KILN_UNROLL
    for (int i = 0; i < Tile::kRun; ++i)
      KILN_UNROLL
      for (int j = 0; j < Tile::kRun; ++j)
        if (row + first_row + i < rows && column + first_column + j < columns)
          store(row + first_row + i, column + first_column + j, sums[i][j]);
  }
}

//===----------------------------------------------------------------------===//
// Few rows
//===----------------------------------------------------------------------===//

/// Rows that one reading of the weight serves.
constexpr int kRowsAtOnce = 4;
constexpr int kProductWarps = kProductThreads / kWarpThreads;

/// Columns that a block computes, by how the weight lies.
template <class Right> constexpr int kColumnsOfFewRows = Right::kIsInnerContiguous ? kProductWarps : kWarpThreads;

/// sums[i] += left(row + i, k) * weight, for the rows that there are.
template <class T, class Left>
KILN_FUNCTION void add_products(T *sums, const Left &left, i64 row, i64 rows, i64 k, T weight) {
  KILN_UNROLL
  for (int i = 0; i < kRowsAtOnce; ++i)
    if (row + i < rows)
      sums[i] = multiply_add(left(row + i, k), weight, sums[i]);
}

template <class T, class Left, class Right, class Store>
KILN_FUNCTION void product_of_few_rows(i64 rows, i64 columns, i64 inner, Left left, Right right, Store store) {
  const int lane = thread_index() % kWarpThreads, warp = thread_index() / kWarpThreads;
  constexpr int kColumns = kColumnsOfFewRows<Right>;
  KILN_NO_UNROLL
  for (i64 block = block_index(); block < (columns + kColumns - 1) / kColumns; block += block_count())
    KILN_NO_UNROLL
    for (i64 row = 0; row < rows; row += kRowsAtOnce) {
      T sums[kRowsAtOnce] = {};
      if constexpr (Right::kIsInnerContiguous) {
        // A warp computes a column: its lanes share k.
        const i64 column = block * kColumns + warp;
        if (column < columns)
          for (i64 k = lane; k < inner; k += kWarpThreads)
            add_products<T>(sums, left, row, rows, k, right(column, k));
        KILN_UNROLL
        for (int i = 0; i < kRowsAtOnce; ++i)
          for (int mask = kWarpThreads / 2; mask > 0; mask /= 2)
            sums[i] += shuffle_xor(sums[i], mask);
        if (lane == 0 && column < columns)
          for (int i = 0; i < kRowsAtOnce; ++i)
            if (row + i < rows)
              store(row + i, column, sums[i]);
      } else {
        // A lane computes a column: the warps share k.
        KILN_SHARED T partial[kProductWarps][kRowsAtOnce][kWarpThreads];
        const i64 column = block * kColumns + lane;
        if (column < columns)
          for (i64 k = warp; k < inner; k += kProductWarps)
            add_products<T>(sums, left, row, rows, k, right(column, k));
        barrier(); // all have read the sums before
        for (int i = 0; i < kRowsAtOnce; ++i)
          partial[warp][i][lane] = sums[i];
        barrier();
        if (warp < kRowsAtOnce && row + warp < rows && column < columns) {
          T sum = 0;
          for (int other = 0; other < kProductWarps; ++other)
            sum += partial[other][warp][lane];
          store(row + warp, column, sum);
        }
      }
    }
}
static_assert(kRowsAtOnce <= kProductWarps, "a warp adds up a row");

} // namespace kiln::device

#endif // KILN_DEVICE_PRODUCT_H
