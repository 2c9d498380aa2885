//===- Embedding.cpp - rows of a table ------------------------------------===//
//
// All indices are checked before the first row is copied, so that an error leaves no thread behind and is the same whatever the
// number of threads: the first wrong index in row-major order.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"

#include "kiln/runtime/abi.h"

using namespace mlir;

namespace kiln::codegen {

static Value loadIndex(KernelContext &context, Value position, unsigned operand = 0) {
  KernelBuilder &b = context.b;
  Type element = context.kernel.getAnchorType(operand).getElementType();
  Value index = b.load(context.anchors[operand], element, position);
  return element.isInteger(64) ? index : Value(arith::ExtSIOp::create(b, b.getI64Type(), index));
}

LogicalResult emitEmbedding(KernelContext &context) {
  KernelBuilder &b = context.b;
  schedule::BufferType weight = context.kernel.getAnchorType(1);
  Value features = b.size(weight.getSizes()[1]);
  return emitRows(context, [&](Row &row, Value column, int64_t lanes) {
    Value index = loadIndex(context, row.getNumber()); // a row of the result is an index
    return b.load(context.anchors[1], weight.getElementType(), b.add(b.mul(index, features), column), lanes);
  });
}

FailureOr<Value> checkEmbedding(KernelContext &context, Value errorValues) {
  return checkIndices(context, /*operand=*/0, context.kernel.getAnchorType(1).getSizes()[0], errorValues);
}

FailureOr<Value> checkIndices(KernelContext &context, unsigned operand, const DimExpr &size, Value errorValues) {
  KernelBuilder &b = context.b;
  Value count = b.size(context.kernel.getAnchorType(operand).getElements());
  Value rows = b.size(size);
  Value ok = b.integerConstant(b.getI32Type(), KILN_OK), wrong = b.integerConstant(b.getI32Type(), KILN_ERROR_INDEX_OUT_OF_RANGE);
  // From the last to the first, so that the first one remains.
  Values last = b.loop(b.constant(0), count, 1, {ok, b.constant(0), b.constant(0)}, [&](Value i, ValueRange carried) {
    Value place = b.sub(b.sub(count, b.constant(1)), i), index = loadIndex(context, place, operand);
    // Unsigned: a negative index is a huge one.
    Value isWrong = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, index, rows);
    return Values{arith::SelectOp::create(b, isWrong, wrong, carried[0]), arith::SelectOp::create(b, isWrong, index, carried[1]),
                  arith::SelectOp::create(b, isWrong, place, carried[2])};
  });
  b.store(last[1], errorValues, b.constant(0));
  b.store(rows, errorValues, b.constant(1));
  b.store(last[2], errorValues, b.constant(2));
  b.store(count, errorValues, b.constant(3));
  return last[0];
}

} // namespace kiln::codegen
