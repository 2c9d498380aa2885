// Each constraint of convolutions and pooling, broken once. Inference's own messages are PyTorch's; the label says which constraint of
// which op.
//
// RUN: kiln-opt %s --split-input-file --verify-diagnostics

//===----------------------------------------------------------------------===//
// Convolutions
//===----------------------------------------------------------------------===//

func.func @conv_c1_channels(%x: tensor<2x5x8x8xf32>, %w: tensor<4x3x3x3xf32>) {
  // expected-error @+1 {{'nn.conv' op conv_c1: Given groups=1, weight of size [4, 3, 3, 3], expected input[2, 5, 8, 8] to have 3 channels, but got 5 channels instead}}
  %0 = nn.conv %x, %w stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1 : (tensor<2x5x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<2x4x6x6xf32>
  return
}

// -----

func.func @conv_c1_named_channels(%x: tensor<2x?x8x8xf32, #nn.shape<2, c, 8, 8>>, %w: tensor<4x3x3x3xf32>) {
  // expected-error @+1 {{'nn.conv' op conv_c1: Given groups=1, weight of size [4, 3, 3, 3], expected input[2, c, 8, 8] to have 3 channels, but got c channels instead}}
  %0 = nn.conv %x, %w stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1 : (tensor<2x?x8x8xf32, #nn.shape<2, c, 8, 8>>, tensor<4x3x3x3xf32>) -> tensor<2x4x6x6xf32>
  return
}

// -----

func.func @conv_c1_groups(%x: tensor<2x3x8x8xf32>, %w: tensor<4x3x3x3xf32>) {
  // expected-error @+1 {{'nn.conv' op conv_c1: Given groups=3, expected weight to be divisible by 3 at dimension 0, but got weight of size [[4, 3, 3, 3]] instead}}
  %0 = nn.conv %x, %w stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 3 : (tensor<2x3x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<2x4x6x6xf32>
  return
}

// -----

func.func @conv_c1_stride(%x: tensor<2x3x8x8xf32>, %w: tensor<4x3x3x3xf32>) {
  // expected-error @+1 {{'nn.conv' op conv_c1: non-positive stride is not supported}}
  %0 = nn.conv %x, %w stride = [1, 0] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1 : (tensor<2x3x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<2x4x6x6xf32>
  return
}

// -----

func.func @conv_c1_lists(%x: tensor<2x3x8x8xf32>, %w: tensor<4x3x3x3xf32>) {
  // expected-error @+1 {{'nn.conv' op conv_c1: nn.conv over 2 dimensions needs as many values of stride, but got 1}}
  %0 = nn.conv %x, %w stride = [1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1 : (tensor<2x3x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<2x4x6x6xf32>
  return
}

// -----

func.func @conv_c1_rank(%x: tensor<3x8x8xf32>, %w: tensor<4x3x3x3xf32>) {
  // expected-error @+1 {{'nn.conv' op conv_c1: Expected 4-dimensional input for 4-dimensional weight [4, 3, 3, 3], but got 3-dimensional input of size [3, 8, 8] instead}}
  %0 = nn.conv %x, %w stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1 : (tensor<3x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<4x6x6xf32>
  return
}

// -----

func.func @conv_c1_weight_rank(%x: tensor<2x3x8x8xf32>, %w: tensor<4x3xf32>) {
  // expected-error @+1 {{'nn.conv' op conv_c1: nn.conv needs a weight of three to five dimensions [out_channels, in_channels / groups, ...], but got [4, 3]}}
  %0 = nn.conv %x, %w stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1 : (tensor<2x3x8x8xf32>, tensor<4x3xf32>) -> tensor<2x4x6x6xf32>
  return
}

// -----

func.func @conv_c1_size(%x: tensor<2x3x2x2xf32>, %w: tensor<4x3x3x3xf32>) {
  // expected-error @+1 {{'nn.conv' op conv_c1: Calculated padded input size per channel: (2 x 2). Kernel size: (3 x 3). Kernel size can't be greater than actual input size}}
  %0 = nn.conv %x, %w stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1 : (tensor<2x3x2x2xf32>, tensor<4x3x3x3xf32>) -> tensor<2x4x0x0xf32>
  return
}

// -----

func.func @conv_c1_type(%x: tensor<2x3x8x8xf64>, %w: tensor<4x3x3x3xf32>) {
  // expected-error @+1 {{'nn.conv' op conv_c1: expected scalar type Double but found Float}}
  %0 = nn.conv %x, %w stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1 : (tensor<2x3x8x8xf64>, tensor<4x3x3x3xf32>) -> tensor<2x4x6x6xf64>
  return
}

// -----

func.func @conv_c1_bias(%x: tensor<2x3x8x8xf32>, %w: tensor<4x3x3x3xf32>, %b: tensor<5xf32>) {
  // expected-error @+1 {{'nn.conv' op conv_c1: Given weight of size [4, 3, 3, 3], expected bias to be 1-dimensional with 4 elements, but got bias of size [5] instead}}
  %0 = nn.conv %x, %w, %b stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1 : (tensor<2x3x8x8xf32>, tensor<4x3x3x3xf32>, tensor<5xf32>) -> tensor<2x4x6x6xf32>
  return
}

// -----

func.func @conv_c2(%x: tensor<2x3x8x8xf32>, %w: tensor<4x3x3x3xf32>) {
  // expected-error @+1 {{'nn.conv' op conv_c2: expected type 'tensor<2x4x6x6xf32>', found 'tensor<2x4x8x8xf32>'}}
  %0 = nn.conv %x, %w stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1 : (tensor<2x3x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<2x4x8x8xf32>
  return
}

// -----

func.func @conv_backward_input_c1(%g: tensor<2x4x5x6xf32>, %w: tensor<4x3x3x3xf32>) {
  // expected-error @+1 {{'nn.conv_backward_input' op conv_backward_input_c1: nn.conv_backward_input needs a gradient of type float32[2, 4, 6, 6], that of the convolution's result, but got float32[2, 4, 5, 6]}}
  %0 = nn.conv_backward_input %g, %w input_size = [8, 8] stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1 : (tensor<2x4x5x6xf32>, tensor<4x3x3x3xf32>) -> tensor<2x3x8x8xf32>
  return
}

// -----

func.func @conv_backward_input_c2(%g: tensor<2x4x6x6xf32>, %w: tensor<4x3x3x3xf32>) {
  // expected-error @+1 {{'nn.conv_backward_input' op conv_backward_input_c2: expected type 'tensor<2x3x8x8xf32>', found 'tensor<2x3x8x9xf32>'}}
  %0 = nn.conv_backward_input %g, %w input_size = [8, 8] stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1 : (tensor<2x4x6x6xf32>, tensor<4x3x3x3xf32>) -> tensor<2x3x8x9xf32>
  return
}

// -----

func.func @conv_backward_weight_c1(%g: tensor<2x4x6x6xf32>, %x: tensor<2x3x8x8xf32>) {
  // expected-error @+1 {{'nn.conv_backward_weight' op conv_backward_weight_c1: nn.conv_backward_weight needs a gradient of type float32[2, 4, 7, 6], that of the convolution's result, but got float32[2, 4, 6, 6]}}
  %0 = nn.conv_backward_weight %g, %x kernel_size = [2, 3] stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1 : (tensor<2x4x6x6xf32>, tensor<2x3x8x8xf32>) -> tensor<4x3x3x3xf32>
  return
}

// -----

func.func @conv_backward_weight_c2(%g: tensor<2x4x6x6xf32>, %x: tensor<2x3x8x8xf32>) {
  // expected-error @+1 {{'nn.conv_backward_weight' op conv_backward_weight_c2: expected type 'tensor<4x3x3x3xf32>', found 'tensor<4x3x2x3xf32>'}}
  %0 = nn.conv_backward_weight %g, %x kernel_size = [3, 3] stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1 : (tensor<2x4x6x6xf32>, tensor<2x3x8x8xf32>) -> tensor<4x3x2x3xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// Pooling
//===----------------------------------------------------------------------===//

func.func @max_pool_c1_padding(%x: tensor<2x3x8x8xf32>) {
  // expected-error @+1 {{'nn.max_pool' op max_pool_c1: pad should be at most half of effective kernel size, but got pad=2, kernel_size=2 and dilation=1}}
  %0 = nn.max_pool %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 2] dilation = [1, 1] ceil_mode = false : (tensor<2x3x8x8xf32>) -> tensor<2x3x4x4xf32>
  return
}

// -----

func.func @max_pool_c1_rank(%x: tensor<3x8xf32>) {
  // expected-error @+1 {{'nn.max_pool' op max_pool_c1: non-empty 3D or 4D (batch mode) tensor expected for input}}
  %0 = nn.max_pool %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] ceil_mode = false : (tensor<3x8xf32>) -> tensor<3x4xf32>
  return
}

// -----

func.func @max_pool_c2(%x: tensor<2x3x8x8xf32>) {
  // expected-error @+1 {{'nn.max_pool' op max_pool_c2: expected type 'tensor<2x3x4x4xf32>', found 'tensor<2x3x4x5xf32>'}}
  %0 = nn.max_pool %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] ceil_mode = false : (tensor<2x3x8x8xf32>) -> tensor<2x3x4x5xf32>
  return
}

// -----

func.func @max_pool_indices_c1_padding(%x: tensor<2x3x8x8xf32>) {
  // expected-error @+1 {{'nn.max_pool_indices' op max_pool_indices_c1: pad should be at most half of effective kernel size, but got pad=2, kernel_size=2 and dilation=1}}
  %0 = nn.max_pool_indices %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 2] dilation = [1, 1] ceil_mode = false : (tensor<2x3x8x8xf32>) -> tensor<2x3x4x4xi64>
  return
}

// -----

func.func @max_pool_indices_c1_rank(%x: tensor<3x8xf32>) {
  // expected-error @+1 {{'nn.max_pool_indices' op max_pool_indices_c1: non-empty 3D or 4D (batch mode) tensor expected for input}}
  %0 = nn.max_pool_indices %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] ceil_mode = false : (tensor<3x8xf32>) -> tensor<3x4xi64>
  return
}

// -----

func.func @max_pool_indices_c2(%x: tensor<2x3x8x8xf32>) {
  // expected-error @+1 {{'nn.max_pool_indices' op max_pool_indices_c2: expected type 'tensor<2x3x4x4xi64>', found 'tensor<2x3x4x5xi64>'}}
  %0 = nn.max_pool_indices %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] ceil_mode = false : (tensor<2x3x8x8xf32>) -> tensor<2x3x4x5xi64>
  return
}

// -----

func.func @max_pool_c1_size(%x: tensor<2x3x1x8xf32>) {
  // expected-error @+1 {{'nn.max_pool' op max_pool_c1: Given input size: (3x1x8). Calculated output size: (3x0x4). Output size is too small}}
  %0 = nn.max_pool %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] ceil_mode = false : (tensor<2x3x1x8xf32>) -> tensor<2x3x0x4xf32>
  return
}

// -----

func.func @max_pool_c1_bool(%x: tensor<2x3x8x8xi1>) {
  // expected-error @+1 {{'nn.max_pool' op max_pool_c1: "max_pool2d" not implemented for 'Bool'}}
  %0 = nn.max_pool %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] ceil_mode = false : (tensor<2x3x8x8xi1>) -> tensor<2x3x4x4xi1>
  return
}

// -----

func.func @max_pool_c1_lists(%x: tensor<2x3x8x8xf32>) {
  // expected-error @+1 {{'nn.max_pool' op max_pool_c1: nn.max_pool over 2 dimensions needs as many values of dilation, but got 1}}
  %0 = nn.max_pool %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1] ceil_mode = false : (tensor<2x3x8x8xf32>) -> tensor<2x3x4x4xf32>
  return
}

