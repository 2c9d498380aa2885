//===- Pooling.h - what poolings and their gradients share --------*- C++ -*-===//
//
// Windows of poolings, maxima as PyTorch picks them, and what averages are divided by.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_CPU_KERNELS_POOLING_H
#define KILN_CODEGEN_CPU_KERNELS_POOLING_H

#include "Precision.h"
#include "Windows.h"

namespace kiln::codegen {

/// The windows of a pooling from one buffer to the other, by the kernel's attributes.
Windows poolingWindows(KernelContext &context, schedule::BufferType input, schedule::BufferType output);

/// What every number of the element type is at least, of the type that it is computed in.
Value lowestOf(KernelBuilder &b, Type element, int64_t lanes);
/// Whether `value` takes the place of the maximum so far: it is larger, or a NaN.
Value isNewMaximum(KernelBuilder &b, Type element, Value value, Value best);

/// Calls `body` for the taps of the window at `column` of output row `row` (of a plane), with the place in the plane that each
/// reads for the first lane.
Values overTaps(KernelBuilder &b, const Windows &windows, Value row, Value column, Range columnTaps, ValueRange init,
                llvm::function_ref<Values(Value input, ValueRange carried)> body);

/// The number of a sample or plane, and a position in it: an output's, or an input's.
struct Position {
  Value plane;
  std::array<Value, 3> at;
};
/// The position that is the `number`-th of planes of these sizes.
Position positionOf(KernelBuilder &b, Value number, const std::array<DimExpr, 3> &sizes);

/// What the sum of the window at an output position (three numbers) is divided by, an i64.
Value averageDivisor(KernelContext &context, const Windows &windows, llvm::ArrayRef<Value> position);
/// An i64 as a number of the type that elements are computed in.
Value asElement(KernelBuilder &b, Value integer, Type compute);

// PoolingChannelsLast.cpp: the kernels where the channels come last.
mlir::LogicalResult emitMaxPoolChannelsLast(KernelContext &context);
mlir::LogicalResult emitAvgPoolChannelsLast(KernelContext &context);
mlir::LogicalResult emitAdaptiveAvgPoolChannelsLast(KernelContext &context);
mlir::LogicalResult emitMaxPoolBackwardChannelsLast(KernelContext &context);

/// The sizes of a buffer over which the windows of a pooling slide, of which there are `count`.
std::vector<DimExpr> pooledSizes(KernelContext &context, schedule::BufferType type, size_t count);

/// Which positions an adaptive pooling over up to three dimensions brings together.
class AdaptiveWindows {
public:
  AdaptiveWindows(KernelContext &context, schedule::BufferType input, schedule::BufferType output, size_t rank);

  Range inputsOf(int64_t dim, Value output) const;
  Range outputsOf(int64_t dim, Value input) const;

  std::array<DimExpr, 3> inputs{1, 1, 1}, outputs{1, 1, 1}; // outermost first

private:
  KernelBuilder &b;
};

} // namespace kiln::codegen

#endif // KILN_CODEGEN_CPU_KERNELS_POOLING_H
