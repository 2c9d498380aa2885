//===- Kernels.h - the kernel emitters ----------------------------*- C++ -*-===//
//
// One function an anchor; KernelEmitter.h says what they do, the file of each says how.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_CPU_KERNELS_KERNELS_H
#define KILN_CODEGEN_CPU_KERNELS_KERNELS_H

#include "../KernelEmitter.h"

namespace kiln::codegen {

// Map.cpp: element by element, no anchor; and sizes as elements.
mlir::LogicalResult emitMap(KernelContext &context);
mlir::LogicalResult emitFull(KernelContext &context);
// PackedLinear.cpp: rows of the input times panels of weights.
mlir::LogicalResult emitPackedLinear(KernelContext &context);
mlir::LogicalResult emitPackPanels(KernelContext &context);
// Products.cpp: products of operands in their own layout.
mlir::LogicalResult emitLinear(KernelContext &context);
mlir::LogicalResult emitMatmul(KernelContext &context);
// Reduction.cpp: sums and means.
mlir::LogicalResult emitReduction(KernelContext &context);
// Movement.cpp: parts of tensors, put elsewhere.
mlir::LogicalResult emitSlice(KernelContext &context);
mlir::LogicalResult emitSliceScatter(KernelContext &context);
mlir::LogicalResult emitCat(KernelContext &context);
// Embedding.cpp: rows of a table.
mlir::LogicalResult emitEmbedding(KernelContext &context);
mlir::FailureOr<Value> checkEmbedding(KernelContext &context, Value errorValues);
// BatchNorm.cpp: normalisation by the batch's own statistics.
mlir::LogicalResult emitBatchNorm(KernelContext &context);
mlir::FailureOr<Value> checkBatchNorm(KernelContext &context, Value errorValues);
// Dropout.cpp: masks from a counter-based generator.
mlir::LogicalResult emitDropout(KernelContext &context);

} // namespace kiln::codegen

#endif // KILN_CODEGEN_CPU_KERNELS_KERNELS_H
