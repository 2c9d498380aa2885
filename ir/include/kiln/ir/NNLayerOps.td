//===- NNLayerOps.td - Layers with weights -----------------*- tablegen -*-===//
//
// Defines linear layers, matrix products, batch normalisation, embedding, and linear on packed weights.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_IR_NNLAYEROPS
#define KILN_IR_NNLAYEROPS

include "kiln/ir/NNSemanticOp.td"

def NN_LinearOp : NN_SemanticOp<"linear"> {
  let summary = "input @ weight^T + bias, over the last dimension";
  let description = [{
    `input` is `[..., in]` with any leading dimensions or none, `weight` is `[out, in]`, `bias` is `[out]` or absent.

    ```mlir
    %y = nn.linear %x, %w, %b : (tensor<4x8xf32>, tensor<16x8xf32>, tensor<16xf32>) -> tensor<4x16xf32>
    %z = nn.linear %y, %v : (tensor<4x16xf32>, tensor<2x16xf32>) -> tensor<4x2xf32> // without bias
    ```

    Constraints:
    - linear_c1: one floating-point element type; the last size of `input` is the last of `weight`; `bias` has the first of `weight`.
    - linear_c2: the output is `[..., out]`.
  }];
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$weight, Optional<NN_Tensor>:$bias);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$input `,` $weight (`,` $bias^)? attr-dict `:` functional-type(operands, results)";
  let extraClassDeclaration = [{
    static int64_t getSemanticOperandCount() { return 3; }
  }];
}

