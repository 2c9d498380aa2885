//===- Fill.cpp - sizes as values -----------------------------------------===//
//
// nn.full of a number is a map; of a size, which is not known before the call, it is a kernel of this kind: its attribute is an
// expression in the kernel's own sizes.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"

using namespace mlir;

namespace kiln::codegen {

LogicalResult emitFull(KernelContext &context) {
  KernelBuilder &b = context.b;
  auto size = cast<ir::DimAttr>(context.kernel.getAnchorAttribute("value"));
  Type element = context.kernel.getBodyBlock().getArgument(0).getType();
  Value value = b.size(size.getExpression());
  if (isBool(element))
    value = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, value, b.constant(0));
  else if (isa<FloatType>(element))
    value = arith::SIToFPOp::create(b, element, value);
  else if (element.getIntOrFloatBitWidth() < 64)
    value = arith::TruncIOp::create(b, element, value);
  return emitRows(context, [&](Row &, Value, int64_t lanes) { return b.broadcast(value, lanes); });
}

} // namespace kiln::codegen