// -----

func.func @max_pool_backward_c1(%g: tensor<2x3x4x5xf32>, %x: tensor<2x3x8x8xf32>) {
  // expected-error @+1 {{'nn.max_pool_backward' op max_pool_backward_c1: nn.max_pool_backward needs a gradient of type float32[2, 3, 4, 4], that of the result, but got float32[2, 3, 4, 5]}}
  %0 = nn.max_pool_backward %g, %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] ceil_mode = false : (tensor<2x3x4x5xf32>, tensor<2x3x8x8xf32>) -> tensor<2x3x8x8xf32>
  return
}

// -----

func.func @max_pool_backward_c2(%g: tensor<2x3x4x4xf32>, %x: tensor<2x3x8x8xf32>) {
  // expected-error @+1 {{'nn.max_pool_backward' op max_pool_backward_c2: expected type 'tensor<2x3x8x8xf32>', found 'tensor<2x3x4x4xf32>'}}
  %0 = nn.max_pool_backward %g, %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] ceil_mode = false : (tensor<2x3x4x4xf32>, tensor<2x3x8x8xf32>) -> tensor<2x3x4x4xf32>
  return
}

// -----

func.func @avg_pool_c1_divisor(%x: tensor<2x3x8x8xf32>) {
  // expected-error @+1 {{'nn.avg_pool' op avg_pool_c1: divisor must be not zero}}
  %0 = nn.avg_pool %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] ceil_mode = false count_include_pad = true divisor_override = 0 : (tensor<2x3x8x8xf32>) -> tensor<2x3x4x4xf32>
  return
}

