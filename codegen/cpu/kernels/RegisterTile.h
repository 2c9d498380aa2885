//===- RegisterTile.h - sums of products in registers -------------*- C++ -*-===//
//
// The innermost loop of every matrix product: rows x vectors of sums stay in registers while k runs. For each k it loads the tile's
// vectors of the right operand once and broadcasts one element a row of the left one. Where these lie is all that differs between
// products: packed or not, transposed or not.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_CPU_KERNELS_REGISTERTILE_H
#define KILN_CODEGEN_CPU_KERNELS_REGISTERTILE_H

#include "../KernelBuilder.h"

namespace kiln::codegen {

struct RegisterTile {
  /// Elements in memory; sums are of the type that `right` is computed in.
  Type left, right;
  /// Of each row, where its element of k = 0 lies; and elements from one k to the next.
  Values rows;
  Value rowStep;
  /// Of each vector, where its elements of k = 0 lie; and elements from one k to the next.
  Values columns;
  Value columnStep;
  int64_t lanes;
  /// Steps of k written out in the loop's body.
  int64_t unroll = 1;

  /// The sums after k = begin, ..., end - 1, added in this order to `sums`; those of row r begin at r * columns.size(). end - begin is
  /// a multiple of `unroll`.
  Values accumulate(KernelBuilder &b, Value begin, Value end, ValueRange sums) const;
  /// Sums of nothing.
  Values zeros(KernelBuilder &b) const;
  /// Adds `count` rows that are `pitch` elements apart. Of these the first `valid` exist (all, where it is null); the others are the last
  /// of them again.
  void addRows(KernelBuilder &b, Value base, Value pitch, int64_t count, Value valid = {});
};

/// Rows of the tiles that take what the large ones leave.
constexpr int64_t kSmallTile = 4;
/// Rows that the last tile may reach beyond the range: memory that takes all sums of tiles has that many more.
constexpr int64_t kRowsBeyond = kSmallTile - 1;

/// Calls `tile(first, rows, valid)` until all rows of [begin, end) had one. A tile has `b.target.tileRows` rows, all of them valid (`valid`
/// is null), or kSmallTile of which the first `valid` are in the range: two such tiles replace one of 6 where 2 rows would be left.
void forEachTile(KernelBuilder &b, Value begin, Value end, llvm::function_ref<void(Value first, int64_t rows, Value valid)> tile);

/// Calls `body(row)` for the valid ones of a tile's rows, counted from 0.
void forEachValidRow(KernelBuilder &b, int64_t rows, Value valid, llvm::function_ref<void(int64_t row)> body);

} // namespace kiln::codegen

#endif // KILN_CODEGEN_CPU_KERNELS_REGISTERTILE_H
