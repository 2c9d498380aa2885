//===- Products.cpp - linear layers whose weight is not packed ------------===//
//
// Where the weight is not known before the call, or changes in it: a product with a transposed right operand, or for always few rows dot
// products along K, which both operands hold contiguously.
//
//===----------------------------------------------------------------------===//

#include "DotProducts.h"
#include "Gemm.h"
#include "Kernels.h"

using namespace mlir;

namespace kiln::codegen {

LogicalResult emitLinear(KernelContext &context) {
  KernelBuilder &b = context.b;
  schedule::BufferType weight = context.kernel.getAnchorType(1);
  Type element = weight.getElementType();
  ResultWriter writer(b, context.kernel, context.extras, context.results.front());
  auto [first, end] = columnRange(context, weight.getSizes()[0]);
  Value inner = b.size(weight.getSizes()[1]);
  LogicalResult result = success();
  auto write = [&](Value rowNumber, Value column, int64_t lanes, Value sum, Value mask) {
    if (context.anchors.size() == 3) {
      Value bias = mask ? b.loadMasked(context.anchors[2], element, column, mask) : b.load(context.anchors[2], element, column, lanes);
      sum = b.sum(sum, b.widened(bias));
    }
    Row row(writer.getBox(), rowNumber);
    if (failed(writer.write(row, column, lanes, b.rounded(sum, element), mask)))
      result = failure();
  };
  if (Gemm::isWorth(writer.getBox().rows())) {
    Gemm gemm(b, {element, context.anchors[0], false, inner}, {element, context.anchors[1], true, inner}, weight.getSizes()[1], weight.getSizes()[0],
              b.target.hasMasks && KernelBuilder::bytesOf(element) >= 4);
    gemm.emit(context.begin0, context.end0, first, end, write);
    return result;
  }
  DotProducts dots(b, element, context.anchors[0], context.anchors[1], inner);
  dots.emit(context.begin0, context.end0, first, end,
            [&](Value row, Value column, Value sum) { write(row, column, 1, sum, Value()); });
  return result;
}

} // namespace kiln::codegen