// -----

func.func @avg_pool_c1_type(%x: tensor<2x3x8x8xi32>) {
  // expected-error @+1 {{'nn.avg_pool' op avg_pool_c1: "avg_pool2d" not implemented for 'Int'}}
  %0 = nn.avg_pool %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] ceil_mode = false count_include_pad = true : (tensor<2x3x8x8xi32>) -> tensor<2x3x4x4xi32>
  return
}

// -----

func.func @avg_pool_c2(%x: tensor<2x3x8x8xf32>) {
  // expected-error @+1 {{'nn.avg_pool' op avg_pool_c2: expected type 'tensor<2x3x4x4xf32>', found 'tensor<2x3x8x8xf32>'}}
  %0 = nn.avg_pool %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] ceil_mode = false count_include_pad = true : (tensor<2x3x8x8xf32>) -> tensor<2x3x8x8xf32>
  return
}

// -----

func.func @avg_pool_backward_c1(%g: tensor<2x3x4x5xf32>) {
  // expected-error @+1 {{'nn.avg_pool_backward' op avg_pool_backward_c1: nn.avg_pool_backward needs a gradient of type float32[2, 3, 4, 4], that of the result, but got float32[2, 3, 4, 5]}}
  %0 = nn.avg_pool_backward %g input_size = [8, 8] kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] ceil_mode = false count_include_pad = true : (tensor<2x3x4x5xf32>) -> tensor<2x3x8x8xf32>
  return
}

