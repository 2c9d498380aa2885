// Convolutions and pooling read back what they print, in their own form and in the generic one; sizes may have names; constants fold.
//
// RUN: kiln-opt %s --verify-roundtrip | FileCheck %s
// RUN: kiln-opt %s --mlir-print-op-generic | kiln-opt | FileCheck %s
// RUN: kiln-opt %s --emit-bytecode | kiln-opt | FileCheck %s
// RUN: kiln-opt %s --canonicalize | FileCheck %s --check-prefix=FOLD

// CHECK-LABEL: @convolutions
func.func @convolutions(%x: tensor<4x3x8x8xf32>, %w: tensor<16x3x3x3xf32>, %b: tensor<16xf32>, %v: tensor<16x1x2x2xf32>,
                        %s: tensor<4x6x9xf64>, %t: tensor<4x3x2xf64>) {
  // CHECK: nn.conv %{{.*}}, %{{.*}}, %{{.*}} stride = [1, 1] padding_low = [1, 1] padding_high = [1, 1] dilation = [1, 1] groups = 1 : (tensor<4x3x8x8xf32>, tensor<16x3x3x3xf32>, tensor<16xf32>) -> tensor<4x16x8x8xf32>
  %y = nn.conv %x, %w, %b stride = [1, 1] padding_low = [1, 1] padding_high = [1, 1] dilation = [1, 1] groups = 1
      : (tensor<4x3x8x8xf32>, tensor<16x3x3x3xf32>, tensor<16xf32>) -> tensor<4x16x8x8xf32>
  // CHECK: nn.conv %{{.*}}, %{{.*}} stride = [2, 2] padding_low = [0, 0] padding_high = [0, 1] dilation = [1, 1] groups = 16 : (tensor<4x16x8x8xf32>, tensor<16x1x2x2xf32>) -> tensor<4x16x4x4xf32>
  %z = nn.conv %y, %v stride = [2, 2] padding_low = [0, 0] padding_high = [0, 1] dilation = [1, 1] groups = 16
      : (tensor<4x16x8x8xf32>, tensor<16x1x2x2xf32>) -> tensor<4x16x4x4xf32>
  // CHECK: nn.conv %{{.*}}, %{{.*}} stride = [1] padding_low = [0] padding_high = [0] dilation = [3] groups = 2 : (tensor<4x6x9xf64>, tensor<4x3x2xf64>) -> tensor<4x4x6xf64>
  %u = nn.conv %s, %t stride = [1] padding_low = [0] padding_high = [0] dilation = [3] groups = 2
      : (tensor<4x6x9xf64>, tensor<4x3x2xf64>) -> tensor<4x4x6xf64>
  // CHECK: nn.conv_backward_input %{{.*}}, %{{.*}} input_size = [8, 8] stride = [1, 1] padding_low = [1, 1] padding_high = [1, 1] dilation = [1, 1] groups = 1 : (tensor<4x16x8x8xf32>, tensor<16x3x3x3xf32>) -> tensor<4x3x8x8xf32>
  %gx = nn.conv_backward_input %y, %w input_size = [8, 8] stride = [1, 1] padding_low = [1, 1] padding_high = [1, 1]
      dilation = [1, 1] groups = 1 : (tensor<4x16x8x8xf32>, tensor<16x3x3x3xf32>) -> tensor<4x3x8x8xf32>
  // CHECK: nn.conv_backward_weight %{{.*}}, %{{.*}} kernel_size = [3, 3] stride = [1, 1] padding_low = [1, 1] padding_high = [1, 1] dilation = [1, 1] groups = 1 : (tensor<4x16x8x8xf32>, tensor<4x3x8x8xf32>) -> tensor<16x3x3x3xf32>
  %gw = nn.conv_backward_weight %y, %x kernel_size = [3, 3] stride = [1, 1] padding_low = [1, 1] padding_high = [1, 1]
      dilation = [1, 1] groups = 1 : (tensor<4x16x8x8xf32>, tensor<4x3x8x8xf32>) -> tensor<16x3x3x3xf32>
  return
}

