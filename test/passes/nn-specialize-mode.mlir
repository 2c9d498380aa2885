// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-specialize-mode))" | FileCheck %s
// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-specialize-mode))" --remarks-filter=nn-specialize-mode --remark-format=emitRemark -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

nn.state @weight parameter trainable : tensor<3xf32> = dense<[2.0, 0.5, 1.0]>
nn.state @bias parameter trainable : tensor<3xf32> = dense<[1.0, 0.0, -1.0]>
nn.state @mean buffer : tensor<3xf32> = dense<[0.5, 0.25, 0.0]>
nn.state @var buffer : tensor<3xf32> = dense<[1.0, 4.0, 0.25]>

//===----------------------------------------------------------------------===//
// What must not change
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func.func @dropout_in_training
// CHECK-SAME: %[[X:.*]]: tensor<2x3xf32>
// CHECK: %[[Y:.*]] = nn.dropout %[[X]] generator %{{.*}} p = 5.000000e-01 training = true
// CHECK-NEXT: return %[[Y]]
// REMARK: [Missed] dropout | Category:nn-specialize-mode | Function=dropout_in_training | Module=drop, Reason="it is in training mode and draws random numbers"
func.func @dropout_in_training(%x: tensor<2x3xf32> {nn.name = "x"}) -> (tensor<2x3xf32> {nn.name = "y"}) attributes {nn.entry} {
  %generator = nn.constant dense<[1, 0]> : tensor<2xi64>
  %y = nn.dropout %x generator %generator p = 5.000000e-01 training = true site = 3 : (tensor<2x3xf32>, tensor<2xi64>) -> tensor<2x3xf32> loc(fused<"drop">["model.cpp":4:5])
  return %y : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @batch_norm_in_training
// CHECK: nn.batch_norm
// CHECK-NOT: nn.channel_affine
// CHECK: return
// REMARK: [Missed] batch_norm | {{.*}}Function=batch_norm_in_training | Module=bn, Reason="it is in training mode and uses the batch's own statistics"
func.func @batch_norm_in_training(%x: tensor<2x3xf32> {nn.name = "x"}) -> (tensor<2x3xf32> {nn.name = "y"}) attributes {nn.entry} {
  %m = nn.read @mean : tensor<3xf32>
  %v = nn.read @var : tensor<3xf32>
  %y, %nm, %nv, %bm, %bs = nn.batch_norm %x running_mean %m running_var %v training = true momentum = 1.000000e-01 eps = 1.000000e-05
    : (tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32>)
      -> (tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) loc(fused<"bn">["model.cpp":5:5])
  nn.write @mean, %nm : tensor<3xf32>
  nn.write @var, %nv : tensor<3xf32>
  return %y : tensor<2x3xf32>
}

//===----------------------------------------------------------------------===//
// Dropout
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func.func @dropout_in_evaluation
// CHECK-SAME: %[[X:.*]]: tensor<2x3xf32>
// CHECK-NEXT: return %[[X]]
// REMARK: [Passed] dropout | {{.*}}Function=dropout_in_evaluation{{.*}}Remark="removed: evaluation mode"
func.func @dropout_in_evaluation(%x: tensor<2x3xf32> {nn.name = "x"}) -> (tensor<2x3xf32> {nn.name = "y"}) attributes {nn.entry} {
  %y = nn.dropout %x p = 5.000000e-01 training = false site = 3 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @dropout_of_nothing
// CHECK-SAME: %[[X:.*]]: tensor<2x3xf32>
// CHECK-NEXT: return %[[X]]
// REMARK: [Passed] dropout | {{.*}}Function=dropout_of_nothing{{.*}}Remark="removed: its probability is 0"
func.func @dropout_of_nothing(%x: tensor<2x3xf32> {nn.name = "x"}) -> (tensor<2x3xf32> {nn.name = "y"}) attributes {nn.entry} {
  %y = nn.dropout %x p = 0.000000e+00 training = true site = 3 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}

//===----------------------------------------------------------------------===//
// Batch norm
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func.func @batch_norm
// CHECK-SAME: %[[X:.*]]: tensor<?x3xf32, #nn.shape<batch, 3>>
// CHECK-DAG: %[[W:.*]] = nn.read @weight
// CHECK-DAG: %[[B:.*]] = nn.read @bias
// CHECK-DAG: %[[M:.*]] = nn.read @mean
// CHECK-DAG: %[[V:.*]] = nn.read @var
// CHECK: %[[EPS:.*]] = nn.full 1.000000e-05 shape = [] dtype = f32
// CHECK: %[[SUM:.*]] = nn.add %[[V]], %[[EPS]]
// CHECK: %[[INV:.*]] = nn.rsqrt %[[SUM]]
// CHECK: %[[SCALE:.*]] = nn.mul %[[W]], %[[INV]]
// CHECK: %[[SHIFTED:.*]] = nn.mul %[[M]], %[[SCALE]]
// CHECK: %[[SHIFT:.*]] = nn.sub %[[B]], %[[SHIFTED]]
// CHECK: %[[Y:.*]] = nn.channel_affine %[[X]], %[[SCALE]], %[[SHIFT]]
// CHECK: return %[[Y]]
// REMARK: [Passed] batch_norm | {{.*}}Function=batch_norm | {{.*}}Remark="became an affine map per channel: evaluation mode"
func.func @batch_norm(%x: tensor<?x3xf32, #nn.shape<batch, 3>> {nn.name = "x"}) -> (tensor<?x3xf32, #nn.shape<batch, 3>> {nn.name = "y"}) attributes {nn.entry} {
  %w = nn.read @weight : tensor<3xf32>
  %b = nn.read @bias : tensor<3xf32>
  %m = nn.read @mean : tensor<3xf32>
  %v = nn.read @var : tensor<3xf32>
  %y = nn.batch_norm %x weight %w bias %b running_mean %m running_var %v training = false momentum = 1.000000e-01 eps = 1.000000e-05
    : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<?x3xf32, #nn.shape<batch, 3>> loc(fused<"bn">["model.cpp":5:5])
  return %y : tensor<?x3xf32, #nn.shape<batch, 3>>
}

// Without weight and bias nothing of ones or zeros is made.
// CHECK-LABEL: func.func @batch_norm_without_affine
// CHECK: %[[INV:.*]] = nn.rsqrt
// CHECK: %[[SHIFTED:.*]] = nn.mul %{{.*}}, %[[INV]]
// CHECK: %[[SHIFT:.*]] = nn.neg %[[SHIFTED]]
// CHECK: nn.channel_affine %{{.*}}, %[[INV]], %[[SHIFT]]
func.func @batch_norm_without_affine(%x: tensor<2x3x4xf32> {nn.name = "x"}) -> (tensor<2x3x4xf32> {nn.name = "y"}) attributes {nn.entry} {
  %m = nn.read @mean : tensor<3xf32>
  %v = nn.read @var : tensor<3xf32>
  %y = nn.batch_norm %x running_mean %m running_var %v training = false momentum = 1.000000e-01 eps = 1.000000e-05
    : (tensor<2x3x4xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<2x3x4xf32>
  return %y : tensor<2x3x4xf32>
}

// The same values, whatever the form.
// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-specialize-mode))" -o %t.mlir
// RUN: kiln-interpret %s batch_norm --input=x=iota:5x3 --f64 --output=y=%t.before.npy
// RUN: kiln-interpret %t.mlir batch_norm --input=x=iota:5x3 --f64 --output=y=%t.after.npy
// RUN: tensor-tool compare %t.after.npy %t.before.npy --tolerance=1e-12
// RUN: kiln-interpret %s batch_norm_without_affine --input=x=iota:2x3x4 --f64 --output=y=%t.before.npy
// RUN: kiln-interpret %t.mlir batch_norm_without_affine --input=x=iota:2x3x4 --f64 --output=y=%t.after.npy
// RUN: tensor-tool compare %t.after.npy %t.before.npy --tolerance=1e-12