// -----

func.func @avg_pool_backward_c2(%g: tensor<2x3x4x4xf32>) {
  // expected-error @+1 {{'nn.avg_pool_backward' op avg_pool_backward_c2: expected type 'tensor<2x3x8x8xf32>', found 'tensor<2x3x4x4xf32>'}}
  %0 = nn.avg_pool_backward %g input_size = [8, 8] kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] ceil_mode = false count_include_pad = true : (tensor<2x3x4x4xf32>) -> tensor<2x3x4x4xf32>
  return
}

// -----

func.func @adaptive_avg_pool_c1(%x: tensor<3x8xf32>) {
  // expected-error @+1 {{'nn.adaptive_avg_pool' op adaptive_avg_pool_c1: adaptive_avg_pool2d(): Expected 3D or 4D tensor, but got [3, 8]}}
  %0 = nn.adaptive_avg_pool %x output_size = [1, 1] : (tensor<3x8xf32>) -> tensor<1x1xf32>
  return
}

// -----

func.func @adaptive_avg_pool_c1_empty(%x: tensor<2x3x0x8xf32>) {
  // expected-error @+1 {{'nn.adaptive_avg_pool' op adaptive_avg_pool_c1: adaptive_avg_pool2d(): Expected input to have non-zero size for non-batch dimensions, but input has sizes [2, 3, 0, 8] with dimension 2 being empty}}
  %0 = nn.adaptive_avg_pool %x output_size = [1, 1] : (tensor<2x3x0x8xf32>) -> tensor<2x3x1x1xf32>
  return
}

