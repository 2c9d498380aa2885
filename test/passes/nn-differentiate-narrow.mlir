// RUN: kiln-opt %s --nn-differentiate | FileCheck %s

// More elements than a float16 can count: divided in float32, as PyTorch does.

// CHECK-LABEL: func.func @large
// CHECK:         %[[N:.+]] = nn.full 7.000000e+04 shape = [] dtype = f32 : tensor<f32>
// CHECK:         %[[G:.+]] = nn.cast %{{.+}} to f32
// CHECK:         %[[Q:.+]] = nn.div %[[G]], %[[N]]
// CHECK:         nn.cast %[[Q]] to f16
func.func @large(%x: tensor<70000xf16>, %g: tensor<f16>) -> tensor<70000xf16> {
  %m = nn.mean %x dims = [0] keepdim = false : (tensor<70000xf16>) -> tensor<f16>
  %d = nn.backward %m gradient %g to %x : (tensor<f16>, tensor<f16>, tensor<70000xf16>) -> tensor<70000xf16>
  return %d : tensor<70000xf16>
}
