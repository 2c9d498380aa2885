//===- Access.h - from an index of the result to an operand's element -*- C++ -*-===//
//
// Kernels walk over the result in rows (all dimensions but the last) and columns (the last). An access says where an operand's
// element for an index lies; a writer turns anchor elements into stored elements, through the kernel's body.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_CPU_ACCESS_H
#define KILN_CODEGEN_CPU_ACCESS_H

#include "KernelBuilder.h"

namespace kiln::codegen {

/// Row-major strides, in elements.
std::vector<DimExpr> rowMajorStrides(llvm::ArrayRef<DimExpr> sizes);

/// A range of an index space: sizes of its own, at an origin and with steps in the whole.
struct Box {
  std::vector<DimExpr> sizes;
  std::vector<DimExpr> origin;
  std::vector<int64_t> steps;

  /// The whole of a space.
  static Box all(llvm::ArrayRef<DimExpr> sizes);
  int64_t rank() const { return static_cast<int64_t>(sizes.size()); }
  /// Product of all sizes but the last; 1 for one dimension or none.
  DimExpr rows() const;
  /// The last size; 1 for no dimension.
  DimExpr columns() const;
  bool isStrided() const { return !steps.empty() && steps.back() != 1; }
};

/// A row of a box, by its number.
class Row {
public:
  Row(const Box &box, Value number) : box(&box), number(number) {}

  Value getNumber() const { return number; }
  /// The index along a dimension but the last.
  Value index(KernelBuilder &b, int64_t dim);
  /// Where a row begins in memory with these strides (one each dimension; the last is not used).
  Value offset(KernelBuilder &b, llvm::ArrayRef<DimExpr> strides);

private:
  const Box *box;
  Value number;
};

/// An operand as seen from a box.
struct Access {
  Value base;
  Type element;
  /// Elements between neighbours along each dimension of the box; 0 where it is broadcast.
  std::vector<DimExpr> strides;
  /// Elements before that of index 0.
  DimExpr offset = 0;

  /// Through one of a kernel's maps.
  static Access throughMap(Value base, schedule::BufferType operand, mlir::AffineMap map, const Box &box);
  /// A buffer with the box's own shape.
  static Access contiguous(Value base, schedule::BufferType operand);

  /// The elements at columns column, column + 1, ...; lanes where `mask` is false are not read.
  Value load(KernelBuilder &b, Row &row, Value column, int64_t lanes, Value mask = {}) const;
};

/// The elements of `values` through the kernel's body: anchor's element first (when there is an anchor), then extras; scalars or
/// vectors. Fails with a diagnostic for an operation that has no vector form.
mlir::FailureOr<Value> applyBody(KernelBuilder &b, schedule::KernelOp kernel, ValueRange values);

/// Writes the first result of a kernel.
class ResultWriter {
public:
  ResultWriter(KernelBuilder &b, schedule::KernelOp kernel, ValueRange extras, Value result);
  /// The same for a part of the result.
  ResultWriter(KernelBuilder &b, schedule::KernelOp kernel, ValueRange extras, Value result, Box box);

  const Box &getBox() const { return box; }
  /// Lanes of a vector of the widest type that the kernel touches.
  int64_t lanes() const { return vectorLanes; }
  /// Stores body(anchor, extras...) at columns column, column + 1, ... of the row. `anchor` is null in a map.
  mlir::LogicalResult write(Row &row, Value column, int64_t lanes, Value anchor, Value mask = {});

private:
  KernelBuilder &b;
  schedule::KernelOp kernel;
  Box box;
  llvm::SmallVector<Access> extras;
  Access result;
  int64_t vectorLanes;
};

/// Bytes of the widest element that the kernel reads, computes or writes.
int64_t widestElementBytes(schedule::KernelOp kernel);

} // namespace kiln::codegen

#endif // KILN_CODEGEN_CPU_ACCESS_H