// CHECK-LABEL: @channels_last
func.func @channels_last(%x: tensor<4x8x8x3xf32>, %w: tensor<1x2x27x32xf32>, %v: tensor<1x2x4x32xf32>, %q: tensor<1x1x432x32xf32>,
                         %n: tensor<?x8x?x3xf32, #nn.shape<batch, 8, width, 3>>) {
  // CHECK: nn.packed_conv %{{.*}}, %{{.*}} out_channels = 48 kernel_size = [3, 3] stride = [1, 1] padding_low = [1, 1] padding_high = [1, 1] dilation = [1, 1] groups = 1 : (tensor<4x8x8x3xf32>, tensor<1x2x27x32xf32>) -> tensor<4x8x8x48xf32>
  %y = nn.packed_conv %x, %w out_channels = 48 kernel_size = [3, 3] stride = [1, 1] padding_low = [1, 1] padding_high = [1, 1]
      dilation = [1, 1] groups = 1 : (tensor<4x8x8x3xf32>, tensor<1x2x27x32xf32>) -> tensor<4x8x8x48xf32>
  // CHECK: nn.packed_conv %{{.*}}, %{{.*}} out_channels = 48 kernel_size = [2, 2] stride = [2, 2] {{.*}} groups = 48 : (tensor<4x8x8x48xf32>, tensor<1x2x4x32xf32>) -> tensor<4x4x4x48xf32>
  %z = nn.packed_conv %y, %v out_channels = 48 kernel_size = [2, 2] stride = [2, 2] padding_low = [0, 0] padding_high = [0, 0]
      dilation = [1, 1] groups = 48 : (tensor<4x8x8x48xf32>, tensor<1x2x4x32xf32>) -> tensor<4x4x4x48xf32>
  // CHECK: nn.packed_conv {{.*}} -> tensor<?x6x?x48xf32, #nn.shape<batch, 6, width - 2, 48>>
  %u = nn.packed_conv %n, %w out_channels = 48 kernel_size = [3, 3] stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0]
      dilation = [1, 1] groups = 1 : (tensor<?x8x?x3xf32, #nn.shape<batch, 8, width, 3>>, tensor<1x2x27x32xf32>)
      -> tensor<?x6x?x48xf32, #nn.shape<batch, 6, width - 2, 48>>
  // CHECK: nn.packed_conv_backward_input %{{.*}}, %{{.*}} in_channels = 3 input_size = [8, 8] kernel_size = [3, 3] stride = [1, 1] padding_low = [1, 1] padding_high = [1, 1] dilation = [1, 1] groups = 1 : (tensor<4x8x8x48xf32>, tensor<1x1x432x32xf32>) -> tensor<4x8x8x3xf32>
  %gx = nn.packed_conv_backward_input %y, %q in_channels = 3 input_size = [8, 8] kernel_size = [3, 3] stride = [1, 1]
      padding_low = [1, 1] padding_high = [1, 1] dilation = [1, 1] groups = 1
      : (tensor<4x8x8x48xf32>, tensor<1x1x432x32xf32>) -> tensor<4x8x8x3xf32>
  // CHECK: nn.conv_backward_weight %{{.*}}, %{{.*}} groups = 1 channels_last = true : (tensor<4x8x8x48xf32>, tensor<4x8x8x3xf32>) -> tensor<3x3x3x48xf32>
  %gw = nn.conv_backward_weight %y, %x kernel_size = [3, 3] stride = [1, 1] padding_low = [1, 1] padding_high = [1, 1]
      dilation = [1, 1] groups = 1 channels_last = true : (tensor<4x8x8x48xf32>, tensor<4x8x8x3xf32>) -> tensor<3x3x3x48xf32>
  // CHECK: nn.max_pool %{{.*}} ceil_mode = false channels_last = true : (tensor<4x8x8x3xf32>) -> tensor<4x4x4x3xf32>
  %0 = nn.max_pool %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] ceil_mode = false
      channels_last = true : (tensor<4x8x8x3xf32>) -> tensor<4x4x4x3xf32>
  // CHECK: nn.avg_pool %{{.*}} count_include_pad = true divisor_override = 3 channels_last = true : (tensor<4x8x8x3xf32>) -> tensor<4x4x4x3xf32>
  %1 = nn.avg_pool %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] ceil_mode = false count_include_pad = true
      divisor_override = 3 channels_last = true : (tensor<4x8x8x3xf32>) -> tensor<4x4x4x3xf32>
  // CHECK: nn.adaptive_avg_pool %{{.*}} output_size = [1, 2] channels_last = true : (tensor<4x8x8x3xf32>) -> tensor<4x1x2x3xf32>
  %2 = nn.adaptive_avg_pool %x output_size = [1, 2] channels_last = true : (tensor<4x8x8x3xf32>) -> tensor<4x1x2x3xf32>
  // CHECK: nn.max_pool_backward %{{.*}}, %{{.*}} ceil_mode = false channels_last = true : (tensor<4x4x4x3xf32>, tensor<4x8x8x3xf32>) -> tensor<4x8x8x3xf32>
  %3 = nn.max_pool_backward %0, %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] ceil_mode = false
      channels_last = true : (tensor<4x4x4x3xf32>, tensor<4x8x8x3xf32>) -> tensor<4x8x8x3xf32>
  // CHECK: nn.avg_pool_backward %{{.*}} input_size = [8, 8] {{.*}} divisor_override = 3 channels_last = true : (tensor<4x4x4x3xf32>) -> tensor<4x8x8x3xf32>
  %4 = nn.avg_pool_backward %1 input_size = [8, 8] kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] ceil_mode = false
      count_include_pad = true divisor_override = 3 channels_last = true : (tensor<4x4x4x3xf32>) -> tensor<4x8x8x3xf32>
  // CHECK: nn.adaptive_avg_pool_backward %{{.*}} input_size = [8, 8] channels_last = true : (tensor<4x1x2x3xf32>) -> tensor<4x8x8x3xf32>
  %5 = nn.adaptive_avg_pool_backward %2 input_size = [8, 8] channels_last = true : (tensor<4x1x2x3xf32>) -> tensor<4x8x8x3xf32>
  return
}

