// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-layout))" | FileCheck %s
// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-layout))" --remarks-filter=nn-layout --remark-format=emitRemark -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-layout{panel=2}))" | FileCheck %s --check-prefix=PANEL
// RUN: not kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-layout{panel=0}))" 2>&1 | FileCheck %s --check-prefix=ERROR

// ERROR: error: nn-layout: panel must be at least 1, and is 0

nn.state @weight parameter trainable : tensor<3x2xf32> = dense<[[1.0, 2.0], [-0.5, 0.25], [4.0, -1.0]]>
nn.state @bias parameter trainable : tensor<3xf32> = dense<[0.5, -1.0, 2.0]>
nn.state @half_weight parameter trainable : tensor<3x2xf16>
nn.state @half_bias parameter trainable : tensor<3xf16>
nn.state @integer_weight buffer : tensor<3x2xi64>
nn.state @none parameter trainable : tensor<0x2xf32>

//===----------------------------------------------------------------------===//
// What must not change
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func.func private @no_entry
// CHECK: nn.linear
// CHECK-NOT: nn.packed_linear
// CHECK: return
func.func private @no_entry(%x: tensor<4x2xf32>) -> tensor<4x3xf32> {
  %w = nn.read @weight : tensor<3x2xf32>
  %y = nn.linear %x, %w : (tensor<4x2xf32>, tensor<3x2xf32>) -> tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}

// CHECK-LABEL: func.func @weight_is_an_input
// CHECK: nn.linear
// CHECK-NOT: nn.packed_linear
// CHECK: return
// REMARK: [Missed] pack | Category:nn-layout | Function=weight_is_an_input{{.*}}Reason="the weight is not fixed: it depends on the input 'w'"
func.func @weight_is_an_input(%x: tensor<4x2xf32>, %w: tensor<3x2xf32> {nn.name = "w"}) -> tensor<4x3xf32> attributes {nn.entry} {
  %y = nn.linear %x, %w : (tensor<4x2xf32>, tensor<3x2xf32>) -> tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}

// CHECK-LABEL: func.func @no_features
// CHECK: nn.linear
// REMARK: [Missed] pack | {{.*}}Function=no_features{{.*}}Reason="the weight has no elements"
func.func @no_features(%x: tensor<4x2xf32>) -> tensor<4x0xf32> attributes {nn.entry} {
  %w = nn.read @none : tensor<0x2xf32>
  %y = nn.linear %x, %w : (tensor<4x2xf32>, tensor<0x2xf32>) -> tensor<4x0xf32>
  return %y : tensor<4x0xf32>
}

// A function that trains the weight reads it as it is; its bias is an add all the same, which fusion takes up.
// CHECK-LABEL: func.func @weight_is_written
// CHECK: %[[W:.*]] = nn.read @weight
// CHECK: %[[B:.*]] = nn.read @bias
// CHECK: %[[P:.*]] = nn.linear %{{.*}}, %[[W]] :
// CHECK: nn.add %[[P]], %[[B]]
// REMARK: [Missed] pack | {{.*}}Function=weight_is_written{{.*}}Reason="the weight is not fixed: 'weight_is_written' writes the state 'weight' it depends on"
func.func @weight_is_written(%x: tensor<4x2xf32>) -> tensor<4x3xf32> attributes {nn.entry} {
  %w = nn.read @weight : tensor<3x2xf32>
  %b = nn.read @bias : tensor<3xf32>
  %y = nn.linear %x, %w, %b : (tensor<4x2xf32>, tensor<3x2xf32>, tensor<3xf32>) -> tensor<4x3xf32>
  %n = nn.neg %w : tensor<3x2xf32>
  nn.write @weight, %n : tensor<3x2xf32>
  return %y : tensor<4x3xf32>
}

