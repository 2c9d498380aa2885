//===- Precision.h - computing in double --------------------------*- C++ -*-===//
//
// Sums and statistics are computed in f64 whatever the operands' type, as the reference does; these are the steps to it and back.
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

/// The f64 `value` rounded to the type `element`.
inline Value fromDouble(KernelBuilder &b, Value value, Type element) {
  Type type = KernelBuilder::vectorOf(element, KernelBuilder::lanesIn(value));
  return type == value.getType() ? value : Value(mlir::arith::TruncFOp::create(b, type, value));
}

/// An error unless the operand that a kernel computes with is f32 or f64.
inline mlir::LogicalResult requireFloat(KernelContext &context, Type element) {
  if (mlir::isa<mlir::Float32Type, mlir::Float64Type>(element))
    return mlir::success();
  return context.error() << "is compiled for f32 and f64, not for " << element << "; cast the operands";
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
