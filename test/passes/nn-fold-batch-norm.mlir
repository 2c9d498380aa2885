// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-fold-batch-norm))" | FileCheck %s
// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-fold-batch-norm))" --remarks-filter=nn-fold-batch-norm --remark-format=emitRemark -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

nn.state @weight parameter trainable : tensor<3x2xf32> = dense<[[1.0, 2.0], [-0.5, 0.25], [4.0, -1.0]]>
nn.state @bias parameter trainable : tensor<3xf32> = dense<[0.5, -1.0, 2.0]>
nn.state @scale parameter trainable : tensor<3xf32> = dense<[2.0, 0.5, -1.0]>
nn.state @shift parameter trainable : tensor<3xf32> = dense<[1.0, 0.0, -1.0]>

//===----------------------------------------------------------------------===//
// What must not change
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func.func @of_an_input
// CHECK: nn.channel_affine
// REMARK: [Missed] fold | Category:nn-fold-batch-norm | Function=of_an_input{{.*}}Reason="its input is an input of the function"
func.func @of_an_input(%x: tensor<4x3xf32>) -> tensor<4x3xf32> attributes {nn.entry} {
  %s = nn.read @scale : tensor<3xf32>
  %t = nn.read @shift : tensor<3xf32>
  %y = nn.channel_affine %x, %s, %t : (tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}

// CHECK-LABEL: func.func @activation_between
// CHECK: nn.linear
// CHECK: nn.relu
// CHECK: nn.channel_affine
// REMARK: [Missed] fold | {{.*}}Function=activation_between{{.*}}Reason="its input is the result of nn.relu, which has no weight to fold into"
func.func @activation_between(%x: tensor<4x2xf32>) -> tensor<4x3xf32> attributes {nn.entry} {
  %w = nn.read @weight : tensor<3x2xf32>
  %s = nn.read @scale : tensor<3xf32>
  %t = nn.read @shift : tensor<3xf32>
  %h = nn.linear %x, %w : (tensor<4x2xf32>, tensor<3x2xf32>) -> tensor<4x3xf32>
  %r = nn.relu %h : tensor<4x3xf32>
  %y = nn.channel_affine %r, %s, %t : (tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}

// CHECK-LABEL: func.func @several_uses
// CHECK: nn.linear
// CHECK: nn.channel_affine
// REMARK: [Missed] fold | {{.*}}Function=several_uses{{.*}}Reason="the result of nn.linear has 2 uses"
func.func @several_uses(%x: tensor<4x2xf32>) -> (tensor<4x3xf32>, tensor<4x3xf32>) attributes {nn.entry} {
  %w = nn.read @weight : tensor<3x2xf32>
  %s = nn.read @scale : tensor<3xf32>
  %t = nn.read @shift : tensor<3xf32>
  %h = nn.linear %x, %w : (tensor<4x2xf32>, tensor<3x2xf32>) -> tensor<4x3xf32>
  %y = nn.channel_affine %h, %s, %t : (tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<4x3xf32>
  return %h, %y : tensor<4x3xf32>, tensor<4x3xf32>
}

// Channels are dimension 1, the features of a linear layer its last: here they differ.
// CHECK-LABEL: func.func @other_dimension
// CHECK: nn.linear
// CHECK: nn.channel_affine
// REMARK: [Missed] fold | {{.*}}Function=other_dimension{{.*}}Reason="dimension 2 of nn.linear's result holds its output features, not dimension 1"
func.func @other_dimension(%x: tensor<4x3x2xf32>) -> tensor<4x3x3xf32> attributes {nn.entry} {
  %w = nn.read @weight : tensor<3x2xf32>
  %s = nn.read @scale : tensor<3xf32>
  %t = nn.read @shift : tensor<3xf32>
  %h = nn.linear %x, %w : (tensor<4x3x2xf32>, tensor<3x2xf32>) -> tensor<4x3x3xf32>
  %y = nn.channel_affine %h, %s, %t : (tensor<4x3x3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<4x3x3xf32>
  return %y : tensor<4x3x3xf32>
}

// CHECK-LABEL: func.func @weight_is_an_input
// CHECK: nn.linear
// CHECK: nn.channel_affine
// REMARK: [Missed] fold | {{.*}}Function=weight_is_an_input{{.*}}Reason="the weight is not fixed: it depends on the input 'w'"
func.func @weight_is_an_input(%x: tensor<4x2xf32>, %w: tensor<3x2xf32> {nn.name = "w"}) -> tensor<4x3xf32> attributes {nn.entry} {
  %s = nn.read @scale : tensor<3xf32>
  %t = nn.read @shift : tensor<3xf32>
  %h = nn.linear %x, %w : (tensor<4x2xf32>, tensor<3x2xf32>) -> tensor<4x3xf32>
  %y = nn.channel_affine %h, %s, %t : (tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}

// CHECK-LABEL: func.func @scale_is_written
// CHECK: nn.linear
// CHECK: nn.channel_affine
// REMARK: [Missed] fold | {{.*}}Function=scale_is_written{{.*}}Reason="the scale is not fixed: 'scale_is_written' writes the state 'scale' it depends on"
func.func @scale_is_written(%x: tensor<4x2xf32>) -> tensor<4x3xf32> attributes {nn.entry} {
  %w = nn.read @weight : tensor<3x2xf32>
  %s = nn.read @scale : tensor<3xf32>
  %t = nn.read @shift : tensor<3xf32>
  %h = nn.linear %x, %w : (tensor<4x2xf32>, tensor<3x2xf32>) -> tensor<4x3xf32>
  %y = nn.channel_affine %h, %s, %t : (tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<4x3xf32>
  nn.write @scale, %t : tensor<3xf32>
  return %y : tensor<4x3xf32>
}

//===----------------------------------------------------------------------===//
// Folds
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func.func @with_bias
// CHECK-SAME: %[[X:.*]]: tensor<?x2xf32, #nn.shape<batch, 2>>
// CHECK-DAG: %[[W:.*]] = nn.read @weight
// CHECK-DAG: %[[B:.*]] = nn.read @bias
// CHECK-DAG: %[[S:.*]] = nn.read @scale
// CHECK-DAG: %[[T:.*]] = nn.read @shift
// CHECK-NOT: nn.linear
// CHECK: %[[COLUMN:.*]] = nn.reshape %[[S]] to [3, 1]
// CHECK: %[[NW:.*]] = nn.mul %[[W]], %[[COLUMN]]
// CHECK: %[[SB:.*]] = nn.mul %[[B]], %[[S]]
// CHECK: %[[NB:.*]] = nn.add %[[SB]], %[[T]]
// CHECK: %[[Y:.*]] = nn.linear %[[X]], %[[NW]], %[[NB]]
// CHECK-NOT: nn.channel_affine
// CHECK: return %[[Y]]
// REMARK: [Passed] fold | {{.*}}Function=with_bias | Module=bn, Remark="folded into nn.linear of fc (model.cpp:1)"
func.func @with_bias(%x: tensor<?x2xf32, #nn.shape<batch, 2>> {nn.name = "x"}) -> (tensor<?x3xf32, #nn.shape<batch, 3>> {nn.name = "y"}) attributes {nn.entry} {
  %w = nn.read @weight : tensor<3x2xf32>
  %b = nn.read @bias : tensor<3xf32>
  %s = nn.read @scale : tensor<3xf32>
  %t = nn.read @shift : tensor<3xf32>
  %h = nn.linear %x, %w, %b : (tensor<?x2xf32, #nn.shape<batch, 2>>, tensor<3x2xf32>, tensor<3xf32>) -> tensor<?x3xf32, #nn.shape<batch, 3>> loc(fused<"fc">["model.cpp":1:1])
  %y = nn.channel_affine %h, %s, %t : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<3xf32>, tensor<3xf32>) -> tensor<?x3xf32, #nn.shape<batch, 3>> loc(fused<"bn">["model.cpp":2:1])
  return %y : tensor<?x3xf32, #nn.shape<batch, 3>>
}

// CHECK-LABEL: func.func @without_bias
// CHECK: %[[T:.*]] = nn.read @shift
// CHECK: nn.linear %{{.*}}, %{{.*}}, %[[T]]
// CHECK-NOT: nn.channel_affine
// REMARK: [Passed] fold | {{.*}}Function=without_bias
func.func @without_bias(%x: tensor<4x2xf32> {nn.name = "x"}) -> (tensor<4x3xf32> {nn.name = "y"}) attributes {nn.entry} {
  %w = nn.read @weight : tensor<3x2xf32>
  %s = nn.read @scale : tensor<3xf32>
  %t = nn.read @shift : tensor<3xf32>
  %h = nn.linear %x, %w : (tensor<4x2xf32>, tensor<3x2xf32>) -> tensor<4x3xf32>
  %y = nn.channel_affine %h, %s, %t : (tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}

// Two maps after one layer fold one after the other.
// CHECK-LABEL: func.func @twice
// CHECK-NOT: nn.channel_affine
// CHECK: nn.linear
// CHECK-NOT: nn.channel_affine
// CHECK: return
// REMARK-COUNT-2: [Passed] fold | {{.*}}Function=twice
func.func @twice(%x: tensor<4x2xf32> {nn.name = "x"}) -> (tensor<4x3xf32> {nn.name = "y"}) attributes {nn.entry} {
  %w = nn.read @weight : tensor<3x2xf32>
  %b = nn.read @bias : tensor<3xf32>
  %s = nn.read @scale : tensor<3xf32>
  %t = nn.read @shift : tensor<3xf32>
  %h = nn.linear %x, %w, %b : (tensor<4x2xf32>, tensor<3x2xf32>, tensor<3xf32>) -> tensor<4x3xf32>
  %y = nn.channel_affine %h, %s, %t : (tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<4x3xf32>
  %z = nn.channel_affine %y, %t, %s : (tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<4x3xf32>
  return %z : tensor<4x3xf32>
}

// The same values, whatever the form.
// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-fold-batch-norm))" -o %t.mlir
// RUN: kiln-interpret %s with_bias --input=x=iota:5x2 --f64 --output=y=%t.before.npy
// RUN: kiln-interpret %t.mlir with_bias --input=x=iota:5x2 --f64 --output=y=%t.after.npy
// RUN: tensor-tool compare %t.after.npy %t.before.npy --tolerance=1e-12
// RUN: kiln-interpret %s twice --input=x=iota:4x2 --f64 --output=y=%t.before.npy
// RUN: kiln-interpret %t.mlir twice --input=x=iota:4x2 --f64 --output=y=%t.after.npy
// RUN: tensor-tool compare %t.after.npy %t.before.npy --tolerance=1e-12

//===----------------------------------------------------------------------===//
// Convolutions
//===----------------------------------------------------------------------===//

nn.state @kernel parameter trainable : tensor<3x4x1x2xf32>

// Channels are dimension 1 of the result and dimension 0 of the weight.
// CHECK-LABEL: func.func @convolution
// CHECK-DAG: %[[KERNEL:.*]] = nn.read @kernel
// CHECK-DAG: %[[SCALE:.*]] = nn.read @scale
// CHECK-DAG: %[[SHIFT:.*]] = nn.read @shift
// CHECK: %[[ALIGNED:.*]] = nn.reshape %[[SCALE]] to [3, 1, 1, 1] : (tensor<3xf32>) -> tensor<3x1x1x1xf32>
// CHECK: %[[WEIGHT:.*]] = nn.mul %[[KERNEL]], %[[ALIGNED]]
// CHECK: %[[Y:.*]] = nn.conv %arg0, %[[WEIGHT]], %[[SHIFT]] stride = [1, 2] padding_low = [0, 1] padding_high = [0, 0] dilation = [1, 1] groups = 1
// CHECK: return %[[Y]]
// REMARK: [Passed] fold | {{.*}}Function=convolution
func.func @convolution(%x: tensor<4x4x5x7xf32>) -> tensor<4x3x5x4xf32> attributes {nn.entry} {
  %w = nn.read @kernel : tensor<3x4x1x2xf32>
  %s = nn.read @scale : tensor<3xf32>
  %t = nn.read @shift : tensor<3xf32>
  %h = nn.conv %x, %w stride = [1, 2] padding_low = [0, 1] padding_high = [0, 0] dilation = [1, 1] groups = 1
    : (tensor<4x4x5x7xf32>, tensor<3x4x1x2xf32>) -> tensor<4x3x5x4xf32>
  %y = nn.channel_affine %h, %s, %t : (tensor<4x3x5x4xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<4x3x5x4xf32>
  return %y : tensor<4x3x5x4xf32>
}
