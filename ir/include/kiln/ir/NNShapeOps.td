//===- NNShapeOps.td - Values moved, sizes changed ----------*- tablegen -*-===//
//
// Defines operations that move elements without computing on them, reductions, and softmax.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_IR_NNSHAPEOPS
#define KILN_IR_NNSHAPEOPS

include "kiln/ir/NNSemanticOp.td"

def NN_ReshapeOp : NN_SemanticOp<"reshape"> {
  let summary = "the same elements in row-major order under other sizes";
  let description = [{
    ```mlir
    %y = nn.reshape %x to [batch, 64] : (tensor<?x8x8xf32, #nn.shape<batch, 8, 8>>) -> tensor<?x64xf32, #nn.shape<batch, 64>>
    ```

    Constraints:
    - reshape_c1: no size is -1 (the frontend has resolved it); both shapes have the same number of elements.
    - reshape_c2: the output has the given shape.
  }];
  let arguments = (ins NN_Tensor:$input, NN_ShapeAttr:$shape);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$input `to` custom<Shape>($shape) attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def NN_PermuteOp : NN_SemanticOp<"permute"> {
  let summary = "dimensions in another order";
  let description = [{
    Dimension i of the output is dimension `dims[i]` of the input.

    ```mlir
    %y = nn.permute %x dims = [1, 0] : (tensor<4x8xf32>) -> tensor<8x4xf32>
    ```

    Constraints:
    - permute_c1: `dims` names each dimension of the input once.
    - permute_c2: the output has the permuted shape.
  }];
  let arguments = (ins NN_Tensor:$input, DenseI64ArrayAttr:$dims);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$input `dims` `=` $dims attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def NN_ExpandOp : NN_SemanticOp<"expand"> {
  let summary = "sizes of 1 stretched by repetition, dimensions added in front";
  let description = [{
    ```mlir
    %y = nn.expand %x to [4, 8] : (tensor<8xf32>) -> tensor<4x8xf32>
    ```

    Constraints:
    - expand_c1: aligned at the last dimension, each size of the input is 1 or the size asked for.
    - expand_c2: the output has the given shape.
  }];
  let arguments = (ins NN_Tensor:$input, NN_ShapeAttr:$shape);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$input `to` custom<Shape>($shape) attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def NN_SliceOp : NN_SemanticOp<"slice"> {
  let summary = "elements start, start + step, ... below end, in one dimension";
  let description = [{
    ```mlir
    %y = nn.slice %x dim = 1 [2 : 8 : 3] : (tensor<4x8xf32>) -> tensor<4x2xf32> // columns 2 and 5
    ```

    Constraints:
    - slice_c1: 0 <= start <= end <= size (the frontend has clamped), step > 0, `dim` is a dimension.
    - slice_c2: the output has size ceil((end - start) / step) in that dimension.
  }];
  let arguments = (ins NN_Tensor:$input, I64Attr:$dim, NN_DimAttr:$start, NN_DimAttr:$end, I64Attr:$step);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = [{
    $input `dim` `=` $dim custom<Range>($start, $end, $step) attr-dict `:` functional-type(operands, results)
  }];
  let hasFolder = 1;
}

def NN_SliceScatterOp : NN_SemanticOp<"slice_scatter"> {
  let summary = "the input with a slice replaced";
  let description = [{
    ```mlir
    %y = nn.slice_scatter %x, %s dim = 1 [2 : 8 : 3]
        : (tensor<4x8xf32>, tensor<4x2xf32>) -> tensor<4x8xf32> // columns 2 and 5 come from %s
    ```

    Constraints:
    - slice_scatter_c1: as slice_c1; `source` has the type that `nn.slice` would give.
    - slice_scatter_c2: the output has the input's type.
  }];
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$source, I64Attr:$dim, NN_DimAttr:$start, NN_DimAttr:$end,
                   I64Attr:$step);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = [{
    $input `,` $source `dim` `=` $dim custom<Range>($start, $end, $step) attr-dict
    `:` functional-type(operands, results)
  }];
  let hasFolder = 1;
}

def NN_CatOp : NN_SemanticOp<"cat"> {
  let summary = "tensors one after another in one dimension";
  let description = [{
    ```mlir
    %y = nn.cat %a, %b dim = 1 : (tensor<4x8xf32>, tensor<4x2xf32>) -> tensor<4x10xf32>
    ```

    Constraints:
    - cat_c1: at least one input; one element type; sizes are equal but in `dim`.
    - cat_c2: the output has the sum of the sizes in `dim`.
  }];
  let arguments = (ins Variadic<NN_Tensor>:$inputs, I64Attr:$dim);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$inputs `dim` `=` $dim attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def NN_FullValueAttr : AnyAttrOf<[F64Attr, I64Attr, NN_DimAttr], "a number, or a size">;

def NN_FullOp : NN_SemanticOp<"full"> {
  let summary = "a tensor of one value";
  let description = [{
    The value is a floating-point number, an integer (which a double may not hold), or a size, which may be known at run time
    only. It is converted to the element type as PyTorch's `full` converts.

    ```mlir
    %y = nn.full 1.000000e+00 shape = [batch, 8] dtype = f32 : tensor<?x8xf32, #nn.shape<batch, 8>>
    %i = nn.full 9007199254740993 shape = [] dtype = i64 : tensor<i64>
    %n = nn.full #nn.dim<batch> shape = [] dtype = f32 : tensor<f32>     // what a mean divides by
    ```

    Constraints:
    - full_c1: sizes are not negative; `dtype` is an element type of the dialect; a number fits it.
    - full_c2: the output has that shape and element type.
  }];
  let arguments = (ins NN_FullValueAttr:$value, NN_ShapeAttr:$shape, TypeAttr:$dtype);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = [{
    custom<FullValue>($value) `shape` `=` custom<Shape>($shape) `dtype` `=` $dtype attr-dict `:` type($output)
  }];
  let extraClassDeclaration = [{
    /// The value as a scalar of a body (scalarTypeOf the element type); null where it is a size that is known at run time only.
    ::mlir::TypedAttr getElement();
  }];
}

def NN_ConstantOp : NN_Op<"constant", [Pure, ConstantLike, AllTypesMatch<["value", "output"]>]> {
  let summary = "a tensor whose values are known when the program is compiled";
  let description = [{
    Small values are dense attributes, others (1 KiB and more) dense resources.

    ```mlir
    %y = nn.constant dense<[1.0, 2.0]> : tensor<2xf32>
    ```

    Constraints:
    - constant_c1: a resource has as many bytes as the type needs.
  }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$value attr-dict";
  let hasFolder = 1;
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

/// One operand, reduced over `dims`, which stay with size 1 if `keepdim`.
class NN_ReductionOp<string mnemonic, list<Trait> traits = []> : NN_SemanticOp<mnemonic, traits> {
  let arguments = (ins NN_Tensor:$input, DenseI64ArrayAttr:$dims, BoolAttr:$keepdim);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$input `dims` `=` $dims `keepdim` `=` $keepdim attr-dict `:` functional-type(operands, results)";
}

def NN_SumOp : NN_ReductionOp<"sum"> {
  let summary = "sum over dimensions";
  let description = [{
    ```mlir
    %y = nn.sum %x dims = [1] keepdim = false : (tensor<4x8xf32>) -> tensor<4xf32>
    ```

    Constraints:
    - sum_c1: each entry of `dims` is a dimension, each once.
    - sum_c2: the output lacks those dimensions, or has size 1 there; sums of integers and bools are i64.
  }];
}

def NN_MeanOp : NN_ReductionOp<"mean"> {
  let summary = "arithmetic mean over dimensions; NaN over no elements";
  let description = [{
    ```mlir
    %y = nn.mean %x dims = [0, 1] keepdim = true : (tensor<4x8xf32>) -> tensor<1x1xf32>
    ```

    Constraints:
    - mean_c1: a floating-point type; each entry of `dims` is a dimension, each once.
    - mean_c2: the output lacks those dimensions, or has size 1 there.
  }];
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

/// Probabilities along one dimension, or what is computed like them: the scores' type, everything from scores less their largest.
class NN_SoftmaxFamilyOp<string mnemonic> : NN_SemanticOp<mnemonic> {
  let arguments = (ins NN_Tensor:$input, I64Attr:$dim);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$input `dim` `=` $dim attr-dict `:` custom<ElementwiseTypes>(type($input), type($output))";
}

def NN_SoftmaxOp : NN_SoftmaxFamilyOp<"softmax"> {
  let summary = "probabilities that grow with the exponentials of scores and sum to 1 over one dimension";
  let description = [{
    `exp(input) / sum(exp(input))`, summed over dimension `dim`; computed from elements less their largest, so that no exponential
    overflows. NaN all along `dim` where the largest element is infinite or an element is NaN.

    ```mlir
    %y = nn.softmax %x dim = 1 : tensor<4x10xf32>
    ```

    Constraints:
    - softmax_c1: a floating-point type; `dim` is a dimension, which may be counted from the end; a tensor without dimensions counts
      as having one.
    - softmax_c2: the output has the input's type.
  }];
}

def NN_LogSoftmaxOp : NN_SoftmaxFamilyOp<"log_softmax"> {
  let summary = "the logarithms of the probabilities that softmax gives, over one dimension";
  let description = [{
    `input - log(sum(exp(input)))`, summed over dimension `dim`; computed from elements less their largest, so that no exponential
    overflows. NaN all along `dim` where the largest element is infinite or an element is NaN.

    ```mlir
    %y = nn.log_softmax %x dim = 1 : tensor<4x10xf32>
    ```

    Constraints:
    - log_softmax_c1: a floating-point type; `dim` is a dimension, which may be counted from the end; a tensor without dimensions counts
      as having one.
    - log_softmax_c2: the output has the input's type.
  }];
}

#endif // KILN_IR_NNSHAPEOPS
