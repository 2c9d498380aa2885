// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-fuse),nn-to-schedule)" | FileCheck %s

// Convolutions are split into blocks of channels and rows; the epilogue is part of the kernel. A window must fit the sizes of the call.

module attributes {nn.program = "windows"} {
  // CHECK-LABEL: schedule.func @f symbols ["batch", "height"]
  // CHECK-SAME:    conditions [#nn.dim<height - 3>, #nn.dim<height floordiv 2 - 2>]
  // CHECK-SAME:    messages ["Calculated padded input size per channel: (height x 10). Kernel size: (3 x 3). Kernel size can't be greater than actual input size\0A  ({{.*}})",
  // CHECK-SAME:              "Given input size: (6xheight - 2x8). Calculated output size: (6xheight floordiv 2 - 1x4). Output size is too small\0A  ({{.*}})"]
  // Blocks of 4 of the 6 channels, and rows.
  // CHECK: schedule.launch @f32_conv_6x3x3x3_relu{{.*}} grid [#nn.dim<2 * batch>, #nn.dim<height - 2>]
  // CHECK: schedule.launch @f32_max_pool_2x2{{.*}} grid [#nn.dim<6 * batch * (height floordiv 2) - 6 * batch>]
  func.func @f(%x: tensor<?x3x?x10xf32, #nn.shape<batch, 3, height, 10>> {nn.name = "x"}, %w: tensor<6x3x3x3xf32> {nn.name = "w"})
      -> tensor<?x6x?x4xf32, #nn.shape<batch, 6, height floordiv 2 - 1, 4>> attributes {nn.entry} {
    %y = nn.conv %x, %w stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1
      : (tensor<?x3x?x10xf32, #nn.shape<batch, 3, height, 10>>, tensor<6x3x3x3xf32>) -> tensor<?x6x?x8xf32, #nn.shape<batch, 6, height - 2, 8>>
    %r = nn.relu %y : tensor<?x6x?x8xf32, #nn.shape<batch, 6, height - 2, 8>>
    %z = nn.max_pool %r kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] ceil_mode = false
      : (tensor<?x6x?x8xf32, #nn.shape<batch, 6, height - 2, 8>>) -> tensor<?x6x?x4xf32, #nn.shape<batch, 6, height floordiv 2 - 1, 4>>
    return %z : tensor<?x6x?x4xf32, #nn.shape<batch, 6, height floordiv 2 - 1, 4>>
  }

  // With the channels last, units are output positions and panels; what is said of sizes is the same.
  // CHECK-LABEL: schedule.func @last symbols ["batch", "height"]
  // CHECK-SAME:    conditions [#nn.dim<height - 3>, #nn.dim<height floordiv 2 - 2>]
  // CHECK-SAME:    messages ["Calculated padded input size per channel: (height x 10). Kernel size: (3 x 3). Kernel size can't be greater than actual input size\0A  ({{.*}})",
  // CHECK-SAME:              "Given input size: (6xheight - 2x8). Calculated output size: (6xheight floordiv 2 - 1x4). Output size is too small\0A  ({{.*}})"]
  // CHECK: schedule.launch @f32_packed_conv_3x3_3x6_relu{{.*}} grid [#nn.dim<8 * batch * height - 16 * batch>, #nn.dim<1>]
  // CHECK: schedule.launch @f32_max_pool_2x2{{.*}} grid [#nn.dim<4 * batch * (height floordiv 2) - 4 * batch>]
  // Samples and blocks of channels; blocks of taps and of channels, each of which is a group.
  // CHECK: schedule.func @gradients
  // CHECK: schedule.launch @f32_max_pool_backward_2x2{{.*}} grid [#nn.dim<batch>, #nn.dim<3>]
  // CHECK: schedule.launch @f32_conv_backward_weight{{.*}} grid [#nn.dim<1>, #nn.dim<2>]
  // Lines of taps, where there are few channels; blocks of whole taps, and the columns of 12 of 24 groups.
  // CHECK: schedule.func @weight_gradients
  // CHECK: schedule.launch @f32_conv_backward_weight_5x5x1x8{{.*}} grid [#nn.dim<5>, #nn.dim<1>]
  // CHECK: schedule.launch @f32_conv_backward_weight_3x3x5x120{{.*}} grid [#nn.dim<3>, #nn.dim<2>]
  // CHECK: schedule.kernel @f32_conv_6x3x3x3_relu{{.*}} anchor "nn.conv"
  // CHECK: schedule.kernel @f32_packed_conv_3x3_3x6_relu{{.*}} anchor "nn.packed_conv"
  func.func @last(%x: tensor<?x?x10x3xf32, #nn.shape<batch, height, 10, 3>> {nn.name = "x"}, %w: tensor<1x1x27x32xf32> {nn.name = "w"})
      -> tensor<?x?x4x6xf32, #nn.shape<batch, height floordiv 2 - 1, 4, 6>> attributes {nn.entry} {
    %y = nn.packed_conv %x, %w out_channels = 6 kernel_size = [3, 3] stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0]
      dilation = [1, 1] groups = 1 : (tensor<?x?x10x3xf32, #nn.shape<batch, height, 10, 3>>, tensor<1x1x27x32xf32>)
      -> tensor<?x?x8x6xf32, #nn.shape<batch, height - 2, 8, 6>>
    %r = nn.relu %y : tensor<?x?x8x6xf32, #nn.shape<batch, height - 2, 8, 6>>
    %z = nn.max_pool %r kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] ceil_mode = false channels_last = true
      : (tensor<?x?x8x6xf32, #nn.shape<batch, height - 2, 8, 6>>) -> tensor<?x?x4x6xf32, #nn.shape<batch, height floordiv 2 - 1, 4, 6>>
    return %z : tensor<?x?x4x6xf32, #nn.shape<batch, height floordiv 2 - 1, 4, 6>>
  }

  func.func @gradients(%g: tensor<?x3x3x80xf32, #nn.shape<batch, 3, 3, 80>> {nn.name = "g"}, %x: tensor<?x6x6x80xf32, #nn.shape<batch, 6, 6, 80>> {nn.name = "x"})
      -> (tensor<?x6x6x80xf32, #nn.shape<batch, 6, 6, 80>>, tensor<2x2x1x80xf32>) attributes {nn.entry} {
    %gx = nn.max_pool_backward %g, %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] ceil_mode = false channels_last = true
      : (tensor<?x3x3x80xf32, #nn.shape<batch, 3, 3, 80>>, tensor<?x6x6x80xf32, #nn.shape<batch, 6, 6, 80>>) -> tensor<?x6x6x80xf32, #nn.shape<batch, 6, 6, 80>>
    %gw = nn.conv_backward_weight %g, %x kernel_size = [2, 2] stride = [2, 2] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1]
      groups = 80 channels_last = true
      : (tensor<?x3x3x80xf32, #nn.shape<batch, 3, 3, 80>>, tensor<?x6x6x80xf32, #nn.shape<batch, 6, 6, 80>>) -> tensor<2x2x1x80xf32>
    return %gx, %gw : tensor<?x6x6x80xf32, #nn.shape<batch, 6, 6, 80>>, tensor<2x2x1x80xf32>
  }

  func.func @weight_gradients(%g: tensor<?x4x4x8xf32, #nn.shape<batch, 4, 4, 8>> {nn.name = "g"}, %x: tensor<?x8x8x1xf32, #nn.shape<batch, 8, 8, 1>> {nn.name = "x"},
                              %h: tensor<?x4x4x120xf32, #nn.shape<batch, 4, 4, 120>> {nn.name = "h"}, %y: tensor<?x6x6x120xf32, #nn.shape<batch, 6, 6, 120>> {nn.name = "y"})
      -> (tensor<5x5x1x8xf32>, tensor<3x3x5x120xf32>) attributes {nn.entry} {
    %gw = nn.conv_backward_weight %g, %x kernel_size = [5, 5] stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1]
      groups = 1 channels_last = true
      : (tensor<?x4x4x8xf32, #nn.shape<batch, 4, 4, 8>>, tensor<?x8x8x1xf32, #nn.shape<batch, 8, 8, 1>>) -> tensor<5x5x1x8xf32>
    %hw = nn.conv_backward_weight %h, %y kernel_size = [3, 3] stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1]
      groups = 24 channels_last = true
      : (tensor<?x4x4x120xf32, #nn.shape<batch, 4, 4, 120>>, tensor<?x6x6x120xf32, #nn.shape<batch, 6, 6, 120>>) -> tensor<3x3x5x120xf32>
    return %gw, %hw : tensor<5x5x1x8xf32>, tensor<3x3x5x120xf32>
  }
}
