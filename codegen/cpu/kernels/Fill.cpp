//===- Fill.cpp - sizes as elements ---------------------------------------===//
//
// nn.full of a number is a map; of a size, which the call alone knows, it is a kernel of this kind: its attribute is an expression in
// the kernel's own sizes.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"

using namespace mlir;

namespace kiln::codegen {

LogicalResult emitFull(KernelContext &context) {
  KernelBuilder &b = context.b;
  Value size = b.size(cast<ir::DimAttr>(context.kernel.getAnchorAttribute("value")).getExpression());
  Type type = context.kernel.getResultType().getScalarType();
  Value element = size;
  if (isa<FloatType>(type)) // f16 and bf16 by way of f32, as PyTorch converts
    element = b.rounded(arith::SIToFPOp::create(b, KernelBuilder::computeType(type), size), type);
  else if (isBool(type))
    element = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, size, b.constant(0));
  else if (type != size.getType())
    element = arith::TruncIOp::create(b, type, size);
  return emitRows(context, [&](Row &, Value, int64_t lanes) { return b.broadcast(element, lanes); });
}

} // namespace kiln::codegen
