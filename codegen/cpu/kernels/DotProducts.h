//===- DotProducts.h - products of rows with rows -----------------*- C++ -*-===//
//
// left [M, K] times the transpose of right [N, K]: both operands hold K contiguously, so lanes are along K. A linear layer whose weight
// is not packed is such a product, and so is a matrix product whose right operand is transposed. Sums are of the type that the
// elements are computed in.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_CPU_KERNELS_DOTPRODUCTS_H
#define KILN_CODEGEN_CPU_KERNELS_DOTPRODUCTS_H

#include "../KernelEmitter.h"

namespace kiln::codegen {

class DotProducts {
public:
  DotProducts(KernelBuilder &b, Type element, Value left, Value right, Value inner)
      : b(b), element(element), compute(KernelBuilder::computeType(element)), left(left), right(right), inner(inner),
        lanes(b.lanesOf(compute)) {}

  using Write = llvm::function_ref<void(Value row, Value column, Value sum)>;
  /// Calls `write` once for each element of the ranges. An element's bits do not depend on the ranges.
  void emit(Value firstRow, Value endRow, Value firstColumn, Value endColumn, Write write);

private:
  void emitTile(Value row, int64_t rows, Value column, int64_t columns, Write write);

  KernelBuilder &b;
  Type element, compute;
  Value left, right, inner;
  int64_t lanes;
};

/// The columns that the context's range of blocks has.
std::pair<Value, Value> columnRange(KernelContext &context, const DimExpr &columns);

} // namespace kiln::codegen

#endif // KILN_CODEGEN_CPU_KERNELS_DOTPRODUCTS_H