// -----

func.func @adaptive_avg_pool_c2(%x: tensor<2x3x8x8xf32>) {
  // expected-error @+1 {{'nn.adaptive_avg_pool' op adaptive_avg_pool_c2: expected type 'tensor<2x3x1x1xf32>', found 'tensor<2x3x1x2xf32>'}}
  %0 = nn.adaptive_avg_pool %x output_size = [1, 1] : (tensor<2x3x8x8xf32>) -> tensor<2x3x1x2xf32>
  return
}

// -----

func.func @adaptive_avg_pool_backward_c1(%g: tensor<2x3x1x1xi64>) {
  // expected-error @+1 {{'nn.adaptive_avg_pool_backward' op adaptive_avg_pool_backward_c1: nn.adaptive_avg_pool_backward needs a floating-point gradient, but got Long}}
  %0 = nn.adaptive_avg_pool_backward %g input_size = [8, 8] : (tensor<2x3x1x1xi64>) -> tensor<2x3x8x8xi64>
  return
}

// -----

func.func @adaptive_avg_pool_backward_c2(%g: tensor<2x3x1x1xf32>) {
  // expected-error @+1 {{'nn.adaptive_avg_pool_backward' op adaptive_avg_pool_backward_c2: expected type 'tensor<2x3x8x8xf32>', found 'tensor<2x3x4x4xf32>'}}
  %0 = nn.adaptive_avg_pool_backward %g input_size = [8, 8] : (tensor<2x3x1x1xf32>) -> tensor<2x3x4x4xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// Channels last
//===----------------------------------------------------------------------===//

func.func @packed_conv_c1_window(%x: tensor<4x2x8x3xf32>, %w: tensor<1x2x27x32xf32>) {
  // expected-error @+1 {{'nn.packed_conv' op packed_conv_c1: Calculated padded input size per channel: (2 x 8). Kernel size: (3 x 3). Kernel size can't be greater than actual input size}}
  %y = nn.packed_conv %x, %w out_channels = 48 kernel_size = [3, 3] stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1 : (tensor<4x2x8x3xf32>, tensor<1x2x27x32xf32>) -> tensor<4x1x6x48xf32>
  return
}

// -----

func.func @packed_conv_c1_rank(%x: tensor<4x8x3xf32>, %w: tensor<1x2x27x32xf32>) {
  // expected-error @+1 {{'nn.packed_conv' op packed_conv_c1: nn.packed_conv needs an input [N, ..., C] of two dimensions more than kernel_size has, one to three, but got [4, 8, 3] and 2}}
  %y = nn.packed_conv %x, %w out_channels = 48 kernel_size = [3, 3] stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1 : (tensor<4x8x3xf32>, tensor<1x2x27x32xf32>) -> tensor<4x6x48xf32>
  return
}

// -----

func.func @packed_conv_c1_integers(%x: tensor<4x8x8x3xi64>, %w: tensor<1x2x27x32xi64>) {
  // expected-error @+1 {{'nn.packed_conv' op packed_conv_c1: nn.packed_conv needs a floating-point input, but got Long}}
  %y = nn.packed_conv %x, %w out_channels = 48 kernel_size = [3, 3] stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1 : (tensor<4x8x8x3xi64>, tensor<1x2x27x32xi64>) -> tensor<4x6x6x48xi64>
  return
}

// -----

func.func @packed_conv_c1_panels(%x: tensor<4x8x8x4xf32>, %w: tensor<1x2x36x32xf32>) {
  // expected-error @+1 {{'nn.packed_conv' op packed_conv_c1: nn.packed_conv with 48 out_channels in 2 groups needs packed weights of shape [matrices, ceil(rows / panel), depth, panel] with 2 matrices of 24 rows and depth 18, but got [1, 2, 36, 32]}}
  %y = nn.packed_conv %x, %w out_channels = 48 kernel_size = [3, 3] stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 2 : (tensor<4x8x8x4xf32>, tensor<1x2x36x32xf32>) -> tensor<4x6x6x48xf32>
  return
}

// -----

// Several groups share a matrix whose rows are in one panel.
func.func @packed_conv_c1_groups(%x: tensor<4x8x8x8xf32>, %w: tensor<2x2x18x32xf32>) {
  // expected-error @+1 {{'nn.packed_conv' op packed_conv_c1: nn.packed_conv with 96 out_channels in 4 groups needs packed weights of shape [matrices, ceil(rows / panel), depth, panel] with 4 matrices of 24 rows and depth 18, but got [2, 2, 18, 32]}}
  %y = nn.packed_conv %x, %w out_channels = 96 kernel_size = [3, 3] stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 4 : (tensor<4x8x8x8xf32>, tensor<2x2x18x32xf32>) -> tensor<4x6x6x96xf32>
  return
}

// -----

func.func @packed_conv_c2(%x: tensor<4x8x8x3xf32>, %w: tensor<1x2x27x32xf32>) {
  // expected-error @+1 {{'nn.packed_conv' op packed_conv_c2: expected type 'tensor<4x6x6x48xf32>', found 'tensor<4x48x6x6xf32>'}}
  %y = nn.packed_conv %x, %w out_channels = 48 kernel_size = [3, 3] stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1 : (tensor<4x8x8x3xf32>, tensor<1x2x27x32xf32>) -> tensor<4x48x6x6xf32>
  return
}

// -----

func.func @max_pool_c1_channels_last(%x: tensor<8x8x3xf32>) {
  // expected-error @+1 {{'nn.max_pool' op max_pool_c1: nn.max_pool with channels_last needs an input [N, ..., C] of two dimensions more than kernel_size has, but it has 3}}
  %0 = nn.max_pool %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] ceil_mode = false channels_last = true : (tensor<8x8x3xf32>) -> tensor<4x4x3xf32>
  return
}

