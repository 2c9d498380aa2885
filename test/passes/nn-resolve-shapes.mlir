// Text whose types are less precise than the verifier asks for is parsed without it; the pass makes it valid.
// RUN: kiln-opt %s --mlir-very-unsafe-disable-verifier-on-parsing --nn-resolve-shapes --split-input-file | FileCheck %s
// RUN: kiln-opt %s --mlir-very-unsafe-disable-verifier-on-parsing --nn-resolve-shapes --split-input-file | kiln-opt --nn-resolve-shapes --split-input-file | FileCheck %s

//===----------------------------------------------------------------------===//
// What must not change
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func.func @precise(%{{.*}}: tensor<?x3xf32, #nn.shape<batch, 3>> {nn.name = "x"}) -> tensor<?x6xf32, #nn.shape<batch, 6>>
// CHECK: nn.cat %{{.*}} dim = 1 : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<?x3xf32, #nn.shape<batch, 3>>) -> tensor<?x6xf32, #nn.shape<batch, 6>>
func.func @precise(%x: tensor<?x3xf32, #nn.shape<batch, 3>> {nn.name = "x"}) -> tensor<?x6xf32, #nn.shape<batch, 6>> {
  %0 = nn.cat %x, %x dim = 1 : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<?x3xf32, #nn.shape<batch, 3>>) -> tensor<?x6xf32, #nn.shape<batch, 6>>
  return %0 : tensor<?x6xf32, #nn.shape<batch, 6>>
}

// -----

//===----------------------------------------------------------------------===//
// Arguments and results
//===----------------------------------------------------------------------===//

// An unnamed size gets a symbol made of the argument's name and the dimension; inference carries it to the results.
// CHECK-LABEL: func.func @unnamed
// CHECK-SAME: %[[X:.*]]: tensor<?x3xf32, #nn.shape<x_0, 3>>
// CHECK-SAME: %[[Y:.*]]: tensor<?x?xf32, #nn.shape<my_input_0, my_input_1>>
// CHECK-SAME: -> (tensor<?x3xf32, #nn.shape<2 * x_0, 3>> {nn.name = "z"}, tensor<?x?xf32, #nn.shape<my_input_0, my_input_1>>)
// CHECK: nn.cat %[[X]], %[[X]] dim = 0 : {{.*}} -> tensor<?x3xf32, #nn.shape<2 * x_0, 3>>
// CHECK: nn.relu %[[Y]] : tensor<?x?xf32, #nn.shape<my_input_0, my_input_1>>
func.func @unnamed(%x: tensor<?x3xf32> {nn.name = "x"}, %y: tensor<?x?xf32> {nn.name = "my-input"}) -> (tensor<?x3xf32> {nn.name = "z"}, tensor<?x?xf32>) {
  %0 = nn.cat %x, %x dim = 0 : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %1 = nn.relu %y : tensor<?x?xf32>
  return %0, %1 : tensor<?x3xf32>, tensor<?x?xf32>
}

// A symbol that is taken stays another one.
// CHECK-LABEL: func.func @taken
// CHECK-SAME: tensor<?xf32, #nn.shape<x_0>>
// CHECK-SAME: tensor<?xf32, #nn.shape<x_0_>>
func.func @taken(%y: tensor<?xf32, #nn.shape<x_0>> {nn.name = "y"}, %x: tensor<?xf32> {nn.name = "x"}) {
  return
}

// What is known becomes known further down, constants too.
// CHECK-LABEL: func.func @constants
// CHECK: nn.matmul {{.*}} -> tensor<?x5xf32, #nn.shape<batch, 5>>
// CHECK: nn.sum {{.*}} -> tensor<5xf32>
// CHECK: return %{{.*}} : tensor<5xf32>
func.func @constants(%x: tensor<?x3xf32, #nn.shape<batch, 3>>, %w: tensor<3x5xf32>) -> tensor<?xf32> {
  %0 = nn.matmul %x, %w : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<3x5xf32>) -> tensor<?x?xf32>
  %1 = nn.sum %0 dims = [0] keepdim = false : (tensor<?x?xf32>) -> tensor<?xf32>
  return %1 : tensor<?xf32>
}

// -----

//===----------------------------------------------------------------------===//
// Lazily shaped states
//===----------------------------------------------------------------------===//

