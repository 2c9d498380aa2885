//===- NNElementwiseOps.td - Element by element -------------*- tablegen -*-===//
//
// Defines unary and binary elementwise operations, comparisons, selection, type conversion, dropout and the affine map per channel.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_IR_NNELEMENTWISEOPS
#define KILN_IR_NNELEMENTWISEOPS

include "kiln/ir/NNSemanticOp.td"

//===----------------------------------------------------------------------===//
// Unary operations
//===----------------------------------------------------------------------===//

/// One operand, a result of the same type. Written `%y = nn.name %x : type`.
class NN_UnaryElementwiseOp<string mnemonic, list<Trait> traits = []>
    : NN_SemanticOp<mnemonic,
                    traits # [DeclareOpInterfaceMethods<ScalarBodyInterface>]> {
  let arguments = (ins NN_Tensor:$input);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$input attr-dict `:` custom<ElementwiseTypes>(type($input), type($output))";
}

/// A unary operation on floating-point values; others are converted to f32 first, as PyTorch does.
class NN_UnaryFloatOp<string mnemonic, list<Trait> traits = []> : NN_UnaryElementwiseOp<mnemonic, traits>;

def NN_ReluOp : NN_UnaryElementwiseOp<"relu"> {
  let summary = "the larger of 0 and the element; NaN stays NaN";
  let description = [{
    ```mlir
    %y = nn.relu %x : tensor<4x8xf32>
    ```

    Constraints:
    - relu_c1: any type but bool.
    - relu_c2: the output has the input's type.
  }];
  let hasFolder = 1;
}

def NN_SigmoidOp : NN_UnaryFloatOp<"sigmoid"> {
  let summary = "1 / (1 + exp(-x))";
  let description = [{
    ```mlir
    %y = nn.sigmoid %x : tensor<4x8xf32>
    ```

    Constraints:
    - sigmoid_c1: any type.
    - sigmoid_c2: the output has the input's type, or f32 elements where the input's are not floating-point.
  }];
}

def NN_TanhOp : NN_UnaryFloatOp<"tanh"> {
  let summary = "hyperbolic tangent";
  let description = [{
    ```mlir
    %y = nn.tanh %x : tensor<4x8xf32>
    ```

    Constraints:
    - tanh_c1: any type.
    - tanh_c2: the output has the input's type, or f32 elements where the input's are not floating-point.
  }];
}

def NN_NegOp : NN_UnaryElementwiseOp<"neg"> {
  let summary = "the element with the opposite sign";
  let description = [{
    Integers wrap: the negative of the smallest is itself.

    ```mlir
    %y = nn.neg %x : tensor<4x8xf32>
    ```

    Constraints:
    - neg_c1: any type but bool.
    - neg_c2: the output has the input's type.
  }];
  let hasFolder = 1;
}

def NN_ExpOp : NN_UnaryFloatOp<"exp"> {
  let summary = "e to the power of the element";
  let description = [{
    ```mlir
    %y = nn.exp %x : tensor<4x8xf32>
    ```

    Constraints:
    - exp_c1: any type.
    - exp_c2: the output has the input's type, or f32 elements where the input's are not floating-point.
  }];
}

def NN_LogOp : NN_UnaryFloatOp<"log"> {
  let summary = "natural logarithm; -inf for 0, NaN below";
  let description = [{
    ```mlir
    %y = nn.log %x : tensor<4x8xf32>
    ```

    Constraints:
    - log_c1: any type.
    - log_c2: the output has the input's type, or f32 elements where the input's are not floating-point.
  }];
}

def NN_SqrtOp : NN_UnaryFloatOp<"sqrt"> {
  let summary = "square root; NaN below 0";
  let description = [{
    ```mlir
    %y = nn.sqrt %x : tensor<4x8xf32>
    ```

    Constraints:
    - sqrt_c1: any type.
    - sqrt_c2: the output has the input's type, or f32 elements where the input's are not floating-point.
  }];
}

