//===- PackedWeights.h - weights of convolutions in panels ------*- C++ -*-===//
//
// How nn-channels-last lays out a weight [O, C / groups, ...] for the kernels of convolutions and of their gradients.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_PASSES_LIB_PACKEDWEIGHTS_H
#define KILN_PASSES_LIB_PACKEDWEIGHTS_H

#include "ChannelLayouts.h"

namespace kiln::passes {

/// The elements as matrices of these sizes, in panels of `panel` rows.
mlir::Value packedRows(mlir::OpBuilder &builder, mlir::Location location, mlir::Value weight, const DimSizes &matrices,
                       int64_t panel);
/// As nn.packed_conv reads it: a matrix for as many groups as are computed together.
mlir::Value packedByOutputs(mlir::OpBuilder &builder, mlir::Location location, mlir::Value weight, int64_t groups, int64_t panel);
/// As nn.packed_conv_backward_input reads it.
mlir::Value packedByInputs(mlir::OpBuilder &builder, mlir::Location location, mlir::Value weight, int64_t groups, int64_t panel);

} // namespace kiln::passes

#endif // KILN_PASSES_LIB_PACKEDWEIGHTS_H