// A LazyLinear followed by a LazyBatchNorm1d, whose channels are known once the layer before is.
// CHECK: nn.state @fc.weight parameter trainable : tensor<4x6xf32>
// CHECK: nn.state @fc.bias parameter trainable : tensor<4xf32>
// CHECK: nn.state @bn.running_mean buffer : tensor<4xf32>
// CHECK: nn.state @bn.running_var buffer : tensor<4xf32>
// CHECK-LABEL: func.func @lazy
// CHECK: nn.read @fc.weight : tensor<4x6xf32>
// CHECK: nn.linear {{.*}} -> tensor<?x4xf32, #nn.shape<x_0, 4>>
// CHECK: nn.batch_norm {{.*}}
// CHECK: return %{{.*}} : tensor<?x4xf32, #nn.shape<x_0, 4>>
nn.state @fc.weight parameter trainable : tensor<4x?xf32>
nn.state @fc.bias parameter trainable : tensor<?xf32>
nn.state @bn.running_mean buffer : tensor<?xf32>
nn.state @bn.running_var buffer : tensor<?xf32>
func.func @lazy(%x: tensor<?x2x3xf32> {nn.name = "x"}) -> tensor<?x4xf32> {
  %f = nn.reshape %x to [x_0, 6] : (tensor<?x2x3xf32>) -> tensor<?x?xf32>
  %w = nn.read @fc.weight : tensor<4x?xf32>
  %b = nn.read @fc.bias : tensor<?xf32>
  %h = nn.linear %f, %w, %b : (tensor<?x?xf32>, tensor<4x?xf32>, tensor<?xf32>) -> tensor<?x?xf32>
  %m = nn.read @bn.running_mean : tensor<?xf32>
  %v = nn.read @bn.running_var : tensor<?xf32>
  %y = nn.batch_norm %h running_mean %m running_var %v training = false momentum = 1.000000e-01 eps = 1.000000e-05
    : (tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// A gradient has its target's type.
// CHECK-LABEL: func.func @gradients
// CHECK: nn.backward %{{.*}} to %{{.*}}, %{{.*}} : (tensor<f32>, tensor<?x2xf32, #nn.shape<x_0, 2>>, tensor<3x2xf32>) -> (tensor<?x2xf32, #nn.shape<x_0, 2>>, tensor<3x2xf32>)
// CHECK: return %{{.*}} : tensor<?x2xf32, #nn.shape<x_0, 2>>, tensor<3x2xf32>
nn.state @w parameter trainable : tensor<3x?xf32>
func.func @gradients(%x: tensor<?x2xf32> {nn.name = "x"}) -> (tensor<?x2xf32>, tensor<3x?xf32>) {
  %w = nn.read @w : tensor<3x?xf32>
  %y = nn.linear %x, %w : (tensor<?x2xf32>, tensor<3x?xf32>) -> tensor<?x3xf32>
  %l = nn.sum %y dims = [] keepdim = false : (tensor<?x3xf32>) -> tensor<f32>
  %g:2 = nn.backward %l to %x, %w : (tensor<f32>, tensor<?x2xf32>, tensor<3x?xf32>) -> (tensor<?x2xf32>, tensor<3x?xf32>)
  return %g#0, %g#1 : tensor<?x2xf32>, tensor<3x?xf32>
}

// -----

// A LazyConv2d knows its kernel and its output channels.
// CHECK: nn.state @conv.weight parameter trainable : tensor<4x3x3x3xf32>
// CHECK: nn.state @conv.bias parameter trainable : tensor<4xf32>
// CHECK-LABEL: func.func @convolution
// CHECK: nn.conv {{.*}} -> tensor<?x4x6x8xf32, #nn.shape<x_0, 4, 6, 8>>
// CHECK: return %{{.*}} : tensor<?x4x6x8xf32, #nn.shape<x_0, 4, 6, 8>>
nn.state @conv.weight parameter trainable : tensor<4x?x3x3xf32>
nn.state @conv.bias parameter trainable : tensor<?xf32>
func.func @convolution(%x: tensor<?x6x8x10xf32> {nn.name = "x"}) -> tensor<?x?x?x?xf32> {
  %w = nn.read @conv.weight : tensor<4x?x3x3xf32>
  %b = nn.read @conv.bias : tensor<?xf32>
  %y = nn.conv %x, %w, %b stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 2
    : (tensor<?x6x8x10xf32>, tensor<4x?x3x3xf32>, tensor<?xf32>) -> tensor<?x?x?x?xf32>
  return %y : tensor<?x?x?x?xf32>
}