def NN_RsqrtOp : NN_UnaryFloatOp<"rsqrt"> {
  let summary = "1 / sqrt(x)";
  let description = [{
    ```mlir
    %y = nn.rsqrt %x : tensor<4x8xf32>
    ```

    Constraints:
    - rsqrt_c1: any type.
    - rsqrt_c2: the output has the input's type, or f32 elements where the input's are not floating-point.
  }];
}

def NN_AbsOp : NN_UnaryElementwiseOp<"abs"> {
  let summary = "the element without its sign";
  let description = [{
    ```mlir
    %y = nn.abs %x : tensor<4x8xf32>
    ```

    Constraints:
    - abs_c1: any type but bool.
    - abs_c2: the output has the input's type.
  }];
  let hasFolder = 1;
}

//===----------------------------------------------------------------------===//
// Binary operations
//===----------------------------------------------------------------------===//

/// Two operands of one element type, broadcast as PyTorch does: shapes are aligned at the last dimension, a size of 1 stretches.
/// Written `%y = nn.name %a, %b : type` where all three types are one, else with a function type.
class NN_BinaryElementwiseOp<string mnemonic, list<Trait> traits = []>
    : NN_SemanticOp<mnemonic,
                    traits # [DeclareOpInterfaceMethods<ScalarBodyInterface>]> {
  let arguments = (ins NN_Tensor:$lhs, NN_Tensor:$rhs);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` custom<ElementwiseTypes>(type($lhs), type($rhs), type($output))";
}

def NN_AddOp : NN_BinaryElementwiseOp<"add", [Commutative]> {
  let summary = "sum, with broadcasting; of bools: or";
  let description = [{
    ```mlir
    %y = nn.add %a, %b : tensor<4x8xf32>
    %z = nn.add %y, %bias : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32> // [8] is stretched to [4, 8]
    ```

    `x + 0.0` is not folded: it turns -0.0 into 0.0. `x + (-0.0)` and integer zero are.

    Constraints:
    - add_c1: one element type; shapes broadcast.
    - add_c2: the output has the broadcast shape.
  }];
  let hasFolder = 1;
}

def NN_SubOp : NN_BinaryElementwiseOp<"sub"> {
  let summary = "difference, with broadcasting";
  let description = [{
    ```mlir
    %y = nn.sub %a, %b : tensor<4x8xf32>
    ```

    `x - 0.0` is folded; `x - x` is not: it is NaN for NaN and infinities.

    Constraints:
    - sub_c1: one element type other than bool; shapes broadcast.
    - sub_c2: the output has the broadcast shape.
  }];
  let hasFolder = 1;
}

def NN_MulOp : NN_BinaryElementwiseOp<"mul", [Commutative]> {
  let summary = "product, with broadcasting; of bools: and";
  let description = [{
    ```mlir
    %y = nn.mul %a, %b : tensor<4x8xf32>
    ```

    `x * 1` is folded; `x * 0` is not: it is NaN for NaN and infinities, and -0.0 for negative numbers.

    Constraints:
    - mul_c1: one element type; shapes broadcast.
    - mul_c2: the output has the broadcast shape.
  }];
  let hasFolder = 1;
}

def NN_DivOp : NN_BinaryElementwiseOp<"div"> {
  let summary = "true quotient of floating-point values, with broadcasting";
  let description = [{
    ```mlir
    %y = nn.div %a, %b : tensor<4x8xf32>
    ```

    `x / 1` is folded; division by other constants is not turned into multiplication, which would round differently.

    Constraints:
    - div_c1: one floating-point element type; shapes broadcast.
    - div_c2: the output has the broadcast shape.
  }];
  let hasFolder = 1;
}

def NN_MaximumOp : NN_BinaryElementwiseOp<"maximum", [Commutative]> {
  let summary = "the larger element, with broadcasting; NaN where either is NaN";
  let description = [{
    ```mlir
    %y = nn.maximum %a, %b : tensor<4x8xf32>
    ```

    Constraints:
    - maximum_c1: one element type; shapes broadcast.
    - maximum_c2: the output has the broadcast shape.
  }];
  let hasFolder = 1;
}

def NN_MinimumOp : NN_BinaryElementwiseOp<"minimum", [Commutative]> {
  let summary = "the smaller element, with broadcasting; NaN where either is NaN";
  let description = [{
    ```mlir
    %y = nn.minimum %a, %b : tensor<4x8xf32>
    ```

    Constraints:
    - minimum_c1: one element type; shapes broadcast.
    - minimum_c2: the output has the broadcast shape.
  }];
  let hasFolder = 1;
}

//===----------------------------------------------------------------------===//
// Comparisons and selection
//===----------------------------------------------------------------------===//

/// Two operands of one element type, broadcast; the result is bool. False where an operand is NaN, but true for `nn.ne`. Nothing is
/// differentiable through a comparison.
class NN_ComparisonOp<string mnemonic, list<Trait> traits = []>
    : NN_SemanticOp<mnemonic, traits # [DeclareOpInterfaceMethods<ScalarBodyInterface>]> {
  let arguments = (ins NN_Tensor:$lhs, NN_Tensor:$rhs);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

def NN_EqOp : NN_ComparisonOp<"eq", [Commutative]> {
  let summary = "whether elements are equal, with broadcasting";
  let description = [{
    ```mlir
    %c = nn.eq %a, %b : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xi1>
    ```

    Constraints:
    - eq_c1: one element type; shapes broadcast.
    - eq_c2: the output has the broadcast shape and elements i1.
  }];
}

def NN_NeOp : NN_ComparisonOp<"ne", [Commutative]> {
  let summary = "whether elements differ; NaN differs from everything, with broadcasting";
  let description = [{
    ```mlir
    %c = nn.ne %a, %b : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xi1>
    ```

    Constraints:
    - ne_c1: one element type; shapes broadcast.
    - ne_c2: the output has the broadcast shape and elements i1.
  }];
}

def NN_LtOp : NN_ComparisonOp<"lt"> {
  let summary = "whether the left element is less, with broadcasting";
  let description = [{
    ```mlir
    %c = nn.lt %a, %b : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xi1>
    ```

    Constraints:
    - lt_c1: one element type; shapes broadcast.
    - lt_c2: the output has the broadcast shape and elements i1.
  }];
}

def NN_LeOp : NN_ComparisonOp<"le"> {
  let summary = "whether the left element is less or equal, with broadcasting";
  let description = [{
    ```mlir
    %c = nn.le %a, %b : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xi1>
    ```

    Constraints:
    - le_c1: one element type; shapes broadcast.
    - le_c2: the output has the broadcast shape and elements i1.
  }];
}

def NN_GtOp : NN_ComparisonOp<"gt"> {
  let summary = "whether the left element is greater, with broadcasting";
  let description = [{
    ```mlir
    %c = nn.gt %a, %b : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xi1>
    ```

    Constraints:
    - gt_c1: one element type; shapes broadcast.
    - gt_c2: the output has the broadcast shape and elements i1.
  }];
}

def NN_GeOp : NN_ComparisonOp<"ge"> {
  let summary = "whether the left element is greater or equal, with broadcasting";
  let description = [{
    ```mlir
    %c = nn.ge %a, %b : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xi1>
    ```

    Constraints:
    - ge_c1: one element type; shapes broadcast.
    - ge_c2: the output has the broadcast shape and elements i1.
  }];
}

def NN_WhereOp : NN_SemanticOp<"where", [DeclareOpInterfaceMethods<ScalarBodyInterface>]> {
  let summary = "elements of one tensor where a condition holds, of another elsewhere, with broadcasting";
  let description = [{
    ```mlir
    %y = nn.where %condition, %a, %b : (tensor<4x8xi1>, tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
    ```

    Folds where both arms are one value, or where the condition is a constant of one value.

    Constraints:
    - where_c1: the condition is i1; `input` and `other` have one element type; the three shapes broadcast.
    - where_c2: the output has the broadcast shape and the element type of `input`.
  }];
  let arguments = (ins NN_Tensor:$condition, NN_Tensor:$input, NN_Tensor:$other);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$condition `,` $input `,` $other attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

//===----------------------------------------------------------------------===//
// Others
//===----------------------------------------------------------------------===//

def NN_DetachOp : NN_UnaryElementwiseOp<"detach"> {
  let summary = "the operand, at which differentiation stops";
  let description = [{
    The identity. No gradient flows from the result to the operand; nn-differentiate removes the operation once it has seen it. Not
    folded before, but for a detach of a detach.

    ```mlir
    %y = nn.detach %x : tensor<4x8xf32>
    ```

    Constraints:
    - detach_c1: there is one operand.
    - detach_c2: the output has the input's type.
  }];
  let hasFolder = 1;
}

def NN_CastOp : NN_SemanticOp<"cast", [DeclareOpInterfaceMethods<ScalarBodyInterface>]> {
  let summary = "each element converted to another type, as PyTorch's to(dtype) does";
  let description = [{
    Floating point to integer truncates toward zero; anything but zero, NaN included, is true.

    ```mlir
    %y = nn.cast %x to f32 : (tensor<4xi64>) -> tensor<4xf32>
    ```

    Constraints:
    - cast_c1: `dtype` is an element type of the dialect.
    - cast_c2: the output has the input's shape and element type `dtype`.
  }];
  let arguments = (ins NN_Tensor:$input, TypeAttr:$dtype);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$input `to` $dtype attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def NN_DropoutOp : NN_SemanticOp<"dropout", [DeclareOpInterfaceMethods<ScalarBodyInterface, ["hasScalarBody"]>]> {
  let summary = "in training, zeroes elements with probability p and scales the others by 1 / (1 - p)";
  let description = [{
    The identity unless `training`. Which elements are kept follows from `generator` (two numbers, seed and offset), from `site`
    (which tells the dropouts of one function apart) and from the element's index alone: Philox4x32-10 with the seed as its key and
    the others as its counter (kiln/semantics/philox.h). So the gradient is the same operation on the cotangent.

    ```mlir
    %g = nn.read @generator : tensor<2xi64>
    %y = nn.dropout %x generator %g p = 5.000000e-01 training = true site = 7 : (tensor<4x8xf32>, tensor<2xi64>) -> tensor<4x8xf32>
    %z = nn.dropout %x p = 5.000000e-01 training = false site = 7 : (tensor<4x8xf32>) -> tensor<4x8xf32> // %x itself
    ```

    With `p = 0` or outside training it folds to its operand. A constant is not folded through a mask.

    Constraints:
    - dropout_c1: a floating-point type where a mask applies; 0 <= p <= 1; `generator` is i64[2], and there in training with
      0 < p < 1.
    - dropout_c2: the output has the input's type.
  }];
  let arguments = (ins NN_Tensor:$input, Optional<NN_Tensor>:$generator, F64Attr:$p, BoolAttr:$training, I64Attr:$site);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = [{
    $input (`generator` $generator^)? `p` `=` $p `training` `=` $training `site` `=` $site attr-dict
    `:` functional-type(operands, results)
  }];
  let hasFolder = 1;
  let extraClassDeclaration = [{
    static int64_t getSemanticOperandCount() { return 2; }
  }];
}

def NN_ChannelAffineOp : NN_SemanticOp<"channel_affine", [DeclareOpInterfaceMethods<ScalarBodyInterface>]> {
  let summary = "x * scale[c] + shift[c], where c is the index in dimension 1";
  let description = [{
    What batch normalisation with fixed statistics amounts to.

    ```mlir
    %y = nn.channel_affine %x, %scale, %shift
        : (tensor<4x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
    ```

    Constraints:
    - channel_affine_c1: one floating-point element type; the input has a dimension 1, and scale and shift have its size.
    - channel_affine_c2: the output has the input's type.
  }];
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$scale, NN_Tensor:$shift);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$input `,` $scale `,` $shift attr-dict `:` functional-type(operands, results)";
}

#endif // KILN_IR_NNELEMENTWISEOPS
