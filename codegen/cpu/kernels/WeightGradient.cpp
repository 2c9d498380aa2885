//===- WeightGradient.cpp - what gradients of weights share ---------------===//
//
// See WeightGradient.h; and the choice of the form.
//
//===----------------------------------------------------------------------===//

#include "WeightGradient.h"

#include "kiln/schedule/GridUnits.h"

using namespace mlir;

namespace kiln::codegen {

static std::vector<DimExpr> spatialSizes(schedule::BufferType type) {
  std::vector<DimExpr> sizes = type.getSizes();
  return {sizes.begin() + 1, sizes.end() - 1};
}

WeightGradient::WeightGradient(KernelContext &context)
    : context(context), b(context.b), shape(context.kernel), sizes(context.kernel.getResultType().getSizes()),
      windows(context, spatialSizes(context.kernel.getAnchorType(1)), spatialSizes(context.kernel.getAnchorType(0)),
              ArrayRef<DimExpr>(sizes).drop_back(2), "padding_low"),
      element(context.kernel.getResultType().getElementType()), lanes(b.lanesOf(element)),
      matrixColumns(shape.outputs * shape.together), columns(b.size(sizes.back())),
      groupChannels(b.size(sizes[sizes.size() - 2])), channels(b.mul(groupChannels, shape.together * shape.matrices)) {}

void WeightGradient::forEachUnit(function_ref<void(const Columns &)> body) {
  int64_t units = llvm::divideCeil(matrixColumns, schedule::kColumnBlock);
  b.loop(context.begin1, context.end1, 1, [&](Value unit) {
    Value begin = b.mul(b.rem(unit, b.constant(units)), schedule::kColumnBlock);
    body({b.div(unit, units), begin, b.minimum(b.add(begin, schedule::kColumnBlock), b.constant(matrixColumns))});
  });
}

void WeightGradient::forEachColumn(const Columns &unit, function_ref<void(Value, int64_t, int64_t)> body) {
  int64_t left = matrixColumns;
  Value begin = unit.begin;
  auto over = [&](int64_t vectors, int64_t lanes) {
    int64_t step = vectors * lanes;
    if (left < step || schedule::kColumnBlock % step != 0)
      return;
    left %= step;
    Value middle = left == 0 ? unit.end : b.add(begin, b.roundDown(b.sub(unit.end, begin), step));
    b.loop(begin, middle, step, [&](Value column) { body(column, vectors, lanes); });
    begin = middle;
  };
  for (int64_t vectors = b.target.tileVectors; vectors > 1; vectors /= 2)
    over(vectors, lanes);
  for (int64_t narrow = lanes; narrow > 0; narrow /= 2)
    over(1, narrow);
}

void WeightGradient::clear(const Columns &unit, Value begin, Value end) {
  b.loop(begin, end, 1, [&](Value row) {
    forEachColumn(unit, [&](Value column, int64_t vectors, int64_t lanes) {
      Value zero = b.constant(KernelBuilder::vectorOf(element, lanes), 0);
      for (int64_t j = 0; j < vectors; ++j)
        b.store(zero, context.results[0], elementAt(unit, row, b.add(column, j * lanes)));
    });
  });
}

void WeightGradient::addTo(Value offset, Value sum, Value mask) {
  Value result = context.results[0];
  if (mask)
    b.storeMasked(b.sum(b.loadMasked(result, element, offset, mask), sum), result, offset, mask);
  else
    b.store(b.sum(b.load(result, element, offset, KernelBuilder::lanesIn(sum)), sum), result, offset);
}

Value WeightGradient::placeOf(Value sample, Value z, Value y, Value x, bool isOutput) const {
  auto sizeOf = [&](int64_t dim) { return b.size(isOutput ? windows.dims[dim].output : windows.dims[dim].input); };
  Value plane = b.add(b.mul(sample, sizeOf(0)), z);
  return b.add(b.mul(b.add(b.mul(plane, sizeOf(1)), y), sizeOf(2)), x);
}

LogicalResult emitConvBackwardWeightChannelsLast(KernelContext &context) {
  Type element = context.kernel.getResultType().getElementType();
  if (!element.isF32() && !element.isF64())
    return context.error() << "with its channels last is compiled for f32 and f64, not for " << element;
  schedule::WeightGradientShape shape(context.kernel);
  if (shape.outputs < 0)
    return context.error() << "with its channels last is compiled for a known number of output channels";
  if (shape.form == schedule::WeightGradientShape::Form::Lines)
    emitWeightGradientLines(context);
  else
    emitWeightGradientTaps(context);
  return success();
}

} // namespace kiln::codegen
