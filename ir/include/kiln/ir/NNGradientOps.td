//===- NNGradientOps.td - Losses and gradients ---------------*- tablegen -*-===//
//
// Defines the request for gradients (nn.backward), the losses that are operations of their own, and the gradients of operations that
// other operations can't express at the same cost.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_IR_NNGRADIENTOPS
#define KILN_IR_NNGRADIENTOPS

include "kiln/ir/NNSemanticOp.td"

//===----------------------------------------------------------------------===//
// The request
//===----------------------------------------------------------------------===//

def NN_BackwardOp : NN_Op<"backward", [Pure, AttrSizedOperandSegments]> {
  let summary = "the gradients of a loss with respect to values that it was computed from";
  let description = [{
    One gradient a target, of the target's type; zeros where the loss does not depend on it. `gradient` is the cotangent of the loss,
    1 where it is absent. Nothing flows through `nn.detach`, comparisons and values that are not floating-point.

    It stands for the operations that nn-differentiate puts in its place, and has no kernel: nothing interprets or compiles it.

    ```mlir
    %loss = nn.cross_entropy %y, %labels ignore_index = -100 label_smoothing = 0.000000e+00 reduction = "mean"
        : (tensor<4x10xf32>, tensor<4xi64>) -> tensor<f32>
    %gw, %gb = nn.backward %loss to %w, %b : (tensor<f32>, tensor<10x8xf32>, tensor<10xf32>) -> (tensor<10x8xf32>, tensor<10xf32>)
    %gx = nn.backward %y gradient %g to %x : (tensor<4x10xf32>, tensor<4x10xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
    ```

    Constraints:
    - backward_c1: the loss is floating-point; without `gradient` it has one element.
    - backward_c2: `gradient` has the loss's type.
    - backward_c3: there is a target, and all are floating-point.
    - backward_c4: one result a target, of its type.
  }];
  let arguments = (ins NN_Tensor:$loss, Optional<NN_Tensor>:$gradient, Variadic<NN_Tensor>:$targets);
  let results = (outs Variadic<NN_Tensor>:$gradients);
  let assemblyFormat = "$loss (`gradient` $gradient^)? `to` $targets attr-dict `:` functional-type(operands, results)";
  let builders = [OpBuilder<(ins "::mlir::Value":$loss, "::mlir::Value":$gradient, "::mlir::ValueRange":$targets)>];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Losses
//===----------------------------------------------------------------------===//

def NN_CrossEntropyOp : NN_SemanticOp<"cross_entropy"> {
  let summary = "minus the logarithm of the probability that softmax gives the target class";
  let description = [{
    `input` is `[C]`, `[N, C]` or `[N, C, d1, ...]`: scores of C classes. `target` holds class indices and has the same sizes without
    the classes. The loss of an element is `-weight[target] * log_softmax(input)[target]`; with `label_smoothing` s it is
    `(1 - s)` times that plus `s / C` times the sum of `-weight[c] * log_softmax(input)[c]` over all classes. Elements whose target
    is `ignore_index` have loss 0. The reduction "mean" divides the sum by the sum of the targets' weights (by their number without
    weights), ignored ones left out; it is NaN when nothing is left. A target outside `[0, C)` is an error when it runs.

    ```mlir
    %loss = nn.cross_entropy %y, %labels ignore_index = -100 label_smoothing = 0.000000e+00 reduction = "mean"
        : (tensor<4x10xf32>, tensor<4xi64>) -> tensor<f32>
    %each = nn.cross_entropy %y, %labels weight %w ignore_index = 0 label_smoothing = 1.000000e-01 reduction = "none"
        : (tensor<4x10xf32>, tensor<4xi64>, tensor<10xf32>) -> tensor<4xf32>
    ```

    Constraints:
    - cross_entropy_c1: `input` is floating-point; `target` is i64 and has its sizes without dimension 1 (of a vector, without any);
      `weight` is `[C]` of the input's element type; 0 <= label_smoothing <= 1; `reduction` is "mean", "sum" or "none".
    - cross_entropy_c2: the loss has the input's element type, and the target's shape with reduction "none", else no dimension.
  }];
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$target, Optional<NN_Tensor>:$weight, I64Attr:$ignore_index,
                   F64Attr:$label_smoothing, StrAttr:$reduction);
  let results = (outs NN_Tensor:$loss);
  let assemblyFormat = [{
    $input `,` $target (`weight` $weight^)? `ignore_index` `=` $ignore_index `label_smoothing` `=` $label_smoothing
    `reduction` `=` $reduction attr-dict `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = [{
    static int64_t getSemanticOperandCount() { return 3; }
  }];
}

def NN_CrossEntropyBackwardOp : NN_SemanticOp<"cross_entropy_backward"> {
  let summary = "the gradient of nn.cross_entropy with respect to its input";
  let description = [{
    `grad` is the cotangent of the loss; the other operands and the attributes are the loss's own.

    ```mlir
    %gy = nn.cross_entropy_backward %g, %y, %labels ignore_index = -100 label_smoothing = 0.000000e+00 reduction = "mean"
        : (tensor<f32>, tensor<4x10xf32>, tensor<4xi64>) -> tensor<4x10xf32>
    ```

    Constraints:
    - cross_entropy_backward_c1: as cross_entropy_c1; `grad` has the loss's type.
    - cross_entropy_backward_c2: the output has the input's type.
  }];
  let arguments = (ins NN_Tensor:$grad, NN_Tensor:$input, NN_Tensor:$target, Optional<NN_Tensor>:$weight, I64Attr:$ignore_index,
                   F64Attr:$label_smoothing, StrAttr:$reduction);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = [{
    $grad `,` $input `,` $target (`weight` $weight^)? `ignore_index` `=` $ignore_index `label_smoothing` `=` $label_smoothing
    `reduction` `=` $reduction attr-dict `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = [{
    static int64_t getSemanticOperandCount() { return 4; }
  }];
}

//===----------------------------------------------------------------------===//
// Gradients of layers
//===----------------------------------------------------------------------===//

/// The gradient of softmax or of its logarithm, by the output that the operation gave.
class NN_SoftmaxFamilyBackwardOp<string mnemonic> : NN_SemanticOp<mnemonic> {
  let arguments = (ins NN_Tensor:$grad, NN_Tensor:$output, I64Attr:$dim);
  let results = (outs NN_Tensor:$input_gradient);
  let assemblyFormat = [{
    $grad `,` $output `dim` `=` $dim attr-dict `:` custom<ElementwiseTypes>(type($grad), type($output), type($input_gradient))
  }];
}

// The sum of the output is 1 but for rounding. Where one probability is near 1, its rounding is larger than the others are: with 1 in
// its place, their gradients would drown in it.
def NN_SoftmaxBackwardOp : NN_SoftmaxFamilyBackwardOp<"softmax_backward"> {
  let summary = "the gradient of nn.softmax with respect to its input";
  let description = [{
    `(grad * sum(output) - sum(grad * output)) * output`, summed over dimension `dim`; `output` is the operation's result.

    ```mlir
    %gx = nn.softmax_backward %g, %y dim = 1 : tensor<4x10xf32>
    ```

    Constraints:
    - softmax_backward_c1: a floating-point type, the same for both operands; `dim` as in softmax_c1.
    - softmax_backward_c2: the result has the operands' type.
  }];
}

def NN_LogSoftmaxBackwardOp : NN_SoftmaxFamilyBackwardOp<"log_softmax_backward"> {
  let summary = "the gradient of nn.log_softmax with respect to its input";
  let description = [{
    `grad - exp(output) * sum(grad)`, summed over dimension `dim`; `output` is the operation's result.

    ```mlir
    %gx = nn.log_softmax_backward %g, %y dim = 1 : tensor<4x10xf32>
    ```

    Constraints:
    - log_softmax_backward_c1: a floating-point type, the same for both operands; `dim` as in log_softmax_c1.
    - log_softmax_backward_c2: the result has the operands' type.
  }];
}

def NN_EmbeddingBackwardOp : NN_SemanticOp<"embedding_backward"> {
  let summary = "the gradient of nn.embedding with respect to its table";
  let description = [{
    Row i is the sum of the rows of `grad` whose index is i, added in the order of the indices; row `padding_idx` is zero.

    ```mlir
    %gt = nn.embedding_backward %g, %tokens num_embeddings = <100> padding_idx = 0
        : (tensor<4x16x32xf32>, tensor<4x16xi64>) -> tensor<100x32xf32>
    ```

    Constraints:
    - embedding_backward_c1: indices are i32 or i64; `grad` is floating-point and has the shape of indices followed by the number of
      features; `padding_idx` is a row.
    - embedding_backward_c2: the output is `[num_embeddings, features]`.
  }];
  let arguments = (ins NN_Tensor:$grad, NN_Tensor:$indices, NN_DimAttr:$num_embeddings, OptionalAttr<I64Attr>:$padding_idx);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = [{
    $grad `,` $indices `num_embeddings` `=` $num_embeddings (`padding_idx` `=` $padding_idx^)? attr-dict
    `:` functional-type(operands, results)
  }];
}

def NN_BatchNormBackwardOp : NN_SemanticOp<"batch_norm_backward"> {
  let summary = "the gradients of nn.batch_norm in training: of input, weight and bias";
  let description = [{
    `batch_mean` and `batch_inv_std` are the last two results of the operation in training. With `normalised = (input - batch_mean) *
    batch_inv_std`, per channel: the bias's gradient is the sum of `grad`, the weight's the sum of `grad * normalised`, and the
    input's `weight * batch_inv_std * (grad - mean(grad) - normalised * mean(grad * normalised))`.

    ```mlir
    %gx, %gw, %gb = nn.batch_norm_backward %g, %x, %batch_mean, %batch_inv_std weight %w
        : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>)
        -> (tensor<4x8xf32>, tensor<8xf32>, tensor<8xf32>)
    ```

    Constraints:
    - batch_norm_backward_c1: `input` is floating-point and has a dimension 1; `grad` has its type; the other operands have one
      dimension of the size of dimension 1 and one element type: the input's, or f32 beside an f16 or bf16 input.
    - batch_norm_backward_c2: the results have the type of the input and, twice, that of `batch_mean`.
  }];
  let arguments = (ins NN_Tensor:$grad, NN_Tensor:$input, NN_Tensor:$batch_mean, NN_Tensor:$batch_inv_std,
                   Optional<NN_Tensor>:$weight);
  let results = (outs NN_Tensor:$input_gradient, NN_Tensor:$weight_gradient, NN_Tensor:$bias_gradient);
  let assemblyFormat = [{
    $grad `,` $input `,` $batch_mean `,` $batch_inv_std (`weight` $weight^)? attr-dict `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = [{
    static int64_t getSemanticOperandCount() { return 5; }
  }];
}

#endif // KILN_IR_NNGRADIENTOPS
