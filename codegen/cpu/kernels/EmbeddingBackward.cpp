//===- EmbeddingBackward.cpp - the gradient of a table --------------------===//
//
// A unit is a row of the table. Whoever has a range of rows goes through all indices, in order, and adds what belongs to its
// range: no two threads write one row, and each row is added up in the order of the indices whatever the split.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"

using namespace mlir;

namespace kiln::codegen {

LogicalResult emitEmbeddingBackward(KernelContext &context) {
  KernelBuilder &b = context.b;
  schedule::BufferType indices = context.kernel.getAnchorType(1), table = context.kernel.getResultType();
  Type element = table.getElementType(), indexType = indices.getElementType();
  if (!isa<Float32Type, Float64Type>(element)) // what is in the result's memory would be rounded at each addition
    return context.error() << "is compiled for f32 and f64, not for " << element << "; cast the gradient";
  Value grad = context.anchors[0], result = context.results[0];
  Value features = b.size(table.getSizes()[1]);
  int64_t lanes = b.lanesOf(element);

  auto overRow = [&](Value begin, function_ref<void(Value offset, int64_t lanes)> body) {
    Value end = b.add(begin, features), middle = b.add(begin, b.roundDown(features, lanes));
    b.loop(begin, middle, lanes, [&](Value offset) { body(offset, lanes); });
    b.loop(middle, end, 1, [&](Value offset) { body(offset, 1); });
  };
  b.loop(context.begin0, context.end0, 1, [&](Value row) {
    overRow(b.mul(row, features), [&](Value offset, int64_t width) {
      b.store(b.constant(KernelBuilder::vectorOf(element, width), 0), result, offset);
    });
  });
  b.loop(b.constant(0), b.size(indices.getElements()), 1, [&](Value position) {
    Value row = b.load(context.anchors[1], indexType, position);
    if (!indexType.isInteger(64))
      row = arith::ExtSIOp::create(b, b.getI64Type(), row);
    auto and_ = [&](Value x, Value y) -> Value { return arith::AndIOp::create(b, x, y); };
    Value isMine = and_(b.atLeast(row, context.begin0), b.lessThan(row, context.end0));
    if (auto padding = dyn_cast_if_present<IntegerAttr>(context.kernel.getAnchorAttribute("padding_idx"))) {
      Value skipped = b.constant(padding.getInt());
      if (padding.getInt() < 0) // counts from the end
        skipped = b.add(b.size(table.getSizes()[0]), skipped);
      isMine = and_(isMine, arith::CmpIOp::create(b, arith::CmpIPredicate::ne, row, skipped));
    }
    b.when(isMine, [&] {
      Value source = b.mul(position, features), target = b.mul(row, features), shift = b.sub(source, target);
      overRow(target, [&](Value offset, int64_t width) {
        Value sum = b.load(result, element, offset, width), addend = b.load(grad, element, b.add(offset, shift), width);
        b.store(arith::AddFOp::create(b, sum, addend), result, offset);
      });
    });
  });
  return success();
}

FailureOr<Value> checkEmbeddingBackward(KernelContext &context, Value errorValues) {
  return checkIndices(context, /*operand=*/1, context.kernel.getResultType().getSizes()[0], errorValues);
}

} // namespace kiln::codegen