//===----------------------------------------------------------------------===//
// Packing
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func.func @with_bias
// CHECK-SAME: %[[X:.*]]: tensor<?x2xf32, #nn.shape<batch, 2>>
// CHECK-DAG: %[[W:.*]] = nn.read @weight
// CHECK-DAG: %[[B:.*]] = nn.read @bias
// CHECK: %[[PACKED:.*]] = nn.pack_panels %[[W]] panel = 32 : (tensor<3x2xf32>) -> tensor<1x2x32xf32>
// CHECK: %[[P:.*]] = nn.packed_linear %[[X]], %[[PACKED]] out_features = 3
// CHECK: %[[Y:.*]] = nn.add %[[P]], %[[B]]
// CHECK: return %[[Y]]
// PANEL-LABEL: func.func @with_bias
// PANEL: nn.pack_panels %{{.*}} panel = 2 : (tensor<3x2xf32>) -> tensor<2x2x2xf32>
// REMARK: [Passed] pack | {{.*}}Function=with_bias | Module=fc, Remark="weight [3, 2] packed in panels of 32 outputs"
func.func @with_bias(%x: tensor<?x2xf32, #nn.shape<batch, 2>> {nn.name = "x"}) -> (tensor<?x3xf32, #nn.shape<batch, 3>> {nn.name = "y"}) attributes {nn.entry} {
  %w = nn.read @weight : tensor<3x2xf32>
  %b = nn.read @bias : tensor<3xf32>
  %y = nn.linear %x, %w, %b : (tensor<?x2xf32, #nn.shape<batch, 2>>, tensor<3x2xf32>, tensor<3xf32>) -> tensor<?x3xf32, #nn.shape<batch, 3>> loc(fused<"fc">["model.cpp":1:1])
  return %y : tensor<?x3xf32, #nn.shape<batch, 3>>
}

// A vector in, a vector out; the weight is computed from state.
// CHECK-LABEL: func.func @one_row
// CHECK: %[[N:.*]] = nn.neg
// CHECK: %[[PACKED:.*]] = nn.pack_panels %[[N]]
// CHECK: nn.packed_linear %{{.*}}, %[[PACKED]] out_features = 3 : (tensor<2xf32>, tensor<1x2x32xf32>) -> tensor<3xf32>
func.func @one_row(%x: tensor<2xf32> {nn.name = "x"}) -> (tensor<3xf32> {nn.name = "y"}) attributes {nn.entry} {
  %w = nn.read @weight : tensor<3x2xf32>
  %n = nn.neg %w : tensor<3x2xf32>
  %y = nn.linear %x, %n : (tensor<2xf32>, tensor<3x2xf32>) -> tensor<3xf32>
  return %y : tensor<3xf32>
}

// A bias is added in f32, before the sum is rounded; without one nothing is added.
// CHECK-LABEL: func.func @half
// CHECK: %[[Y:.*]] = nn.linear %{{.*}}, %{{.*}}, %{{.*}} : (tensor<4x2xf16>, tensor<3x2xf16>, tensor<3xf16>)
// CHECK: nn.packed_linear
// CHECK: return %[[Y]]
// REMARK: [Missed] pack | {{.*}}Function=half{{.*}}Reason="the bias is added before the sum is rounded to 16 bits"
func.func @half(%x: tensor<4x2xf16> {nn.name = "x"}) -> (tensor<4x3xf16> {nn.name = "y"}, tensor<4x3xf16> {nn.name = "z"}) attributes {nn.entry} {
  %w = nn.read @half_weight : tensor<3x2xf16>
  %b = nn.read @half_bias : tensor<3xf16>
  %y = nn.linear %x, %w, %b : (tensor<4x2xf16>, tensor<3x2xf16>, tensor<3xf16>) -> tensor<4x3xf16>
  %z = nn.linear %x, %w : (tensor<4x2xf16>, tensor<3x2xf16>) -> tensor<4x3xf16>
  return %y, %z : tensor<4x3xf16>, tensor<4x3xf16>
}

// Integers have no panels.
// CHECK-LABEL: func.func @integers
// CHECK-NOT: nn.pack_panels
// REMARK: [Missed] pack | {{.*}}Function=integers{{.*}}Reason="the weight holds integers, which have no kernel for panels"
func.func @integers(%x: tensor<4x2xi64> {nn.name = "x"}) -> (tensor<4x3xi64> {nn.name = "y"}) attributes {nn.entry} {
  %w = nn.read @integer_weight : tensor<3x2xi64>
  %y = nn.linear %x, %w : (tensor<4x2xi64>, tensor<3x2xi64>) -> tensor<4x3xi64>
  return %y : tensor<4x3xi64>
}

// The same values, whatever the form, and whatever the panel.
// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-layout{panel=2}))" -o %t.mlir
// RUN: kiln-interpret %s with_bias --input=x=iota:5x2 --f64 --output=y=%t.before.npy
// RUN: kiln-interpret %t.mlir with_bias --input=x=iota:5x2 --f64 --output=y=%t.after.npy
// RUN: tensor-tool compare %t.after.npy %t.before.npy --tolerance=1e-12
// RUN: kiln-interpret %s one_row --input=x=values:2:3,-7 --f64 --output=y=%t.before.npy
// RUN: kiln-interpret %t.mlir one_row --input=x=values:2:3,-7 --f64 --output=y=%t.after.npy
// RUN: tensor-tool compare %t.after.npy %t.before.npy --tolerance=1e-12
