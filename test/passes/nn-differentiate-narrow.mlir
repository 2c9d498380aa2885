// RUN: kiln-opt %s --nn-differentiate | FileCheck %s

// More elements than a float16 can count: divided in float32, as PyTorch does.

// CHECK-LABEL: func.func @large
// CHECK-DAG:     %[[N:.+]] = nn.full 7.000000e+04 shape = [] dtype = f32 : tensor<f32>
// CHECK-DAG:     %[[G:.+]] = nn.cast %{{.+}} to f32
// CHECK:         %[[Q:.+]] = nn.div %[[G]], %[[N]]
// CHECK:         nn.cast %[[Q]] to f16
func.func @large(%x: tensor<70000xf16>, %g: tensor<f16>) -> tensor<70000xf16> {
  %m = nn.mean %x dims = [0] keepdim = false : (tensor<70000xf16>) -> tensor<f16>
  %d = nn.backward %m gradient %g to %x : (tensor<f16>, tensor<f16>, tensor<70000xf16>) -> tensor<70000xf16>
  return %d : tensor<70000xf16>
}

// An eps that a float16 can't hold: PyTorch computes on 16-bit running statistics in float32.

// CHECK-LABEL: func.func @large_eps
// CHECK-DAG:     %[[V:.+]] = nn.cast %arg1 to f32
// CHECK-DAG:     %[[EPS:.+]] = nn.full 1.000000e+06 shape = [] dtype = f32 : tensor<f32>
// CHECK:         %[[S:.+]] = nn.add %[[V]], %[[EPS]]
// CHECK:         %[[R:.+]] = nn.rsqrt %[[S]] : tensor<3xf32>
// CHECK:         %[[G:.+]] = nn.mul %{{.+}}, %{{.+}} : (tensor<4x3xf32>, tensor<3xf32>) -> tensor<4x3xf32>
// CHECK:         nn.cast %[[G]] to f16
func.func @large_eps(%x: tensor<4x3xf16>, %s: tensor<3xf16>, %g: tensor<4x3xf16>) -> tensor<4x3xf16> {
  %y = nn.batch_norm %x running_mean %s running_var %s training = false momentum = 1.000000e-01 eps = 1.000000e+06
    : (tensor<4x3xf16>, tensor<3xf16>, tensor<3xf16>) -> tensor<4x3xf16>
  %d = nn.backward %y gradient %g to %x : (tensor<4x3xf16>, tensor<4x3xf16>, tensor<4x3xf16>) -> tensor<4x3xf16>
  return %d : tensor<4x3xf16>
}

// Probabilities and their sum are no values of their own: the operation computes them in float32, or wider.

// CHECK-LABEL: func.func @log_softmax
// CHECK:         %[[Y:.+]] = nn.log_softmax %arg0 dim = 1
// CHECK-NEXT:    %[[D:.+]] = nn.log_softmax_backward %arg1, %[[Y]] dim = 1 : tensor<4x3xf16>
// CHECK-NEXT:    return %[[D]]
func.func @log_softmax(%x: tensor<4x3xf16>, %g: tensor<4x3xf16>) -> tensor<4x3xf16> {
  %y = nn.log_softmax %x dim = 1 : tensor<4x3xf16>
  %d = nn.backward %y gradient %g to %x : (tensor<4x3xf16>, tensor<4x3xf16>, tensor<4x3xf16>) -> tensor<4x3xf16>
  return %d : tensor<4x3xf16>
}
