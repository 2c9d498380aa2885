//===- Precision.h - computing in double --------------------------*- C++ -*-===//
//
// Sums and statistics are computed in f64 whatever the operands' type, as the reference does; this is the step to it, and
// KernelBuilder::rounded the one back.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_CPU_KERNELS_PRECISION_H
#define KILN_CODEGEN_CPU_KERNELS_PRECISION_H

#include "../KernelEmitter.h"

namespace kiln::codegen {

/// A float, or vector of floats, as f64.
inline Value toDouble(KernelBuilder &b, Value value) {
  Type type = KernelBuilder::vectorOf(b.getF64Type(), KernelBuilder::lanesIn(value));
  return type == value.getType() ? value : Value(mlir::arith::ExtFOp::create(b, type, value));
}

/// Attributes of the kernel's anchor.
inline int64_t integerAttribute(KernelContext &context, llvm::StringRef name) {
  return mlir::cast<mlir::IntegerAttr>(context.kernel.getAnchorAttribute(name)).getInt();
}
inline double floatAttribute(KernelContext &context, llvm::StringRef name) {
  return mlir::cast<mlir::FloatAttr>(context.kernel.getAnchorAttribute(name)).getValueAsDouble();
}
inline bool boolAttribute(KernelContext &context, llvm::StringRef name) {
  return mlir::cast<mlir::BoolAttr>(context.kernel.getAnchorAttribute(name)).getValue();
}

} // namespace kiln::codegen

#endif // KILN_CODEGEN_CPU_KERNELS_PRECISION_H