// -----

func.func @packed_conv_backward_input_c1_panels(%g: tensor<4x8x8x48xf32>, %w: tensor<1x2x432x32xf32>) {
  // expected-error @+1 {{'nn.packed_conv_backward_input' op packed_conv_backward_input_c1: nn.packed_conv_backward_input with 3 in_channels in 1 groups needs packed weights of shape [matrices, ceil(rows / panel), depth, panel] with 1 matrices of 3 rows and depth 432, but got [1, 2, 432, 32]}}
  %0 = nn.packed_conv_backward_input %g, %w in_channels = 3 input_size = [8, 8] kernel_size = [3, 3] stride = [1, 1] padding_low = [1, 1] padding_high = [1, 1] dilation = [1, 1] groups = 1 : (tensor<4x8x8x48xf32>, tensor<1x2x432x32xf32>) -> tensor<4x8x8x3xf32>
  return
}

// -----

func.func @packed_conv_backward_input_c1_size(%g: tensor<4x8x8x48xf32>, %w: tensor<1x1x432x32xf32>) {
  // expected-error @+1 {{'nn.packed_conv_backward_input' op packed_conv_backward_input_c1: nn.conv_backward_input needs a gradient of type float32[4, 48, 9, 8], that of the convolution's result, but got float32[4, 48, 8, 8]}}
  %0 = nn.packed_conv_backward_input %g, %w in_channels = 3 input_size = [9, 8] kernel_size = [3, 3] stride = [1, 1] padding_low = [1, 1] padding_high = [1, 1] dilation = [1, 1] groups = 1 : (tensor<4x8x8x48xf32>, tensor<1x1x432x32xf32>) -> tensor<4x9x8x3xf32>
  return
}