def NN_MatmulOp : NN_SemanticOp<"matmul"> {
  let summary = "torch.matmul: vectors, matrices, and batches of matrices with broadcasting";
  let description = [{
    A vector on the left is a row, on the right a column; the added dimension is removed again. Leading dimensions broadcast.

    ```mlir
    %y = nn.matmul %a, %b : (tensor<4x8xf32>, tensor<8x2xf32>) -> tensor<4x2xf32>
    %z = nn.matmul %p, %q : (tensor<3x4x8xf32>, tensor<8x2xf32>) -> tensor<3x4x2xf32> // %q for each of three
    ```

    Constraints:
    - matmul_c1: one element type; both have a dimension; the inner sizes are equal; leading dimensions broadcast.
    - matmul_c2: the output has the broadcast leading dimensions, then the outer sizes.
  }];
  let arguments = (ins NN_Tensor:$lhs, NN_Tensor:$rhs);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

def NN_BatchNormOp : NN_SemanticOp<"batch_norm", [AttrSizedOperandSegments]> {
  let summary = "normalises each channel (dimension 1) by its mean and variance";
  let description = [{
    `(input - mean) / sqrt(var + eps) * weight + bias` for each channel. Outside training mean and variance are the running ones. In
    training they are the batch's (the biased variance); if there are running statistics, the updated ones follow as second and
    third result: `(1 - momentum) * running + momentum * batch`, with the unbiased variance. They are not written anywhere: that is
    what `nn.write` is for. The last two results in training are what `nn.batch_norm_backward` needs: the batch's mean and
    `1 / sqrt(var + eps)`, `[C]` of the parameters' element type.

    ```mlir
    // Evaluation: one result.
    %y = nn.batch_norm %x weight %w bias %b running_mean %m running_var %v
        training = false momentum = 1.000000e-01 eps = 1.000000e-05
        : (tensor<4x8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
    // Training: the new running mean and variance too, the batch's mean and inverse standard deviation.
    %z, %mean, %var, %batch_mean, %batch_inv_std = nn.batch_norm %x running_mean %m running_var %v
        training = true momentum = 1.000000e-01 eps = 1.000000e-05
        : (tensor<4x8xf32>, tensor<8xf32>, tensor<8xf32>)
        -> (tensor<4x8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>)
    ```

    Constraints:
    - batch_norm_c1: one floating-point element type, but parameters and running statistics may all be f32 beside an f16 or bf16
      input; `input` has a dimension 1; every other operand has its size; running_mean and running_var are both there or both absent,
      and there outside training.
    - batch_norm_c2: the output has the input's type; in training two more results, or four with running statistics, all of the
      parameters' element type (without parameters and running statistics: the input's).
  }];
  let arguments = (ins NN_Tensor:$input, Optional<NN_Tensor>:$weight, Optional<NN_Tensor>:$bias,
                   Optional<NN_Tensor>:$running_mean, Optional<NN_Tensor>:$running_var,
                   BoolAttr:$training, F64Attr:$momentum, F64Attr:$eps);
  let results = (outs NN_Tensor:$output, Variadic<NN_Tensor>:$statistics);
  let assemblyFormat = [{
    $input (`weight` $weight^)? (`bias` $bias^)? (`running_mean` $running_mean^)? (`running_var` $running_var^)?
    `training` `=` $training `momentum` `=` $momentum `eps` `=` $eps attr-dict `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = [{
    /// The updated running mean and variance; null unless in training with running statistics.
    ::mlir::Value getNewRunningMean() { return getNumResults() == 5 ? getResult(1) : ::mlir::Value(); }
    ::mlir::Value getNewRunningVar() { return getNumResults() == 5 ? getResult(2) : ::mlir::Value(); }
    /// The batch's mean and 1 / sqrt(variance + eps); null outside training.
    ::mlir::Value getBatchMean() { return getNumResults() >= 3 ? getResult(getNumResults() - 2) : ::mlir::Value(); }
    ::mlir::Value getBatchInvStd() { return getNumResults() >= 3 ? getResult(getNumResults() - 1) : ::mlir::Value(); }
  }];
}

def NN_EmbeddingOp : NN_SemanticOp<"embedding"> {
  let summary = "rows of a table, by index";
  let description = [{
    `indices` of any shape, `weight` is `[rows, features]`; the output is `indices`' shape and `features`. An index outside
    `[0, rows)` is an error when it runs. `padding_idx` names the row that gets no gradient; it does not change the values.

    ```mlir
    %y = nn.embedding %tokens, %table padding_idx = 0 : (tensor<4x16xi64>, tensor<100x32xf32>) -> tensor<4x16x32xf32>
    ```

    Constraints:
    - embedding_c1: indices are i32 or i64; the weight has two dimensions; `padding_idx` is a row.
    - embedding_c2: the output has the shape of indices followed by the number of features.
  }];
  let arguments = (ins NN_Tensor:$indices, NN_Tensor:$weight, OptionalAttr<I64Attr>:$padding_idx);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = [{
    $indices `,` $weight (`padding_idx` `=` $padding_idx^)? attr-dict `:` functional-type(operands, results)
  }];
}

def NN_PackPanelsOp : NN_SemanticOp<"pack_panels"> {
  let summary = "a weight matrix regrouped in panels of rows, for the matrix kernels";
  let description = [{
    `[..., N, K]` becomes `[..., ceil(N / panel), K, panel]`, matrix by matrix: element (n, k) moves to (n / panel, k, n % panel); rows
    past N are zero.

    ```mlir
    %p = nn.pack_panels %w panel = 32 : (tensor<48x8xf32>) -> tensor<2x8x32xf32>
    ```

    Constraints:
    - pack_panels_c1: the weight has at least two dimensions; panel > 0.
    - pack_panels_c2: the output is `[..., ceil(N / panel), K, panel]`.
  }];
  let arguments = (ins NN_Tensor:$weight, I64Attr:$panel);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$weight `panel` `=` $panel attr-dict `:` functional-type(operands, results)";
}

def NN_PackedLinearOp : NN_SemanticOp<"packed_linear"> {
  let summary = "input @ weight^T, with the weight in packed panels";
  let description = [{
    ```mlir
    %y = nn.packed_linear %x, %p out_features = 48 : (tensor<4x8xf32>, tensor<2x8x32xf32>) -> tensor<4x48xf32>
    ```

    Constraints:
    - packed_linear_c1: one floating-point element type; `packed` is `[panels, K, panel]` with K the input's last size and
      panels = ceil(out_features / panel).
    - packed_linear_c2: the output is `[..., out_features]`.
  }];
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$packed, I64Attr:$out_features);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = [{
    $input `,` $packed `out_features` `=` $out_features attr-dict `:` functional-type(operands, results)
  }];
}

#endif // KILN_IR_NNLAYEROPS
