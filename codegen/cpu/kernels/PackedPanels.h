//===- PackedPanels.h - weights in panels, as tiles read them -----*- C++ -*-===//
//
// A matrix of weights [N, K] packed as [ceil(N / panel), K, panel] (nn.pack_panels), divided into the vectors of register tiles: a tile
// that is wider than a panel takes its vectors from several, a narrower one a part of them. Vectors of padding alone are left out.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_CPU_KERNELS_PACKEDPANELS_H
#define KILN_CODEGEN_CPU_KERNELS_PACKEDPANELS_H

#include "../KernelBuilder.h"

namespace kiln::codegen {

/// The largest divisor of `value` that is not above `limit`.
int64_t largestDivisor(int64_t value, int64_t limit);

struct PackedPanels {
  Value base;
  Type element;
  /// Elements from a panel's vector of one k to that of the next.
  int64_t panel;
  int64_t lanes;
  /// K and N.
  Value inner;
  DimExpr features;

  /// Calls `tile(firstColumn, weights)` for panels first, ..., first + count - 1. `weights` are pointers to the elements of k = 0, a
  /// vector each; the j-th has the columns from firstColumn + j * lanes on.
  void forEachTile(KernelBuilder &b, Value first, Value count,
                   llvm::function_ref<void(Value firstColumn, const Values &weights)> tile) const;
  /// Calls `body` unless every column from `first` on is padding.
  void unlessPadding(KernelBuilder &b, Value first, llvm::function_ref<void()> body) const;
  /// Which of the columns from `first` on are there; null where all are, or where one alone is meant.
  Value mask(KernelBuilder &b, Value first) const;

private:
  bool hasPadding() const { return !features.divide_exactly(panel); }
  void partsOf(KernelBuilder &b, Value first, int64_t panels, int64_t vectors,
               llvm::function_ref<void(Value, const Values &)> tile) const;
};

} // namespace kiln::codegen

#endif // KILN_CODEGEN_CPU_KERNELS_PACKEDPANELS_H
