//===- NNWindowOps.td - Convolutions and pooling ------------*- tablegen -*-===//
//
// Defines the ops whose windows slide over one to three last dimensions, called spatial, and their gradients. Attributes that are
// lists have one number a spatial dimension. Tap k of the window at output position i reads position
// `i * stride - padding + k * dilation` of the input; what lies outside is padding.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_IR_NNWINDOWOPS
#define KILN_IR_NNWINDOWOPS

include "kiln/ir/NNSemanticOp.td"

//===----------------------------------------------------------------------===//
// Convolutions
//===----------------------------------------------------------------------===//

def NN_ConvOp : NN_SemanticOp<"conv"> {
  let summary = "convolution (cross-correlation) over one to three dimensions";
  let description = [{
    `input` is `[N, C, ...]`, `weight` is `[O, C / groups, ...]`, `bias` is `[O]` or absent. Output channel o is the sum, over the
    input channels of its group and all taps, of the input times the weight. Padding is zeros, as many as `padding_low` before and
    `padding_high` behind each dimension.

    ```mlir
    %y = nn.conv %x, %w, %b stride = [1, 1] padding_low = [1, 1] padding_high = [1, 1] dilation = [1, 1] groups = 1
        : (tensor<4x3x8x8xf32>, tensor<16x3x3x3xf32>, tensor<16xf32>) -> tensor<4x16x8x8xf32>
    // Depthwise, without bias: every second position.
    %z = nn.conv %y, %v stride = [2, 2] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 16
        : (tensor<4x16x8x8xf32>, tensor<16x1x2x2xf32>) -> tensor<4x16x4x4xf32>
    ```

    Constraints:
    - conv_c1: one element type; the weight has three to five dimensions, the input as many; every list has two numbers less; strides
      and dilations are positive, padding is not negative; `groups` divides O, and the weight's dimension 1 times `groups` is C; the
      window fits the padded input.
    - conv_c2: the output is `[N, O, ...]`, each spatial size
      `(input + padding_low + padding_high - dilation * (kernel - 1) - 1) floordiv stride + 1`.
  }];
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$weight, Optional<NN_Tensor>:$bias, DenseI64ArrayAttr:$stride,
                   DenseI64ArrayAttr:$padding_low, DenseI64ArrayAttr:$padding_high, DenseI64ArrayAttr:$dilation, I64Attr:$groups);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = [{
    $input `,` $weight (`,` $bias^)? `stride` `=` $stride `padding_low` `=` $padding_low `padding_high` `=` $padding_high
    `dilation` `=` $dilation `groups` `=` $groups attr-dict `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = [{
    static int64_t getSemanticOperandCount() { return 3; }
  }];
}

def NN_PackedConvOp : NN_SemanticOp<"packed_conv"> {
  let summary = "convolution of channels-last data with a weight in packed panels";
  let description = [{
    `input` is `[N, ..., C]`, the result `[N, ..., O]` with O = `out_channels`; the other attributes are those of `nn.conv`, whose weight
    `[O, C / groups, ...kernel_size]` is in `packed`: with its channels last as a matrix of O / groups rows for each group, in panels
    (`nn.pack_panels`). Several groups may share a matrix, their rows one after another, if these are in one panel. Where each channel is
    a group of its own, the matrix has all channels as rows and all taps as columns.

    ```mlir
    %v = nn.permute %w dims = [0, 2, 3, 1] : (tensor<48x3x3x3xf32>) -> tensor<48x3x3x3xf32>
    %m = nn.reshape %v to [1, 48, 27] : (tensor<48x3x3x3xf32>) -> tensor<1x48x27xf32>
    %p = nn.pack_panels %m panel = 32 : (tensor<1x48x27xf32>) -> tensor<1x2x27x32xf32>
    %y = nn.packed_conv %x, %p out_channels = 48 kernel_size = [3, 3] stride = [1, 1] padding_low = [1, 1] padding_high = [1, 1]
        dilation = [1, 1] groups = 1 : (tensor<4x8x8x3xf32>, tensor<1x2x27x32xf32>) -> tensor<4x8x8x48xf32>
    ```

    Constraints:
    - packed_conv_c1: as conv_c1 for an input `[N, C, ...]` and a weight `[O, C / groups, ...kernel_size]`; floating-point; `packed` is
      `[matrices, ceil(O / matrices / panel), taps * C / groups, panel]`, where matrices is `groups`, or a divisor of it with
      O / matrices <= panel; or `[1, ceil(O / panel), taps, panel]` where O = C = `groups`.
    - packed_conv_c2: the output is that of conv_c2, channels last.
  }];
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$packed, I64Attr:$out_channels, DenseI64ArrayAttr:$kernel_size,
                   DenseI64ArrayAttr:$stride, DenseI64ArrayAttr:$padding_low, DenseI64ArrayAttr:$padding_high,
                   DenseI64ArrayAttr:$dilation, I64Attr:$groups);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = [{
    $input `,` $packed `out_channels` `=` $out_channels `kernel_size` `=` $kernel_size `stride` `=` $stride
    `padding_low` `=` $padding_low `padding_high` `=` $padding_high `dilation` `=` $dilation `groups` `=` $groups attr-dict
    `:` functional-type(operands, results)
  }];
}

def NN_ConvBackwardInputOp : NN_SemanticOp<"conv_backward_input"> {
  let summary = "the gradient of nn.conv with respect to its input";
  let description = [{
    `grad` is the cotangent of the convolution's result; the attributes are its own. `input_size` are the spatial sizes of its input,
    which a stride leaves open.

    ```mlir
    %gx = nn.conv_backward_input %g, %w input_size = [8, 8] stride = [2, 2] padding_low = [1, 1] padding_high = [1, 1]
        dilation = [1, 1] groups = 1 : (tensor<4x16x4x4xf32>, tensor<16x3x3x3xf32>) -> tensor<4x3x8x8xf32>
    ```

    Constraints:
    - conv_backward_input_c1: as conv_c1 for an input of the result's type, whose convolution has the type of `grad`; floating-point.
    - conv_backward_input_c2: the output is `[N, C, ...input_size]`.
  }];
  let arguments = (ins NN_Tensor:$grad, NN_Tensor:$weight, NN_ShapeAttr:$input_size, DenseI64ArrayAttr:$stride,
                   DenseI64ArrayAttr:$padding_low, DenseI64ArrayAttr:$padding_high, DenseI64ArrayAttr:$dilation, I64Attr:$groups);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = [{
    $grad `,` $weight `input_size` `=` custom<Shape>($input_size) `stride` `=` $stride `padding_low` `=` $padding_low
    `padding_high` `=` $padding_high `dilation` `=` $dilation `groups` `=` $groups attr-dict `:` functional-type(operands, results)
  }];
}

def NN_PackedConvBackwardInputOp : NN_SemanticOp<"packed_conv_backward_input"> {
  let summary = "the gradient of nn.packed_conv with respect to its input";
  let description = [{
    As nn.conv_backward_input, with channels last: `grad` is `[N, ..., O]`, the result `[N, ...input_size, C]` with C = `in_channels`.
    `packed` has the weight `[O, C / groups, ...kernel_size]` as a matrix of C / groups rows for each group, its columns the taps and
    the group's output channels of each, in panels (`nn.pack_panels`). Several groups may share a matrix, their rows one after another,
    if these are in one panel. Where each channel is a group of its own, it is the matrix of nn.packed_conv: all channels as rows and all
    taps as columns.

    ```mlir
    %v = nn.permute %w dims = [1, 2, 3, 0] : (tensor<16x3x3x3xf32>) -> tensor<3x3x3x16xf32>
    %m = nn.reshape %v to [1, 3, 144] : (tensor<3x3x3x16xf32>) -> tensor<1x3x144xf32>
    %p = nn.pack_panels %m panel = 32 : (tensor<1x3x144xf32>) -> tensor<1x1x144x32xf32>
    %gx = nn.packed_conv_backward_input %g, %p in_channels = 3 input_size = [8, 8] kernel_size = [3, 3] stride = [2, 2]
        padding_low = [1, 1] padding_high = [1, 1] dilation = [1, 1] groups = 1
        : (tensor<4x4x4x16xf32>, tensor<1x1x144x32xf32>) -> tensor<4x8x8x3xf32>
    ```

    Constraints:
    - packed_conv_backward_input_c1: as conv_backward_input_c1, channels last; `packed` is
      `[matrices, ceil(C / matrices / panel), taps * O / groups, panel]`, where matrices is `groups`, or a divisor of it with
      C / matrices <= panel; or `[1, ceil(C / panel), taps, panel]` where O = C = `groups`.
    - packed_conv_backward_input_c2: the output is `[N, ...input_size, C]`.
  }];
  let arguments = (ins NN_Tensor:$grad, NN_Tensor:$packed, I64Attr:$in_channels, NN_ShapeAttr:$input_size,
                   DenseI64ArrayAttr:$kernel_size, DenseI64ArrayAttr:$stride, DenseI64ArrayAttr:$padding_low,
                   DenseI64ArrayAttr:$padding_high, DenseI64ArrayAttr:$dilation, I64Attr:$groups);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = [{
    $grad `,` $packed `in_channels` `=` $in_channels `input_size` `=` custom<Shape>($input_size) `kernel_size` `=` $kernel_size
    `stride` `=` $stride `padding_low` `=` $padding_low `padding_high` `=` $padding_high `dilation` `=` $dilation
    `groups` `=` $groups attr-dict `:` functional-type(operands, results)
  }];
}

def NN_ConvBackwardWeightOp : NN_SemanticOp<"conv_backward_weight"> {
  let summary = "the gradient of nn.conv with respect to its weight";
  let description = [{
    `grad` is the cotangent of the convolution's result; the attributes are its own. `kernel_size` are the spatial sizes of its
    weight, which a stride leaves open. With `channels_last`, `grad` and `input` are `[N, ..., O]` and `[N, ..., C]`, and the result is
    `[...kernel_size, C / groups, O]`.

    ```mlir
    %gw = nn.conv_backward_weight %g, %x kernel_size = [3, 3] stride = [2, 2] padding_low = [1, 1] padding_high = [1, 1]
        dilation = [1, 1] groups = 1 : (tensor<4x16x4x4xf32>, tensor<4x3x8x8xf32>) -> tensor<16x3x3x3xf32>
    ```

    Constraints:
    - conv_backward_weight_c1: as conv_c1 for a weight of the result's type, with which the convolution has the type of `grad`;
      floating-point.
    - conv_backward_weight_c2: the output is `[O, C / groups, ...kernel_size]`, or with `channels_last`
      `[...kernel_size, C / groups, O]`.
  }];
  let arguments = (ins NN_Tensor:$grad, NN_Tensor:$input, NN_ShapeAttr:$kernel_size, DenseI64ArrayAttr:$stride,
                   DenseI64ArrayAttr:$padding_low, DenseI64ArrayAttr:$padding_high, DenseI64ArrayAttr:$dilation, I64Attr:$groups,
                   OptionalAttr<BoolAttr>:$channels_last);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = [{
    $grad `,` $input `kernel_size` `=` custom<Shape>($kernel_size) `stride` `=` $stride `padding_low` `=` $padding_low
    `padding_high` `=` $padding_high `dilation` `=` $dilation `groups` `=` $groups
    (`channels_last` `=` $channels_last^)? attr-dict `:` functional-type(operands, results)
  }];
}

//===----------------------------------------------------------------------===//
// Maxima
//===----------------------------------------------------------------------===//

/// The windows of a maximum.
class NN_MaximumOp<string mnemonic, dag operands, dag attributes = (ins)> : NN_SemanticOp<mnemonic> {
  let arguments = !con(operands, (ins DenseI64ArrayAttr:$kernel_size, DenseI64ArrayAttr:$stride, DenseI64ArrayAttr:$padding,
                                      DenseI64ArrayAttr:$dilation, BoolAttr:$ceil_mode), attributes);
  let results = (outs NN_Tensor:$output);
}

def NN_MaxPoolOp : NN_MaximumOp<"max_pool", (ins NN_Tensor:$input), (ins OptionalAttr<BoolAttr>:$channels_last)> {
  let summary = "the maximum of each window";
  let description = [{
    Over the last dimensions, as many as `kernel_size` has numbers; one or two dimensions before them. With `channels_last`, input and
    result are `[N, ..., C]` instead, which only passes make. Padding never is the maximum; a NaN always is. With `ceil_mode` the last window may reach beyond the padding, but begins in the input or the padding before it.

    ```mlir
    %y = nn.max_pool %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] ceil_mode = false
        : (tensor<4x3x8x8xf32>) -> tensor<4x3x4x4xf32>
    ```

    Constraints:
    - max_pool_c1: the input is no bool and has one or two dimensions more than windows have; windows, strides and dilations are
      positive, padding is at most half a window; there is at least one window; with `channels_last` it has two dimensions more.
    - max_pool_c2: the output has the input's sizes, the spatial ones
      `(input + 2 * padding - dilation * (kernel - 1) - 1) floordiv stride + 1` (with `ceil_mode`, the quotient rounded up).
  }];
  let assemblyFormat = [{
    $input `kernel_size` `=` $kernel_size `stride` `=` $stride `padding` `=` $padding `dilation` `=` $dilation
    `ceil_mode` `=` $ceil_mode (`channels_last` `=` $channels_last^)? attr-dict `:` functional-type(operands, results)
  }];
}

def NN_MaxPoolIndicesOp : NN_MaximumOp<"max_pool_indices", (ins NN_Tensor:$input)> {
  let summary = "where nn.max_pool finds the maximum of each window";
  let description = [{
    As an offset into the spatial dimensions of the input, row-major: that of the first of equal maxima, of the last NaN.

    ```mlir
    %i = nn.max_pool_indices %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] ceil_mode = false
        : (tensor<4x3x8x8xf32>) -> tensor<4x3x4x4xi64>
    ```

    Constraints:
    - max_pool_indices_c1: as max_pool_c1.
    - max_pool_indices_c2: the output has the sizes of max_pool_c2 and elements i64.
  }];
  let assemblyFormat = [{
    $input `kernel_size` `=` $kernel_size `stride` `=` $stride `padding` `=` $padding `dilation` `=` $dilation
    `ceil_mode` `=` $ceil_mode attr-dict `:` functional-type(operands, results)
  }];
}

def NN_MaxPoolBackwardOp : NN_MaximumOp<"max_pool_backward", (ins NN_Tensor:$grad, NN_Tensor:$input),
                                        (ins OptionalAttr<BoolAttr>:$channels_last)> {
  let summary = "the gradient of nn.max_pool";
  let description = [{
    Each element of `grad`, the cotangent of the result, is added where `nn.max_pool_indices` finds its window's maximum. The maxima
    are found again rather than kept: reading them takes as long as finding them, and eight bytes each. With `channels_last`, all
    three are `[N, ..., C]`, as in nn.max_pool.

    ```mlir
    %gx = nn.max_pool_backward %g, %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] ceil_mode = false
        : (tensor<4x3x4x4xf32>, tensor<4x3x8x8xf32>) -> tensor<4x3x8x8xf32>
    ```

    Constraints:
    - max_pool_backward_c1: as max_pool_c1; floating-point; `grad` has the type of the result.
    - max_pool_backward_c2: the output has the input's type.
  }];
  let assemblyFormat = [{
    $grad `,` $input `kernel_size` `=` $kernel_size `stride` `=` $stride `padding` `=` $padding `dilation` `=` $dilation
    `ceil_mode` `=` $ceil_mode (`channels_last` `=` $channels_last^)? attr-dict `:` functional-type(operands, results)
  }];
}

//===----------------------------------------------------------------------===//
// Averages
//===----------------------------------------------------------------------===//

def NN_AvgPoolOp : NN_SemanticOp<"avg_pool"> {
  let summary = "the average of each window";
  let description = [{
    Over the last dimensions, as many as `kernel_size` has numbers; one or two dimensions before them (with `channels_last` as in
    nn.max_pool). Padding is zeros. The sum is divided by `divisor_override` where that is given, else by the number of positions of
    the window: with `count_include_pad` also those in the padding, but not those beyond it, where `ceil_mode` lets the last window
    reach.

    ```mlir
    %y = nn.avg_pool %x kernel_size = [3, 3] stride = [2, 2] padding = [1, 1] ceil_mode = false count_include_pad = true
        : (tensor<4x3x8x8xf32>) -> tensor<4x3x4x4xf32>
    %z = nn.avg_pool %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] ceil_mode = false count_include_pad = true
        divisor_override = 3 : (tensor<4x3x8x8xf32>) -> tensor<4x3x4x4xf32>
    ```

    Constraints:
    - avg_pool_c1: the input is floating-point or i64 and has one or two dimensions more than windows have; windows and strides are
      positive, padding is at most half a window; there is at least one window; `divisor_override` is not 0.
    - avg_pool_c2: the output has the sizes of max_pool_c2, with dilations of 1.
  }];
  let arguments = (ins NN_Tensor:$input, DenseI64ArrayAttr:$kernel_size, DenseI64ArrayAttr:$stride, DenseI64ArrayAttr:$padding,
                   BoolAttr:$ceil_mode, BoolAttr:$count_include_pad, OptionalAttr<I64Attr>:$divisor_override,
                   OptionalAttr<BoolAttr>:$channels_last);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = [{
    $input `kernel_size` `=` $kernel_size `stride` `=` $stride `padding` `=` $padding `ceil_mode` `=` $ceil_mode
    `count_include_pad` `=` $count_include_pad (`divisor_override` `=` $divisor_override^)?
    (`channels_last` `=` $channels_last^)? attr-dict
    `:` functional-type(operands, results)
  }];
}

def NN_AvgPoolBackwardOp : NN_SemanticOp<"avg_pool_backward"> {
  let summary = "the gradient of nn.avg_pool";
  let description = [{
    `grad` is the cotangent of the result, the attributes are those of the op; `input_size` are the spatial sizes of its input. With
    `channels_last`, gradient and result are `[N, ..., C]`, as in nn.max_pool.

    ```mlir
    %gx = nn.avg_pool_backward %g input_size = [8, 8] kernel_size = [3, 3] stride = [2, 2] padding = [1, 1] ceil_mode = false
        count_include_pad = true : (tensor<4x3x4x4xf32>) -> tensor<4x3x8x8xf32>
    ```

    Constraints:
    - avg_pool_backward_c1: as avg_pool_c1 for an input of the output's type, whose average has the type of `grad`; floating-point.
    - avg_pool_backward_c2: the output has the sizes of `grad`, the spatial ones those of `input_size`.
  }];
  let arguments = (ins NN_Tensor:$grad, NN_ShapeAttr:$input_size, DenseI64ArrayAttr:$kernel_size, DenseI64ArrayAttr:$stride,
                   DenseI64ArrayAttr:$padding, BoolAttr:$ceil_mode, BoolAttr:$count_include_pad,
                   OptionalAttr<I64Attr>:$divisor_override, OptionalAttr<BoolAttr>:$channels_last);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = [{
    $grad `input_size` `=` custom<Shape>($input_size) `kernel_size` `=` $kernel_size `stride` `=` $stride `padding` `=` $padding
    `ceil_mode` `=` $ceil_mode `count_include_pad` `=` $count_include_pad (`divisor_override` `=` $divisor_override^)?
    (`channels_last` `=` $channels_last^)? attr-dict `:` functional-type(operands, results)
  }];
}

def NN_AdaptiveAvgPoolOp : NN_SemanticOp<"adaptive_avg_pool"> {
  let summary = "averages of as many windows as asked for";
  let description = [{
    Over the last dimensions, as many as `output_size` has numbers; one or two dimensions before them (with `channels_last` as in
    nn.max_pool). Output position i of O averages the input positions from `i * I floordiv O` up to `(i + 1) * I` divided by O and
    rounded up, of I.

    ```mlir
    %y = nn.adaptive_avg_pool %x output_size = [1, 1] : (tensor<4x3x8x8xf32>) -> tensor<4x3x1x1xf32>
    ```

    Constraints:
    - adaptive_avg_pool_c1: the input is floating-point and has one or two dimensions more than `output_size`; none of the spatial
      ones is empty; `output_size` is not negative.
    - adaptive_avg_pool_c2: the output has the input's sizes, the last ones those of `output_size`.
  }];
  let arguments = (ins NN_Tensor:$input, NN_ShapeAttr:$output_size, OptionalAttr<BoolAttr>:$channels_last);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = [{
    $input `output_size` `=` custom<Shape>($output_size) (`channels_last` `=` $channels_last^)? attr-dict `:` functional-type(operands, results)
  }];
}

def NN_AdaptiveAvgPoolBackwardOp : NN_SemanticOp<"adaptive_avg_pool_backward"> {
  let summary = "the gradient of nn.adaptive_avg_pool";
  let description = [{
    `grad` is the cotangent of the result; `input_size` are the spatial sizes of the op's input. With `channels_last`, gradient and
    result are `[N, ..., C]`, as in nn.max_pool.

    ```mlir
    %gx = nn.adaptive_avg_pool_backward %g input_size = [8, 8] : (tensor<4x3x1x1xf32>) -> tensor<4x3x8x8xf32>
    ```

    Constraints:
    - adaptive_avg_pool_backward_c1: `grad` is floating-point and has at least as many dimensions as `input_size`.
    - adaptive_avg_pool_backward_c2: the output has the sizes of `grad`, the spatial ones those of `input_size`.
  }];
  let arguments = (ins NN_Tensor:$grad, NN_ShapeAttr:$input_size, OptionalAttr<BoolAttr>:$channels_last);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = [{
    $grad `input_size` `=` custom<Shape>($input_size) (`channels_last` `=` $channels_last^)? attr-dict
    `:` functional-type(operands, results)
  }];
}

#endif // KILN_IR_NNWINDOWOPS