// CHECK-LABEL: @pooling
func.func @pooling(%x: tensor<4x3x8x8xf32>, %g: tensor<4x3x4x4xf32>, %h: tensor<4x3x1x2xf32>) {
  // CHECK: nn.max_pool %{{.*}} kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] ceil_mode = false : (tensor<4x3x8x8xf32>) -> tensor<4x3x4x4xf32>
  %0 = nn.max_pool %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] ceil_mode = false
      : (tensor<4x3x8x8xf32>) -> tensor<4x3x4x4xf32>
  // CHECK: nn.max_pool_indices %{{.*}} kernel_size = [3, 3] stride = [2, 2] padding = [1, 1] dilation = [1, 1] ceil_mode = true : (tensor<4x3x8x8xf32>) -> tensor<4x3x5x5xi64>
  %1 = nn.max_pool_indices %x kernel_size = [3, 3] stride = [2, 2] padding = [1, 1] dilation = [1, 1] ceil_mode = true
      : (tensor<4x3x8x8xf32>) -> tensor<4x3x5x5xi64>
  // CHECK: nn.max_pool_backward %{{.*}}, %{{.*}} kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] ceil_mode = false : (tensor<4x3x4x4xf32>, tensor<4x3x8x8xf32>) -> tensor<4x3x8x8xf32>
  %2 = nn.max_pool_backward %g, %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] ceil_mode = false
      : (tensor<4x3x4x4xf32>, tensor<4x3x8x8xf32>) -> tensor<4x3x8x8xf32>
  // CHECK: nn.avg_pool %{{.*}} kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] ceil_mode = false count_include_pad = true : (tensor<4x3x8x8xf32>) -> tensor<4x3x4x4xf32>
  %3 = nn.avg_pool %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] ceil_mode = false count_include_pad = true
      : (tensor<4x3x8x8xf32>) -> tensor<4x3x4x4xf32>
  // CHECK: nn.avg_pool_backward %{{.*}} input_size = [8, 8] kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] ceil_mode = false count_include_pad = true divisor_override = 3 : (tensor<4x3x4x4xf32>) -> tensor<4x3x8x8xf32>
  %4 = nn.avg_pool_backward %g input_size = [8, 8] kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] ceil_mode = false
      count_include_pad = true divisor_override = 3 : (tensor<4x3x4x4xf32>) -> tensor<4x3x8x8xf32>
  // CHECK: nn.adaptive_avg_pool %{{.*}} output_size = [1, 2] : (tensor<4x3x8x8xf32>) -> tensor<4x3x1x2xf32>
  %5 = nn.adaptive_avg_pool %x output_size = [1, 2] : (tensor<4x3x8x8xf32>) -> tensor<4x3x1x2xf32>
  // CHECK: nn.adaptive_avg_pool_backward %{{.*}} input_size = [8, 8] : (tensor<4x3x1x2xf32>) -> tensor<4x3x8x8xf32>
  %6 = nn.adaptive_avg_pool_backward %h input_size = [8, 8] : (tensor<4x3x1x2xf32>) -> tensor<4x3x8x8xf32>
  return
}

