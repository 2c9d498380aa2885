//===- NNOps.td - All operations of the nn dialect ----------*- tablegen -*-===//
//
// Includes every op family; what mlir-tblgen reads. A new family is added here.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_IR_NNOPS
#define KILN_IR_NNOPS

include "kiln/ir/NNElementwiseOps.td"
include "kiln/ir/NNFusedOps.td"
include "kiln/ir/NNGradientOps.td"
include "kiln/ir/NNLayerOps.td"
include "kiln/ir/NNOptimizerOps.td"
include "kiln/ir/NNShapeOps.td"
include "kiln/ir/NNStateOps.td"
include "kiln/ir/NNWindowOps.td"

#endif // KILN_IR_NNOPS
