//===- WeightGradient.h - what gradients of weights share ---------*- C++ -*-===//
//
// grad [N, ..., O] and input [N, ..., C] to [...kernel, C / groups, O]: a matrix whose rows are input channels of taps and whose
// columns are output channels; each element is a sum over output positions. kiln/schedule/WeightGradientShape.h has its forms,
// each of which has a file.
//
// Positions are gone through in blocks. The sums of each are added to the result, where those before wait: two short sums lose
// less than a long one. The order is that of positions, whatever part of the grid an element is in.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_CPU_KERNELS_WEIGHTGRADIENT_H
#define KILN_CODEGEN_CPU_KERNELS_WEIGHTGRADIENT_H

#include "Kernels.h"
#include "Windows.h"

#include "kiln/schedule/WeightGradientShape.h"

namespace kiln::codegen {

class WeightGradient {
protected:
  explicit WeightGradient(KernelContext &context);

  /// Neighbouring columns of a matrix: a unit of the grid's second axis.
  struct Columns {
    Value matrix, begin, end;
  };
  /// Calls `body` for the units of the range.
  void forEachUnit(llvm::function_ref<void(const Columns &)> body);
  /// Tiles as wide as the instruction set's, then narrower ones, as far as a matrix needs them.
  void forEachColumn(const Columns &unit, llvm::function_ref<void(Value column, int64_t vectors, int64_t lanes)> body);
  /// Sets rows begin, ..., end - 1 of a unit to zero.
  void clear(const Columns &unit, Value begin, Value end);
  /// Where an element of the result lies; and of the gradient, whose rows are positions.
  Value elementAt(const Columns &unit, Value row, Value column) {
    return b.add(b.mul(row, columns), b.add(b.mul(unit.matrix, matrixColumns), column));
  }
  /// Adds a vector to elements of the result; lanes where `mask` is false are not there.
  void addTo(Value offset, Value sum, Value mask = {});
  /// The number of a position: of a sample, with sizes of its plane.
  Value placeOf(Value sample, Value z, Value y, Value x, bool isOutput) const;
  Value samples() { return b.size(context.kernel.getAnchorType(0).getSizes().front()); }

  KernelContext &context;
  KernelBuilder &b;
  schedule::WeightGradientShape shape;
  std::vector<DimExpr> sizes;
  Windows windows;
  Type element;
  int64_t lanes, matrixColumns;
  /// Of the whole result: its columns, its rows for each tap, and the input's channels.
  Value columns, groupChannels, channels;
};

} // namespace kiln::codegen

#endif // KILN_CODEGEN_CPU_KERNELS_WEIGHTGRADIENT_H