// -----

func.func @packed_conv_backward_input_c2(%g: tensor<4x8x8x48xf32>, %w: tensor<1x1x432x32xf32>) {
  // expected-error @+1 {{'nn.packed_conv_backward_input' op packed_conv_backward_input_c2: expected type 'tensor<4x8x8x3xf32>', found 'tensor<4x3x8x8xf32>'}}
  %0 = nn.packed_conv_backward_input %g, %w in_channels = 3 input_size = [8, 8] kernel_size = [3, 3] stride = [1, 1] padding_low = [1, 1] padding_high = [1, 1] dilation = [1, 1] groups = 1 : (tensor<4x8x8x48xf32>, tensor<1x1x432x32xf32>) -> tensor<4x3x8x8xf32>
  return
}

// -----

func.func @conv_backward_weight_c1_channels_last(%g: tensor<4x8x8x48xf32>, %x: tensor<4x3x8x8xf32>) {
  // expected-error-re @+1 {{'nn.conv_backward_weight' op conv_backward_weight_c1: {{.*}}}}
  %0 = nn.conv_backward_weight %g, %x kernel_size = [3, 3] stride = [1, 1] padding_low = [1, 1] padding_high = [1, 1] dilation = [1, 1] groups = 1 channels_last = true : (tensor<4x8x8x48xf32>, tensor<4x3x8x8xf32>) -> tensor<3x3x3x48xf32>
  return
}

// -----

func.func @max_pool_backward_c1_channels_last(%g: tensor<4x4x3xf32>, %x: tensor<8x8x3xf32>) {
  // expected-error @+1 {{'nn.max_pool_backward' op max_pool_backward_c1: nn.max_pool_backward with channels_last needs an input [N, ..., C] of two dimensions more than kernel_size has, but it has 3}}
  %0 = nn.max_pool_backward %g, %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] ceil_mode = false channels_last = true : (tensor<4x4x3xf32>, tensor<8x8x3xf32>) -> tensor<8x8x3xf32>
  return
}

// -----

func.func @avg_pool_backward_c1_channels_last(%g: tensor<2x4x5x3xf32>) {
  // expected-error @+1 {{'nn.avg_pool_backward' op avg_pool_backward_c1: nn.avg_pool_backward needs a gradient of type float32[2, 3, 4, 4], that of the result, but got float32[2, 3, 4, 5]}}
  %0 = nn.avg_pool_backward %g input_size = [8, 8] kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] ceil_mode = false count_include_pad = true channels_last = true : (tensor<2x4x5x3xf32>) -> tensor<2x8x8x3xf32>
  return
}

// -----

func.func @adaptive_avg_pool_backward_c2_channels_last(%g: tensor<2x1x1x3xf32>) {
  // expected-error @+1 {{'nn.adaptive_avg_pool_backward' op adaptive_avg_pool_backward_c2: expected type 'tensor<2x8x8x3xf32>', found 'tensor<2x3x8x8xf32>'}}
  %0 = nn.adaptive_avg_pool_backward %g input_size = [8, 8] channels_last = true : (tensor<2x1x1x3xf32>) -> tensor<2x3x8x8xf32>
  return
}
