// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-differentiate))" | FileCheck %s
// The rules of element-wise ops. Numbers are compared in gradient_test.cpp and test/oracle/gradients.py.

// By the result, with a comparison that lets NaN pass.
// CHECK-LABEL: func.func @relu
// CHECK-SAME: %[[X:[^ ]*]]: tensor<3xf32>, %[[S:[^ ]*]]: tensor<3xf32>
// CHECK-NEXT: %[[Y:.*]] = nn.relu %[[X]]
// CHECK-NEXT: %[[ZERO:.*]] = nn.full 0.000000e+00 shape = [] dtype = f32
// CHECK-NEXT: %[[OFF:.*]] = nn.le %[[Y]], %[[ZERO]]
// CHECK-NEXT: %[[G:.*]] = nn.where %[[OFF]], %[[ZERO]], %[[S]]
// CHECK-NEXT: return %[[G]]
func.func @relu(%x: tensor<3xf32>, %s: tensor<3xf32>) -> tensor<3xf32> {
  %y = nn.relu %x : tensor<3xf32>
  %g = nn.backward %y gradient %s to %x : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %g : tensor<3xf32>
}

// CHECK-LABEL: func.func @sigmoid
// CHECK-SAME: %[[X:[^ ]*]]: tensor<3xf32>, %[[S:[^ ]*]]: tensor<3xf32>
// CHECK-NEXT: %[[Y:.*]] = nn.sigmoid %[[X]]
// CHECK-NEXT: %[[ONE:.*]] = nn.full 1.000000e+00 shape = [] dtype = f32
// CHECK-NEXT: %[[REST:.*]] = nn.sub %[[ONE]], %[[Y]]
// CHECK-NEXT: %[[P:.*]] = nn.mul %[[S]], %[[REST]]
// CHECK-NEXT: %[[G:.*]] = nn.mul %[[P]], %[[Y]]
// CHECK-NEXT: return %[[G]]
func.func @sigmoid(%x: tensor<3xf32>, %s: tensor<3xf32>) -> tensor<3xf32> {
  %y = nn.sigmoid %x : tensor<3xf32>
  %g = nn.backward %y gradient %s to %x : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %g : tensor<3xf32>
}

// CHECK-LABEL: func.func @tanh
// CHECK: %[[Y:.*]] = nn.tanh
// CHECK: %[[SQ:.*]] = nn.mul %[[Y]], %[[Y]]
// CHECK: %[[SLOPE:.*]] = nn.sub %{{.*}}, %[[SQ]]
// CHECK: nn.mul %arg1, %[[SLOPE]]
func.func @tanh(%x: tensor<3xf32>, %s: tensor<3xf32>) -> tensor<3xf32> {
  %y = nn.tanh %x : tensor<3xf32>
  %g = nn.backward %y gradient %s to %x : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %g : tensor<3xf32>
}

// CHECK-LABEL: func.func @neg_exp_log
// CHECK: %[[A:.*]] = nn.neg %arg0
// CHECK: %[[B:.*]] = nn.exp %[[A]]
// CHECK: %[[C:.*]] = nn.log %[[B]]
// CHECK-NEXT: %[[DB:.*]] = nn.div %arg1, %[[B]]
// CHECK-NEXT: %[[DA:.*]] = nn.mul %[[DB]], %[[B]]
// CHECK-NEXT: %[[DX:.*]] = nn.neg %[[DA]]
// CHECK-NEXT: return %[[DX]]
func.func @neg_exp_log(%x: tensor<3xf32>, %s: tensor<3xf32>) -> tensor<3xf32> {
  %a = nn.neg %x : tensor<3xf32>
  %b = nn.exp %a : tensor<3xf32>
  %c = nn.log %b : tensor<3xf32>
  %g = nn.backward %c gradient %s to %x : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %g : tensor<3xf32>
}

// CHECK-LABEL: func.func @roots
// CHECK: %[[A:.*]] = nn.sqrt %arg0
// CHECK: %[[B:.*]] = nn.rsqrt %[[A]]
// CHECK: %[[SQ:.*]] = nn.mul %[[B]], %[[B]]
// CHECK: %[[CUBE:.*]] = nn.mul %[[SQ]], %[[B]]
// CHECK: %[[HALF:.*]] = nn.full -5.000000e-01
// CHECK: %[[P:.*]] = nn.mul %[[HALF]], %arg1
// CHECK: %[[DA:.*]] = nn.mul %[[P]], %[[CUBE]]
// CHECK: %[[TWO:.*]] = nn.full 2.000000e+00
// CHECK: %[[TWICE:.*]] = nn.mul %[[TWO]], %[[A]]
// CHECK: nn.div %[[DA]], %[[TWICE]]
func.func @roots(%x: tensor<3xf32>, %s: tensor<3xf32>) -> tensor<3xf32> {
  %a = nn.sqrt %x : tensor<3xf32>
  %b = nn.rsqrt %a : tensor<3xf32>
  %g = nn.backward %b gradient %s to %x : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %g : tensor<3xf32>
}