// A rounded quotient of a size; with ceil_mode, no window begins behind the input.
// CHECK-LABEL: @named_sizes
func.func @named_sizes(%x: tensor<?x3x?x8xf32, #nn.shape<batch, 3, height, 8>>, %w: tensor<2x3x3x3xf32>) {
  // CHECK: -> tensor<?x2x?x4xf32, #nn.shape<batch, 2, (height + 1) floordiv 2, 4>>
  %0 = nn.conv %x, %w stride = [2, 2] padding_low = [1, 1] padding_high = [1, 1] dilation = [1, 1] groups = 1
      : (tensor<?x3x?x8xf32, #nn.shape<batch, 3, height, 8>>, tensor<2x3x3x3xf32>)
      -> tensor<?x2x?x4xf32, #nn.shape<batch, 2, (height + 1) floordiv 2, 4>>
  // CHECK: -> tensor<?x3x?x4xf32, #nn.shape<batch, 3, height floordiv 2, 4>>
  %1 = nn.max_pool %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] ceil_mode = false
      : (tensor<?x3x?x8xf32, #nn.shape<batch, 3, height, 8>>) -> tensor<?x3x?x4xf32, #nn.shape<batch, 3, height floordiv 2, 4>>
  // CHECK: -> tensor<?x3x?x4xf32, #nn.shape<batch, 3, (height + 1) floordiv 2, 4>>
  %2 = nn.max_pool %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] ceil_mode = true
      : (tensor<?x3x?x8xf32, #nn.shape<batch, 3, height, 8>>)
      -> tensor<?x3x?x4xf32, #nn.shape<batch, 3, (height + 1) floordiv 2, 4>>
  // CHECK: nn.adaptive_avg_pool %{{.*}} output_size = [height, 1]
  %3 = nn.adaptive_avg_pool %x output_size = [height, 1]
      : (tensor<?x3x?x8xf32, #nn.shape<batch, 3, height, 8>>) -> tensor<?x3x?x1xf32, #nn.shape<batch, 3, height, 1>>
  return
}

// FOLD-LABEL: @constants
// FOLD: nn.constant dense<{{\[\[\[}}1.000000e+01, 2.200000e+01]]]>
func.func @constants() -> tensor<1x1x2xf32> {
  %x = nn.constant dense<[[[1.0, 2.0, 3.0, 4.0, 5.0]]]> : tensor<1x1x5xf32>
  %w = nn.constant dense<[[[2.0, 4.0]]]> : tensor<1x1x2xf32>
  // 1 * 2 + 2 * 4 and 3 * 2 + 4 * 4
  %y = nn.conv %x, %w stride = [2] padding_low = [0] padding_high = [0] dilation = [1] groups = 1
      : (tensor<1x1x5xf32>, tensor<1x1x2xf32>) -> tensor<1x1x2xf32>
  return %y : tensor<1x1x2xf32>
}
