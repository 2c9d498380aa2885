//===- KernelForm.h - an op as a kernel to be ---------------------*- C++ -*-===//
//
// Between an op of the nn dialect and a `schedule.kernel`: what the op computes, with the values it reads, before it has a name.
// Forms are simplified (dimensions merged) and made independent of the function's symbols here, so that equal computations become
// equal kernels.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_SCHEDULE_LIB_KERNELFORM_H
#define KILN_SCHEDULE_LIB_KERNELFORM_H

#include "kiln/schedule/Schedule.h"
#include "mlir/IR/OwningOpRef.h"

namespace kiln::schedule {

/// What an op computes, in terms of buffers. `kernel` has no name yet; its sizes are the function's symbols until
/// `abstractSizes` gives it sizes of its own.
struct KernelForm {
  mlir::OwningOpRef<KernelOp> kernel;
  /// What the kernel reads: the anchor's operands, then the extras.
  llvm::SmallVector<mlir::Value> operands;
  /// Values of the kernel's sizes at this launch.
  llvm::SmallVector<semantics::DimExpr> sizes;
};

/// The form of an op that computes: nn.fused, or any op with an entry in the semantics table. Fails with a diagnostic for an op
/// that has none.
mlir::FailureOr<KernelForm> formOf(mlir::Operation *op);

/// The kernels of an op that computes, to be run one after another: one for most ops. A null operand is what the kernel before computed;
/// the last one has the op's results.
mlir::FailureOr<llvm::SmallVector<KernelForm, 1>> formsOf(mlir::Operation *op);

/// A form whose body stores what the anchor gives. An operand may be null.
KernelForm anchorForm(mlir::Location location, llvm::StringRef anchor, llvm::ArrayRef<mlir::NamedAttribute> attributes,
                      llvm::ArrayRef<mlir::Value> operands, llvm::ArrayRef<BufferType> operandTypes,
                      llvm::ArrayRef<BufferType> resultTypes);

/// A form that copies a buffer of the given type.
KernelForm copyForm(mlir::Location location, BufferType type);

/// Merges dimensions that every operand walks through alike, and drops those of size 1. Maps are merged in all dimensions;
/// products with a weight in all but the last. Other anchors keep their shape.
void mergeDimensions(KernelForm &form);

/// Renames the run-time sizes in the kernel to s0, s1, ... in order of appearance and records their values in `form.sizes`.
void abstractSizes(KernelForm &form);

} // namespace kiln::schedule

#endif // KILN_SCHEDULE_LIB_KERNELFORM_H
