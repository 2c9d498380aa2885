// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-differentiate))" | FileCheck %s
// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-differentiate))" --remarks-filter=nn-differentiate --remark-format=emitRemark -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

//===----------------------------------------------------------------------===//
// What must not change
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func.func @no_request
// CHECK-NEXT: nn.relu
// CHECK-NEXT: return
func.func @no_request(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y = nn.relu %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

// nn.detach has done its work.
// CHECK-LABEL: func.func @only_detach
// CHECK-SAME: %[[X:[^ ]*]]: tensor<3xf32>
// CHECK-NEXT: return %[[X]]
func.func @only_detach(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y = nn.detach %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

//===----------------------------------------------------------------------===//
// The walk
//===----------------------------------------------------------------------===//

// The cotangent of a loss is 1; gradients stand in the request's place.
// CHECK-LABEL: func.func @square
// CHECK-SAME: %[[X:[^ ]*]]: tensor<3xf32>
// CHECK: %[[Y:.*]] = nn.mul %[[X]], %[[X]]
// CHECK: %[[L:.*]] = nn.sum %[[Y]]
// CHECK: %[[ONE:.*]] = nn.full 1.000000e+00 shape = [3] dtype = f32
// CHECK: %[[G0:.*]] = nn.mul %[[ONE]], %[[X]]
// CHECK: %[[G1:.*]] = nn.mul %[[ONE]], %[[X]]
// CHECK: %[[G:.*]] = nn.add %[[G0]], %[[G1]]
// CHECK-NOT: nn.backward
// CHECK: return %[[L]], %[[G]]
func.func @square(%x: tensor<3xf32>) -> (tensor<f32>, tensor<3xf32>) {
  %y = nn.mul %x, %x : tensor<3xf32>
  %l = nn.sum %y dims = [0] keepdim = false : (tensor<3xf32>) -> tensor<f32>
  %g = nn.backward %l to %x : (tensor<f32>, tensor<3xf32>) -> tensor<3xf32>
  return %l, %g : tensor<f32>, tensor<3xf32>
}

// A gradient of the loss that is given takes the place of 1.
// CHECK-LABEL: func.func @given_gradient
// CHECK-SAME: %[[X:[^ ]*]]: tensor<3xf32>, %[[S:[^ ]*]]: tensor<3xf32>
// CHECK: %[[Y:.*]] = nn.exp %[[X]]
// CHECK-NEXT: %[[G:.*]] = nn.mul %[[S]], %[[Y]]
// CHECK-NEXT: return %[[G]]
func.func @given_gradient(%x: tensor<3xf32>, %s: tensor<3xf32>) -> tensor<3xf32> {
  %y = nn.exp %x : tensor<3xf32>
  %g = nn.backward %y gradient %s to %x : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %g : tensor<3xf32>
}

// Neither a frozen weight nor the input has a gradient, and the first layer needs no dX. Two layers share the wait for
// the values of the forward computation.
// CHECK-LABEL: func.func @needed_only
// CHECK-SAME: %[[X:[^ ]*]]: tensor<4x3xf32>, %[[W1:[^ ]*]]: tensor<2x3xf32>, %[[FROZEN:[^ ]*]]: tensor<5x2xf32>
// CHECK: %[[H:.*]] = nn.linear %[[X]], %[[W1]]
// CHECK: nn.linear %[[H]], %[[FROZEN]]
// CHECK: %[[DY:.*]] = nn.full 1.000000e+00 shape = [4, 5]
// CHECK: %[[DH:.*]] = nn.matmul %[[DY]], %[[FROZEN]]
// CHECK: %[[T:.*]] = nn.permute %[[DH]] dims = [1, 0]
// CHECK-NEXT: %[[DW:.*]] = nn.matmul %[[T]], %[[X]]
// CHECK-NEXT: return %[[DW]]
// REMARK-DAG: [Passed] differentiate | Category:nn-differentiate | Function=needed_only | Remark="3 ops differentiated for 1 gradients by 4 ops, which read 0 values of the forward computation"
func.func @needed_only(%x: tensor<4x3xf32>, %w: tensor<2x3xf32>, %frozen: tensor<5x2xf32>) -> tensor<2x3xf32> {
  %h = nn.linear %x, %w : (tensor<4x3xf32>, tensor<2x3xf32>) -> tensor<4x2xf32>
  %y = nn.linear %h, %frozen : (tensor<4x2xf32>, tensor<5x2xf32>) -> tensor<4x5xf32>
  %l = nn.sum %y dims = [] keepdim = false : (tensor<4x5xf32>) -> tensor<f32>
  %g = nn.backward %l to %w : (tensor<f32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return %g : tensor<2x3xf32>
}

// A value with several users gets the sum; what the loss does not depend on is left alone.
// CHECK-LABEL: func.func @several_users
// CHECK-SAME: %[[X:[^ ]*]]: tensor<3xf32>, %[[S:[^ ]*]]: tensor<3xf32>
// CHECK: %[[A:.*]] = nn.exp %[[X]]
// CHECK: %[[B:.*]] = nn.tanh %[[A]]
// CHECK: nn.sigmoid %[[A]]
// CHECK: nn.add %[[A]], %[[B]]
// CHECK: %[[SQ:.*]] = nn.mul %[[B]], %[[B]]
// CHECK: %[[SLOPE:.*]] = nn.sub %{{.*}}, %[[SQ]]
// CHECK: %[[DB:.*]] = nn.mul %[[S]], %[[SLOPE]]
// CHECK: %[[DA:.*]] = nn.add %[[S]], %[[DB]]
// CHECK: %[[DX:.*]] = nn.mul %[[DA]], %[[A]]
// CHECK-NEXT: return %{{.*}}, %[[DX]]
// REMARK-DAG: [Analysis] store | Category:nn-differentiate | Function=several_users | Remark="the result of nn.tanh, [3], is kept for gradients"
// REMARK-DAG: [Analysis] store | Category:nn-differentiate | Function=several_users | Remark="the result of nn.exp, [3], is kept for gradients"
func.func @several_users(%x: tensor<3xf32>, %s: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  %a = nn.exp %x : tensor<3xf32>
  %b = nn.tanh %a : tensor<3xf32>
  %other = nn.sigmoid %a : tensor<3xf32>
  %y = nn.add %a, %b : tensor<3xf32>
  %g = nn.backward %y gradient %s to %x : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %other, %g : tensor<3xf32>, tensor<3xf32>
}

// Targets may be values on the way, the loss itself, and depend on one another.
// CHECK-LABEL: func.func @targets_on_the_way
// CHECK-SAME: %[[X:[^ ]*]]: tensor<3xf32>, %[[S:[^ ]*]]: tensor<3xf32>
// CHECK: %[[A:.*]] = nn.exp %[[X]]
// CHECK: %[[B:.*]] = nn.exp %[[A]]
// CHECK-NEXT: %[[DA:.*]] = nn.mul %[[S]], %[[B]]
// CHECK-NEXT: %[[DX:.*]] = nn.mul %[[DA]], %[[A]]
// CHECK-NEXT: return %[[S]], %[[DA]], %[[DX]]
func.func @targets_on_the_way(%x: tensor<3xf32>, %s: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) {
  %a = nn.exp %x : tensor<3xf32>
  %b = nn.exp %a : tensor<3xf32>
  %g:3 = nn.backward %b gradient %s to %b, %a, %x
    : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>)
  return %g#0, %g#1, %g#2 : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>
}

// The loss does not depend on the target, or through integers only.
// CHECK-LABEL: func.func @zeros
// CHECK: %[[Z:.*]] = nn.full 0.000000e+00 shape = [batch, 3] dtype = f32
// CHECK: return %[[Z]]
func.func @zeros(%x: tensor<?x3xf32, #nn.shape<batch, 3>>) -> tensor<?x3xf32, #nn.shape<batch, 3>> {
  %i = nn.cast %x to i64 : (tensor<?x3xf32, #nn.shape<batch, 3>>) -> tensor<?x3xi64, #nn.shape<batch, 3>>
  %f = nn.cast %i to f32 : (tensor<?x3xi64, #nn.shape<batch, 3>>) -> tensor<?x3xf32, #nn.shape<batch, 3>>
  %l = nn.sum %f dims = [] keepdim = false : (tensor<?x3xf32, #nn.shape<batch, 3>>) -> tensor<f32>
  %g = nn.backward %l to %x : (tensor<f32>, tensor<?x3xf32, #nn.shape<batch, 3>>) -> tensor<?x3xf32, #nn.shape<batch, 3>>
  return %g : tensor<?x3xf32, #nn.shape<batch, 3>>
}

// x * detach(x) has gradient detach(x).
// CHECK-LABEL: func.func @detached
// CHECK-SAME: %[[X:[^ ]*]]: tensor<3xf32>, %[[S:[^ ]*]]: tensor<3xf32>
// CHECK-NEXT: nn.mul %[[X]], %[[X]]
// CHECK-NEXT: %[[G:.*]] = nn.mul %[[S]], %[[X]]
// CHECK-NEXT: return %[[G]]
func.func @detached(%x: tensor<3xf32>, %s: tensor<3xf32>) -> tensor<3xf32> {
  %d = nn.detach %x : tensor<3xf32>
  %y = nn.mul %x, %d : tensor<3xf32>
  %g = nn.backward %y gradient %s to %x : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %g : tensor<3xf32>
}

//===----------------------------------------------------------------------===//
// Several requests
//===----------------------------------------------------------------------===//

// A gradient is a constant for the next request: d(g * x) is g, though g was computed from x.
// CHECK-LABEL: func.func @gradient_of_gradient
// CHECK-SAME: %[[X:[^ ]*]]: tensor<3xf32>, %[[S:[^ ]*]]: tensor<3xf32>
// CHECK: %[[Y:.*]] = nn.exp %[[X]]
// CHECK: %[[G:.*]] = nn.mul %[[S]], %[[Y]]
// CHECK: nn.mul %[[G]], %[[X]]
// CHECK-NEXT: %[[H:.*]] = nn.mul %[[S]], %[[G]]
// CHECK-NEXT: return %[[G]], %[[H]]
func.func @gradient_of_gradient(%x: tensor<3xf32>, %s: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  %y = nn.exp %x : tensor<3xf32>
  %g = nn.backward %y gradient %s to %x : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %z = nn.mul %g, %x : tensor<3xf32>
  %h = nn.backward %z gradient %s to %x : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %g, %h : tensor<3xf32>, tensor<3xf32>
}

// Two steps in one function: the second loss depends on the updated parameter, not through the step on the old one.
nn.state @w parameter trainable : tensor<3xf32>
nn.state @lr hyperparameter : tensor<f64>
nn.state @steps optimizer : tensor<1xf32>
// CHECK-LABEL: func.func @two_steps
// CHECK: %[[W:.*]] = nn.read @w
// CHECK: %[[Y0:.*]] = nn.exp %[[W]]
// CHECK: %[[G0:.*]] = nn.mul %{{.*}}, %[[Y0]]
// CHECK: %[[V:.*]] = nn.sgd parameters(%[[W]]) gradients(%[[G0]])
// CHECK: %[[Y1:.*]] = nn.exp %[[V]]
// CHECK: %[[G1:.*]] = nn.mul %{{.*}}, %[[Y1]]
// CHECK-NEXT: %[[Z:.*]] = nn.full 0.0
// CHECK: nn.sgd parameters(%[[V]]) gradients(%[[G1]])
// CHECK: return %[[Z]]
func.func @two_steps() -> tensor<3xf32> attributes {nn.entry} {
  %w = nn.read @w : tensor<3xf32>
  %lr = nn.read @lr : tensor<f64>
  %steps = nn.read @steps : tensor<1xf32>
  %y0 = nn.exp %w : tensor<3xf32>
  %l0 = nn.sum %y0 dims = [] keepdim = false : (tensor<3xf32>) -> tensor<f32>
  %g0 = nn.backward %l0 to %w : (tensor<f32>, tensor<3xf32>) -> tensor<3xf32>
  %v = nn.sgd parameters(%w) gradients(%g0) steps %steps lr %lr indices = [0] momentum = 0.000000e+00 dampening = 0.000000e+00
    weight_decay = 0.000000e+00 nesterov = false maximize = false : (tensor<3xf32>, tensor<3xf32>, tensor<1xf32>, tensor<f64>) -> tensor<3xf32>
  %y1 = nn.exp %v : tensor<3xf32>
  %l1 = nn.sum %y1 dims = [] keepdim = false : (tensor<3xf32>) -> tensor<f32>
  %g1:2 = nn.backward %l1 to %v, %w : (tensor<f32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>)
  %u = nn.sgd parameters(%v) gradients(%g1#0) steps %steps lr %lr indices = [0] momentum = 0.000000e+00 dampening = 0.000000e+00
    weight_decay = 0.000000e+00 nesterov = false maximize = false : (tensor<3xf32>, tensor<3xf32>, tensor<1xf32>, tensor<f64>) -> tensor<3xf32>
  nn.write @w, %u : tensor<3xf32>
  return %g1#1 : tensor<3xf32>
}

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

// Gradients belong to the module and line of their op, sums to what made the value.
// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-differentiate))" --mlir-print-debuginfo | FileCheck %s --check-prefix=PLACE
// PLACE-LABEL: func.func @places
// PLACE: nn.mul %{{.*}}, %{{.*}} : tensor<3xf32> loc(#[[B:loc[0-9]*]])
// PLACE: nn.add %{{.*}}, %{{.*}} : tensor<3xf32> loc(#[[A:loc[0-9]*]])
// PLACE: nn.mul %{{.*}}, %{{.*}} : tensor<3xf32> loc(#[[A]])
// PLACE-DAG: #[[LINE_A:loc[0-9]*]] = loc("model.cpp":3:1)
// PLACE-DAG: #[[LINE_B:loc[0-9]*]] = loc("model.cpp":4:1)
// PLACE-DAG: #[[A]] = loc(fused<"a">[#[[LINE_A]]])
// PLACE-DAG: #[[B]] = loc(fused<"b">[#[[LINE_B]]])
func.func @places(%x: tensor<3xf32>, %s: tensor<3xf32>) -> tensor<3xf32> {
  %a = nn.exp %x : tensor<3xf32> loc(fused<"a">["model.cpp":3:1])
  %b = nn.exp %a : tensor<3xf32> loc(fused<"b">["model.cpp":4:1])
  %y = nn.add %a, %b : tensor<3xf32> loc(fused<"">["model.cpp":5:1])
  %g = nn.backward %y gradient %s to %x : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32> loc(fused<"">["model.cpp":9:1])
  return %g : tensor<3xf32>
}
