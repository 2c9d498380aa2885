//===- Interfaces.td - what passes ask of single ops -------*- tablegen -*-===//
//
// Interfaces that matter to one pass each, so they are attached from outside (InterfaceModels.cpp) and the dialect
// need not know them. An op joins a pass by a model of some ten lines there.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_PASSES_INTERFACES_TD
#define KILN_PASSES_INTERFACES_TD

include "mlir/IR/OpBase.td"

def ChannelScalableInterface : OpInterface<"ChannelScalableInterface"> {
  let cppNamespace = "::kiln::passes";
  let description = [{
    An op that is linear in a weight, plus a bias along the same output channels: multiplying a channel of the result is
    multiplying a slice of the weight. What `nn-fold-batch-norm` folds into.
  }];
  let methods = [
    InterfaceMethod<"The dimension of the result that holds the output channels.", "int64_t", "getChannelDim">,
    InterfaceMethod<"The weight.", "::mlir::Value", "getScaledWeight">,
    InterfaceMethod<"The dimension of the weight that holds the output channels.", "int64_t", "getWeightChannelDim">,
    InterfaceMethod<"The bias, a vector of output channels; null when there is none.", "::mlir::Value", "getScaledBias">,
    InterfaceMethod<"The same op with another weight and another bias, built at the builder's insertion point.",
                    "::mlir::Value", "buildWith",
                    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$location, "::mlir::Value":$weight,
                         "::mlir::Value":$bias)>,
  ];
}

def OperandSizesInterface : OpInterface<"OperandSizesInterface"> {
  let cppNamespace = "::kiln::passes";
  let description = [{
    An op whose other operands determine sizes of an operand that a lazy module leaves open. What `nn-resolve-shapes`
    asks where a state is read whose type has open sizes.
  }];
  let methods = [
    InterfaceMethod<[{
        For each dimension of operand `number`, the size that the other operands and the result require; empty where
        they do not determine it. Open sizes of other operands determine nothing.
      }], "::kiln::passes::OptionalSizes", "getRequiredSizes", (ins "unsigned":$number)>,
  ];
}

def FusionAnchorInterface : OpInterface<"FusionAnchorInterface"> {
  let cppNamespace = "::kiln::passes";
  let description = [{
    An op with one result whose kernel computes each element once and can pass it through a scalar epilogue before it
    is stored. What `nn-fuse` makes the anchor of a region.
  }];
  let methods = [
    InterfaceMethod<"Whether this very op, with its attributes, can have an epilogue.", "bool", "mayHaveEpilogue">,
  ];
}

def OperandMapInterface : OpInterface<"OperandMapInterface"> {
  let cppNamespace = "::kiln::passes";
  let description = [{
    An element-wise op with operands that are not aligned with its result at the last dimension, as broadcasting would
    have it.
  }];
  let methods = [
    InterfaceMethod<"From the index of an element of the result to that of the element of operand `number` it is computed from.",
                    "::mlir::AffineMap", "getOperandMap", (ins "unsigned":$number)>,
  ];
}

#endif // KILN_PASSES_INTERFACES_TD