// CHECK-LABEL: func.func @abs
// CHECK: %[[NEGATIVE:.*]] = nn.lt %arg0
// CHECK: %[[MINUS:.*]] = nn.where %[[NEGATIVE]]
// CHECK: %[[POSITIVE:.*]] = nn.gt %arg0
// CHECK: %[[SIGN:.*]] = nn.where %[[POSITIVE]], %{{.*}}, %[[MINUS]]
// CHECK: nn.mul %arg1, %[[SIGN]]
func.func @abs(%x: tensor<3xf32>, %s: tensor<3xf32>) -> tensor<3xf32> {
  %y = nn.abs %x : tensor<3xf32>
  %g = nn.backward %y gradient %s to %x : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %g : tensor<3xf32>
}

// CHECK-LABEL: func.func @cast
// CHECK: nn.cast %arg0 to f32
// CHECK-NEXT: %[[G:.*]] = nn.cast %arg1 to bf16
// CHECK-NEXT: return %[[G]]
func.func @cast(%x: tensor<3xbf16>, %s: tensor<3xf32>) -> tensor<3xbf16> {
  %y = nn.cast %x to f32 : (tensor<3xbf16>) -> tensor<3xf32>
  %g = nn.backward %y gradient %s to %x : (tensor<3xf32>, tensor<3xf32>, tensor<3xbf16>) -> tensor<3xbf16>
  return %g : tensor<3xbf16>
}

// The same mask: generator, site and p are those of the forward op.
// CHECK-LABEL: func.func @dropout
// CHECK: nn.dropout %arg0 generator %arg2 p = 2.500000e-01 training = true site = 7
// CHECK-NEXT: %[[G:.*]] = nn.dropout %arg1 generator %arg2 p = 2.500000e-01 training = true site = 7
// CHECK-NEXT: return %[[G]]
func.func @dropout(%x: tensor<3xf32>, %s: tensor<3xf32>, %state: tensor<2xi64>) -> tensor<3xf32> {
  %y = nn.dropout %x generator %state p = 2.500000e-01 training = true site = 7 : (tensor<3xf32>, tensor<2xi64>) -> tensor<3xf32>
  %g = nn.backward %y gradient %s to %x : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %g : tensor<3xf32>
}

// CHECK-LABEL: func.func @dropout_in_evaluation
// CHECK: return %arg1
func.func @dropout_in_evaluation(%x: tensor<3xf32>, %s: tensor<3xf32>) -> tensor<3xf32> {
  %y = nn.dropout %x p = 2.500000e-01 training = false site = 7 : (tensor<3xf32>) -> tensor<3xf32>
  %g = nn.backward %y gradient %s to %x : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %g : tensor<3xf32>
}

//===----------------------------------------------------------------------===//
// Two operands
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func.func @add_sub
// CHECK: %[[N:.*]] = nn.neg %arg3
// CHECK-NEXT: return %arg3, %arg3, %[[N]]
func.func @add_sub(%a: tensor<3xf32>, %b: tensor<3xf32>, %c: tensor<3xf32>, %s: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) {
  %0 = nn.add %a, %b : tensor<3xf32>
  %y = nn.sub %0, %c : tensor<3xf32>
  %g:3 = nn.backward %y gradient %s to %a, %b, %c
    : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>)
  return %g#0, %g#1, %g#2 : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>
}

