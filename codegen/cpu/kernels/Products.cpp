//===- Products.cpp - linear layers whose weight is not packed ------------===//
//
// Where the weight is not known before the call, or changes in it, there is no packing: dot products along K, which both operands hold
// contiguously.
//
//===----------------------------------------------------------------------===//

#include "DotProducts.h"
#include "Kernels.h"

using namespace mlir;

namespace kiln::codegen {

LogicalResult emitLinear(KernelContext &context) {
  KernelBuilder &b = context.b;
  schedule::BufferType weight = context.kernel.getAnchorType(1);
  ResultWriter writer(b, context.kernel, context.extras, context.results.front());
  auto [first, end] = columnRange(context, weight.getSizes()[0]);
  LogicalResult result = success();
  DotProducts dots(b, weight.getElementType(), context.anchors[0], context.anchors[1], b.size(weight.getSizes()[1]));
  dots.emit(context.begin0, context.end0, first, end, [&](Value rowNumber, Value column, Value sum) {
    if (context.anchors.size() == 3)
      sum = b.sum(sum, b.widened(b.load(context.anchors[2], weight.getElementType(), column)));
    Row row(writer.getBox(), rowNumber);
    if (failed(writer.write(row, column, 1, b.rounded(sum, weight.getElementType()))))
      result = failure();
  });
  return result;
}

} // namespace kiln::codegen
