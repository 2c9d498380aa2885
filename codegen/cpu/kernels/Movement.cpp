//===- Movement.cpp - parts of tensors, put elsewhere ---------------------===//
//
// A slice reads a part, a concatenation and a scatter write parts: all are walks over a box, with an access that says where the
// other side is.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"

#include "kiln/schedule/GridUnits.h"

using namespace mlir;

namespace kiln::codegen {

namespace {

int64_t integerAttribute(KernelContext &context, StringRef name) {
  return cast<IntegerAttr>(context.kernel.getAnchorAttribute(name)).getInt();
}

DimExpr dimAttribute(KernelContext &context, StringRef name) {
  return cast<ir::DimAttr>(context.kernel.getAnchorAttribute(name)).getExpression();
}

/// The part of the result's index space that begins at `start` in `dim` and has the sizes of `part`.
Box boxOf(KernelContext &context, schedule::BufferType part, int64_t dim, const DimExpr &start, int64_t step) {
  Box box = Box::all(part.getSizes());
  box.origin[dim] = start;
  box.steps[dim] = step;
  return box;
}

/// Copies a whole operand to a box of the result.
LogicalResult copyToBox(KernelContext &context, unsigned operand, Box box, int64_t fractions) {
  KernelBuilder &b = context.b;
  Access source = Access::contiguous(context.anchors[operand], context.kernel.getAnchorType(operand));
  ResultWriter writer(b, context.kernel, context.extras, context.results.front(), std::move(box));
  return emitBox(context, writer, fractions,
                 [&](Row &row, Value column, int64_t lanes) { return source.load(b, row, column, lanes); });
}

} // namespace

LogicalResult emitSlice(KernelContext &context) {
  KernelBuilder &b = context.b;
  int64_t dim = integerAttribute(context, "dim");
  Access source = Access::contiguous(context.anchors[0], context.kernel.getAnchorType(0));
  source.offset = source.strides[dim] * dimAttribute(context, "start");
  source.strides[dim] = source.strides[dim] * DimExpr(integerAttribute(context, "step"));
  return emitRows(context, [&](Row &row, Value column, int64_t lanes) { return source.load(b, row, column, lanes); });
}

/// Units are fractions of each input.
LogicalResult emitCat(KernelContext &context) {
  int64_t dim = integerAttribute(context, "dim");
  DimExpr start = 0;
  for (unsigned i = 0; i < context.kernel.getNumAnchorOperands(); ++i) {
    schedule::BufferType part = context.kernel.getAnchorType(i);
    if (failed(copyToBox(context, i, boxOf(context, part, dim, start, 1), schedule::kFractions)))
      return failure();
    start = start + part.getSizes()[dim];
  }
  return success();
}

/// One unit: what is replaced must be written after what is kept.
LogicalResult emitSliceScatter(KernelContext &context) {
  Box all = Box::all(context.kernel.getResultType().getSizes());
  if (failed(copyToBox(context, 0, all, 1)))
    return failure();
  Box part = boxOf(context, context.kernel.getAnchorType(1), integerAttribute(context, "dim"), dimAttribute(context, "start"),
                   integerAttribute(context, "step"));
  return copyToBox(context, 1, part, 1);
}

} // namespace kiln::codegen
