//===- Transpose.h - matrices turned over in registers ------------*- C++ -*-===//
//
// Squares of vectors are transposed by shuffles, so that both sides of a copy move whole vectors.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_CPU_KERNELS_TRANSPOSE_H
#define KILN_CODEGEN_CPU_KERNELS_TRANSPOSE_H

#include "../KernelBuilder.h"

namespace kiln::codegen {

/// The transpose of lanes x lanes elements: result[i][j] = vectors[j][i].
Values transposed(KernelBuilder &b, ValueRange vectors);

/// A copy of a matrix whose rows become columns, in the type that its elements are computed in.
struct TransposedCopy {
  Type element;
  /// [rows, columns], and the elements from one row to the next.
  Value from, rows, columns, pitch;
  /// Whether these sizes are known to be multiples of a vector's lanes.
  bool hasWholeRows = false, hasWholeColumns = false;
  /// [columns, rows filled up to a whole vector with zeros].
  Value to, toPitch;

  void emit(KernelBuilder &b) const;
};

} // namespace kiln::codegen

#endif // KILN_CODEGEN_CPU_KERNELS_TRANSPOSE_H
