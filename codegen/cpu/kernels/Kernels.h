//===- Kernels.h - the kernel emitters ----------------------------*- C++ -*-===//
//
// One function an anchor; KernelEmitter.h says what they do, the file of each says how.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_CPU_KERNELS_KERNELS_H
#define KILN_CODEGEN_CPU_KERNELS_KERNELS_H

#include "../KernelEmitter.h"

namespace kiln::codegen {

// Map.cpp: element by element, no anchor.
mlir::LogicalResult emitMap(KernelContext &context);
// PackedLinear.cpp: rows of the input times panels of weights.
mlir::LogicalResult emitPackedLinear(KernelContext &context);
mlir::LogicalResult emitPackPanels(KernelContext &context);
// Products.cpp: linear layers whose weight is not packed.
mlir::LogicalResult emitLinear(KernelContext &context);
// Matmul.cpp: matrix products.
mlir::LogicalResult emitMatmul(KernelContext &context);
// PackedConvolution.cpp: convolutions of channels-last data with weights in panels, and the gradient of their input.
mlir::LogicalResult emitPackedConv(KernelContext &context);
// PackedGroups.cpp: those whose weights have several groups in a matrix.
bool isPackedGroups(KernelContext &context);
mlir::LogicalResult emitPackedGroups(KernelContext &context);
// Convolution.cpp: convolutions. ConvolutionBackward.cpp: their gradients.
mlir::LogicalResult emitConv(KernelContext &context);
mlir::LogicalResult emitConvBackwardInput(KernelContext &context);
mlir::LogicalResult emitConvBackwardWeight(KernelContext &context);
// WeightGradient.cpp: the gradient of the weight, where the data has its channels last. WeightGradientTaps.cpp, WeightGradientLines.cpp:
// its forms.
mlir::LogicalResult emitConvBackwardWeightChannelsLast(KernelContext &context);
void emitWeightGradientTaps(KernelContext &context);
void emitWeightGradientLines(KernelContext &context);
// Pooling.cpp: maxima and averages of windows. PoolingBackward.cpp: their gradients.
mlir::LogicalResult emitMaxPool(KernelContext &context);
mlir::LogicalResult emitMaxPoolIndices(KernelContext &context);
mlir::LogicalResult emitAvgPool(KernelContext &context);
mlir::LogicalResult emitAdaptiveAvgPool(KernelContext &context);
mlir::LogicalResult emitMaxPoolBackward(KernelContext &context);
mlir::LogicalResult emitAvgPoolBackward(KernelContext &context);
mlir::LogicalResult emitAdaptiveAvgPoolBackward(KernelContext &context);
// Reduction.cpp: sums and means.
mlir::LogicalResult emitReduction(KernelContext &context);
// Movement.cpp: parts of tensors, put elsewhere.
mlir::LogicalResult emitSlice(KernelContext &context);
mlir::LogicalResult emitSliceScatter(KernelContext &context);
mlir::LogicalResult emitCat(KernelContext &context);
// Embedding.cpp: rows of a table.
mlir::LogicalResult emitEmbedding(KernelContext &context);
mlir::FailureOr<Value> checkEmbedding(KernelContext &context, Value errorValues);
/// An error unless all elements of an anchor operand are in [0, size).
mlir::FailureOr<Value> checkIndices(KernelContext &context, unsigned operand, const DimExpr &size, Value errorValues);
// EmbeddingBackward.cpp: the gradient of a table.
mlir::LogicalResult emitEmbeddingBackward(KernelContext &context);
mlir::FailureOr<Value> checkEmbeddingBackward(KernelContext &context, Value errorValues);
// BatchNorm.cpp: normalisation by channel.
mlir::LogicalResult emitBatchNorm(KernelContext &context);
mlir::FailureOr<Value> checkBatchNorm(KernelContext &context, Value errorValues);
// BatchNormBackward.cpp: its gradients.
mlir::LogicalResult emitBatchNormBackward(KernelContext &context);
// Softmax.cpp: probabilities, their logarithms and the gradients of both.
mlir::LogicalResult emitSoftmax(KernelContext &context);
mlir::LogicalResult emitSoftmaxBackward(KernelContext &context);
mlir::LogicalResult emitLogSoftmax(KernelContext &context);
mlir::LogicalResult emitLogSoftmaxBackward(KernelContext &context);
// CrossEntropy.cpp: losses and their gradients.
mlir::LogicalResult emitCrossEntropy(KernelContext &context);
mlir::LogicalResult emitCrossEntropyTotal(KernelContext &context);
mlir::LogicalResult emitCrossEntropyCount(KernelContext &context);
mlir::LogicalResult emitCrossEntropyBackward(KernelContext &context);
mlir::FailureOr<Value> checkCrossEntropy(KernelContext &context, Value errorValues);
mlir::FailureOr<Value> checkCrossEntropyBackward(KernelContext &context, Value errorValues);
// Optimizers.cpp: steps over all parameters of a group.
mlir::LogicalResult emitSgd(KernelContext &context);
mlir::LogicalResult emitAdam(KernelContext &context);
// Fill.cpp: sizes as elements.
mlir::LogicalResult emitFull(KernelContext &context);
// Dropout.cpp: masks from a counter-based generator.
mlir::LogicalResult emitDropout(KernelContext &context);

} // namespace kiln::codegen

#endif // KILN_CODEGEN_CPU_KERNELS_KERNELS_H
