//===- NNFusedOps.td - Fused regions ------------------------*- tablegen -*-===//
//
// Defines nn.fused, an anchor with a scalar epilogue, and its terminator.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_IR_NNFUSEDOPS
#define KILN_IR_NNFUSEDOPS

include "kiln/ir/NNSemanticOp.td"

def NN_FusedOp : NN_Op<"fused", [Pure, AttrSizedOperandSegments, IsolatedFromAbove, SingleBlock]> {
  let summary = "one kernel: an anchor operation, then a scalar computation on each of its elements";
  let description = [{
    The anchor is named as text, with its attributes; its operands are `anchor_operands`. Without an anchor the kernel is elementwise.
    The shape of the result is the iteration space. For each of its elements the body's block gets the anchor's element (if there is
    an anchor), then one element of each extra operand, and yields the result's element.

    `extra_maps` says, for each extra operand, which of its elements: from the index in the result (d0, d1, ...) to the index in the
    operand; a dimension that is broadcast is the constant 0.

    ```mlir
    %y = nn.fused anchor "nn.packed_linear" attributes {out_features = 48 : i64} (%x, %packed)
        extras (%bias) maps [affine_map<(d0, d1) -> (d1)>]
        : (tensor<4x8xf32>, tensor<2x8x32xf32>, tensor<48xf32>) -> tensor<4x48xf32> {
    ^bb0(%sum: f32, %b: f32):
      %0 = arith.addf %sum, %b : f32
      %zero = arith.constant 0.0 : f32
      %1 = arith.cmpf olt, %0, %zero : f32
      %2 = arith.select %1, %zero, %0 : f32 // ReLU; keeps NaN
      nn.yield %2 : f32
    }
    ```

    Constraints:
    - fused_c1: with an anchor, its name is in the semantics table and it has one result of the iteration space's shape; without one
      there are neither anchor attributes nor anchor operands.
    - fused_c2: one map for each extra operand, from the rank of the result to the rank of the operand, its results dimensions or
      the constant 0.
    - fused_c3: where a map uses a dimension, the operand has the result's size there; where it is 0, size 1.
    - fused_c4: the block's arguments are the element types of the anchor's result and of the extra operands; ui8 is i8 there, as
      `arith` computes with signless integers.
    - fused_c5: the body consists of ops of `arith` and `math` and ends with `nn.yield`.
  }];
  let arguments = (ins OptionalAttr<StrAttr>:$anchor, OptionalAttr<DictionaryAttr>:$anchor_attributes,
                   Variadic<NN_Tensor>:$anchor_operands, Variadic<NN_Tensor>:$extra_operands,
                   AffineMapArrayAttr:$extra_maps);
  let results = (outs NN_Tensor:$output);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    (`anchor` $anchor^)? (`attributes` $anchor_attributes^)? `(` $anchor_operands `)`
    `extras` `(` $extra_operands `)` `maps` $extra_maps attr-dict-with-keyword
    `:` functional-type(operands, results) $body
  }];
  let extraClassDeclaration = [{
    ::mlir::RankedTensorType getOutputType() { return ::llvm::cast<::mlir::RankedTensorType>(getOutput().getType()); }
    /// The block argument that is the anchor's element; null without anchor.
    ::mlir::BlockArgument getAnchorScalar();
    /// The block argument of an extra operand.
    ::mlir::BlockArgument getExtraScalar(unsigned index);
    ::mlir::AffineMap getExtraMap(unsigned index) {
      return ::llvm::cast<::mlir::AffineMapAttr>(getExtraMaps()[index]).getValue();
    }
    ::kiln::ir::YieldOp getYield();
    /// The anchor's operands as its semantics entry takes them: one a position, null where an optional one is absent at the end.
    ::llvm::SmallVector<::mlir::Value> getSemanticAnchorOperands();
    /// The anchor's attributes as its semantics entry takes them. Throws runtime::Error for a value that has no counterpart.
    ::kiln::semantics::Attributes getSemanticAnchorAttributes();
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def NN_YieldOp : NN_Op<"yield", [Pure, Terminator, HasParent<"FusedOp">]> {
  let summary = "the scalar that a fused body gives";
  let description = [{
    ```mlir
    nn.yield %1 : f32
    ```

    Constraints:
    - yield_c1: the value has the element type of the fused operation's result, i8 for ui8.
  }];
  let arguments = (ins NN_Scalar:$value);
  let assemblyFormat = "$value attr-dict `:` type($value)";
  let hasVerifier = 1;
}

#endif // KILN_IR_NNFUSEDOPS