// What was stretched is summed: added dimensions, and sizes of 1, which come back by reshaping.
// CHECK-LABEL: func.func @mul_broadcast
// CHECK: %[[P:.*]] = nn.mul %arg2, %arg1
// CHECK: %[[Q:.*]] = nn.mul %arg2, %arg0
// CHECK: %[[SUM:.*]] = nn.sum %[[Q]] dims = [0, 2] keepdim = false
// CHECK: %[[R:.*]] = nn.reshape %[[SUM]] to [length, 1]
// CHECK: return %[[P]], %[[R]]
func.func @mul_broadcast(%a: tensor<?x?x4xf32, #nn.shape<batch, length, 4>>, %b: tensor<?x1xf32, #nn.shape<length, 1>>, %s: tensor<?x?x4xf32, #nn.shape<batch, length, 4>>)
    -> (tensor<?x?x4xf32, #nn.shape<batch, length, 4>>, tensor<?x1xf32, #nn.shape<length, 1>>) {
  %y = nn.mul %a, %b : (tensor<?x?x4xf32, #nn.shape<batch, length, 4>>, tensor<?x1xf32, #nn.shape<length, 1>>) -> tensor<?x?x4xf32, #nn.shape<batch, length, 4>>
  %g:2 = nn.backward %y gradient %s to %a, %b
    : (tensor<?x?x4xf32, #nn.shape<batch, length, 4>>, tensor<?x?x4xf32, #nn.shape<batch, length, 4>>, tensor<?x?x4xf32, #nn.shape<batch, length, 4>>, tensor<?x1xf32, #nn.shape<length, 1>>)
    -> (tensor<?x?x4xf32, #nn.shape<batch, length, 4>>, tensor<?x1xf32, #nn.shape<length, 1>>)
  return %g#0, %g#1 : tensor<?x?x4xf32, #nn.shape<batch, length, 4>>, tensor<?x1xf32, #nn.shape<length, 1>>
}

// A vector is summed over the rows, without reshaping; a frozen operand costs nothing.
// CHECK-LABEL: func.func @add_bias
// CHECK: nn.add
// CHECK-NEXT: %[[G:.*]] = nn.sum %arg2 dims = [0] keepdim = false
// CHECK-NEXT: return %[[G]]
func.func @add_bias(%x: tensor<4x3xf32>, %b: tensor<3xf32>, %s: tensor<4x3xf32>) -> tensor<3xf32> {
  %y = nn.add %x, %b : (tensor<4x3xf32>, tensor<3xf32>) -> tensor<4x3xf32>
  %g = nn.backward %y gradient %s to %b : (tensor<4x3xf32>, tensor<4x3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %g : tensor<3xf32>
}

// CHECK-LABEL: func.func @div
// CHECK: %[[Y:.*]] = nn.div %arg0, %arg1
// CHECK-NEXT: %[[DA:.*]] = nn.div %arg2, %arg1
// CHECK-NEXT: %[[N:.*]] = nn.neg %arg2
// CHECK-NEXT: %[[Q:.*]] = nn.div %[[Y]], %arg1
// CHECK-NEXT: %[[DB:.*]] = nn.mul %[[N]], %[[Q]]
// CHECK-NEXT: return %[[DA]], %[[DB]]
func.func @div(%a: tensor<3xf32>, %b: tensor<3xf32>, %s: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  %y = nn.div %a, %b : tensor<3xf32>
  %g:2 = nn.backward %y gradient %s to %a, %b : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>)
  return %g#0, %g#1 : tensor<3xf32>, tensor<3xf32>
}

// CHECK-LABEL: func.func @extrema
// CHECK: nn.maximum
// CHECK: %[[TIE:.*]] = nn.eq %arg0, %arg1
// CHECK: %[[HALF:.*]] = nn.div %arg2
// CHECK: %[[SHARED:.*]] = nn.where %[[TIE]], %[[HALF]], %arg2
// CHECK: %[[LOST:.*]] = nn.lt %arg0, %arg1
// CHECK: nn.where %[[LOST]], %{{.*}}, %[[SHARED]]
// CHECK: %[[LOST:.*]] = nn.lt %arg1, %arg0
// CHECK: nn.where %[[LOST]], %{{.*}}, %[[SHARED]]
func.func @extrema(%a: tensor<3xf32>, %b: tensor<3xf32>, %s: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  %y = nn.maximum %a, %b : tensor<3xf32>
  %g:2 = nn.backward %y gradient %s to %a, %b : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>)
  return %g#0, %g#1 : tensor<3xf32>, tensor<3xf32>
}

// CHECK-LABEL: func.func @minimum
// CHECK: nn.gt %arg1, %arg0
func.func @minimum(%a: tensor<3xf32>, %b: tensor<3xf32>, %s: tensor<3xf32>) -> tensor<3xf32> {
  %y = nn.minimum %a, %b : tensor<3xf32>
  %g = nn.backward %y gradient %s to %b : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %g : tensor<3xf32>
}

// CHECK-LABEL: func.func @where
// CHECK: nn.where %arg0, %arg1, %arg2
// CHECK: %[[ZERO:.*]] = nn.full 0.0
// CHECK: %[[A:.*]] = nn.where %arg0, %arg3, %[[ZERO]]
// CHECK: %[[P:.*]] = nn.where %arg0, %[[ZERO]], %arg3
// CHECK: %[[B:.*]] = nn.sum %[[P]] dims = [0, 1]
// CHECK: return %[[A]], %[[B]]
func.func @where(%c: tensor<4x1xi1>, %a: tensor<4x3xf32>, %b: tensor<f32>, %s: tensor<4x3xf32>) -> (tensor<4x3xf32>, tensor<f32>) {
  %y = nn.where %c, %a, %b : (tensor<4x1xi1>, tensor<4x3xf32>, tensor<f32>) -> tensor<4x3xf32>
  %g:2 = nn.backward %y gradient %s to %a, %b : (tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x3xf32>, tensor<f32>) -> (tensor<4x3xf32>, tensor<f32>)
  return %g#0, %g#1 : tensor<4x3xf32>, tensor<f32>
}
