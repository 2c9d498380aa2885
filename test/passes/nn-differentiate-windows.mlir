// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-differentiate))" | FileCheck %s

// The rules of convolutions and pooling. Numbers are compared in gradient_test.cpp, test/oracle/gradients.py and compiled_gradients.py.

// CHECK-LABEL: func.func @conv
// CHECK-DAG: %[[X:.*]] = nn.conv_backward_input %arg3, %arg1 input_size = [8, height] stride = [2, 1] padding_low = [1, 0] padding_high = [0, 0] dilation = [1, 2] groups = 2
// CHECK-DAG: %[[W:.*]] = nn.conv_backward_weight %arg3, %arg0 kernel_size = [3, 1] stride = [2, 1] padding_low = [1, 0] padding_high = [0, 0] dilation = [1, 2] groups = 2
// CHECK-DAG: %[[B:.*]] = nn.sum %arg3 dims = [0, 2, 3] keepdim = false
// CHECK: return %[[X]], %[[W]], %[[B]]
func.func @conv(%x: tensor<?x4x8x?xf32, #nn.shape<batch, 4, 8, height>>, %w: tensor<6x2x3x1xf32>, %b: tensor<6xf32>,
                %g: tensor<?x6x4x?xf32, #nn.shape<batch, 6, 4, height>>)
    -> (tensor<?x4x8x?xf32, #nn.shape<batch, 4, 8, height>>, tensor<6x2x3x1xf32>, tensor<6xf32>) {
  %y = nn.conv %x, %w, %b stride = [2, 1] padding_low = [1, 0] padding_high = [0, 0] dilation = [1, 2] groups = 2
    : (tensor<?x4x8x?xf32, #nn.shape<batch, 4, 8, height>>, tensor<6x2x3x1xf32>, tensor<6xf32>) -> tensor<?x6x4x?xf32, #nn.shape<batch, 6, 4, height>>
  %d:3 = nn.backward %y gradient %g to %x, %w, %b
    : (tensor<?x6x4x?xf32, #nn.shape<batch, 6, 4, height>>, tensor<?x6x4x?xf32, #nn.shape<batch, 6, 4, height>>,
       tensor<?x4x8x?xf32, #nn.shape<batch, 4, 8, height>>, tensor<6x2x3x1xf32>, tensor<6xf32>)
    -> (tensor<?x4x8x?xf32, #nn.shape<batch, 4, 8, height>>, tensor<6x2x3x1xf32>, tensor<6xf32>)
  return %d#0, %d#1, %d#2 : tensor<?x4x8x?xf32, #nn.shape<batch, 4, 8, height>>, tensor<6x2x3x1xf32>, tensor<6xf32>
}

// The first layer of a model: nobody asks for its input's gradient, and nothing computes it.
// CHECK-LABEL: func.func @conv_weight_alone
// CHECK-NOT: nn.conv_backward_input
// CHECK: nn.conv_backward_weight
// CHECK-NOT: nn.sum
// CHECK: return
func.func @conv_weight_alone(%x: tensor<2x3x8x8xf32>, %w: tensor<4x3x3x3xf32>, %g: tensor<2x4x6x6xf32>) -> tensor<4x3x3x3xf32> {
  %y = nn.conv %x, %w stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1
    : (tensor<2x3x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<2x4x6x6xf32>
  %d = nn.backward %y gradient %g to %w : (tensor<2x4x6x6xf32>, tensor<2x4x6x6xf32>, tensor<4x3x3x3xf32>) -> tensor<4x3x3x3xf32>
  return %d : tensor<4x3x3x3xf32>
}

// CHECK-LABEL: func.func @max_pool
// CHECK: %[[X:.*]] = nn.max_pool_backward %arg1, %arg0 kernel_size = [3, 2] stride = [2, 2] padding = [1, 0] dilation = [1, 1] ceil_mode = true
// CHECK: return %[[X]]
func.func @max_pool(%x: tensor<2x3x8x8xf32>, %g: tensor<2x3x5x4xf32>) -> tensor<2x3x8x8xf32> {
  %y = nn.max_pool %x kernel_size = [3, 2] stride = [2, 2] padding = [1, 0] dilation = [1, 1] ceil_mode = true : (tensor<2x3x8x8xf32>) -> tensor<2x3x5x4xf32>
  %d = nn.backward %y gradient %g to %x : (tensor<2x3x5x4xf32>, tensor<2x3x5x4xf32>, tensor<2x3x8x8xf32>) -> tensor<2x3x8x8xf32>
  return %d : tensor<2x3x8x8xf32>
}

// CHECK-LABEL: func.func @averages
// CHECK: %[[A:.*]] = nn.adaptive_avg_pool_backward %arg1 input_size = [4, 4]
// CHECK: %[[X:.*]] = nn.avg_pool_backward %[[A]] input_size = [8, 9] kernel_size = [2, 3] stride = [2, 2] padding = [0, 0] ceil_mode = false count_include_pad = false divisor_override = 5
// CHECK: return %[[X]]
func.func @averages(%x: tensor<2x3x8x9xf32>, %g: tensor<2x3x1x2xf32>) -> tensor<2x3x8x9xf32> {
  %p = nn.avg_pool %x kernel_size = [2, 3] stride = [2, 2] padding = [0, 0] ceil_mode = false count_include_pad = false divisor_override = 5
    : (tensor<2x3x8x9xf32>) -> tensor<2x3x4x4xf32>
  %y = nn.adaptive_avg_pool %p output_size = [1, 2] : (tensor<2x3x4x4xf32>) -> tensor<2x3x1x2xf32>
  %d = nn.backward %y gradient %g to %x : (tensor<2x3x1x2xf32>, tensor<2x3x1x2xf32>, tensor<2x3x8x9xf32>) -> tensor<2x3x8x9xf32>
  return %d : tensor<2x3x8x9xf32>
}

// Gradients of poolings have the layout of the poolings.
// CHECK-LABEL: func.func @channels_last
// CHECK: %[[M:.*]] = nn.max_pool %arg0
// CHECK: %[[A:.*]] = nn.adaptive_avg_pool_backward %arg1 input_size = [4, 4] channels_last = true : (tensor<2x1x2x3xf32>) -> tensor<2x4x4x3xf32>
// CHECK: %[[V:.*]] = nn.avg_pool_backward %[[A]] input_size = [5, 5] kernel_size = [2, 2] {{.*}} channels_last = true : (tensor<2x4x4x3xf32>) -> tensor<2x5x5x3xf32>
// CHECK: %[[X:.*]] = nn.max_pool_backward %[[V]], %arg0 kernel_size = [2, 2] {{.*}} channels_last = true
// CHECK: return %[[X]]
func.func @channels_last(%x: tensor<2x10x10x3xf32>, %g: tensor<2x1x2x3xf32>) -> tensor<2x10x10x3xf32> {
  %m = nn.max_pool %x kernel_size = [2, 2] stride = [2, 2] padding = [0, 0] dilation = [1, 1] ceil_mode = false channels_last = true
      : (tensor<2x10x10x3xf32>) -> tensor<2x5x5x3xf32>
  %v = nn.avg_pool %m kernel_size = [2, 2] stride = [1, 1] padding = [0, 0] ceil_mode = false count_include_pad = true
      channels_last = true : (tensor<2x5x5x3xf32>) -> tensor<2x4x4x3xf32>
  %a = nn.adaptive_avg_pool %v output_size = [1, 2] channels_last = true : (tensor<2x4x4x3xf32>) -> tensor<2x1x2x3xf32>
  %d = nn.backward %a gradient %g to %x : (tensor<2x1x2x3xf32>, tensor<2x1x2x3xf32>, tensor<2x10x10x3xf32>) -> tensor<2x10x10x3xf32>
  return %d : tensor<2x10x10x3xf32>
}
