// RUN: kiln build %s -o %t.cu 2>&1 | FileCheck %s --check-prefix=WARNING
// RUN: FileCheck %s < %t.cu
// Where there is a toolkit, an object holds the same code, and what is said of it is said once.
// RUN: kiln build %s -o %t --emit=cuda,object --target=cuda:sm_80 > %t.log 2>&1 || grep 'toolkit is not there' %t.log
// RUN: grep 'toolkit is not there' %t.log || grep -c 'runs on the processor' %t.log | grep -x 1

// The CUDA source: for each kernel of the schedule what differs from others of its kind. A linear layer has two forms, of which a
// launch takes one by its rows. Source needs no toolkit.

!x = tensor<?x784xf32, #nn.shape<batch, 784>>
!y = tensor<?x512xf32, #nn.shape<batch, 512>>
!p = tensor<?x4xf32, #nn.shape<batch, 4>>
module attributes {nn.program = "layer"} {
  nn.state @w parameter trainable : tensor<512x784xf32>
  nn.state @b parameter trainable : tensor<512xf32>
  func.func @predict(%x: !x {nn.name = "x"}) -> (!y {nn.name = "y"}) attributes {nn.entry} {
    %w = nn.read @w : tensor<512x784xf32>
    %b = nn.read @b : tensor<512xf32>
    %0 = nn.linear %x, %w, %b : (!x, tensor<512x784xf32>, tensor<512xf32>) -> !y
    %1 = nn.relu %0 : !y
    return %1 : !y
  }
  func.func @scale(%x: !p {nn.name = "x"}, %s: tensor<4xf32> {nn.name = "s"}) -> (!p {nn.name = "y"}) attributes {nn.entry} {
    %0 = nn.mul %x, %s : (!p, tensor<4xf32>) -> !p
    %1 = nn.exp %0 : !p
    return %1 : !p
  }
  func.func @probabilities(%x: !p {nn.name = "x"}, %s: tensor<4xf32> {nn.name = "s"}) -> (!p {nn.name = "y"}) attributes {nn.entry} {
    %0 = nn.softmax %x dim = 1 : !p
    %1 = nn.mul %0, %s : (!p, tensor<4xf32>) -> !p
    return %1 : !p
  }
  func.func @of_columns(%x: !p {nn.name = "x"}) -> (!p {nn.name = "y"}) attributes {nn.entry} {
    %0 = nn.log_softmax %x dim = 0 : !p
    return %0 : !p
  }
  func.func @copies(%x: !p {nn.name = "x"}) -> (tensor<?x8xf32, #nn.shape<batch, 8>> {nn.name = "y"}) attributes {nn.entry} {
    %0 = nn.cat %x, %x dim = 1 : (!p, !p) -> tensor<?x8xf32, #nn.shape<batch, 8>>
    return %0 : tensor<?x8xf32, #nn.shape<batch, 8>>
  }
}

// WARNING: cuda-source.mlir:[[#@LINE-5]]:10: warning: function 'copies' runs on the processor, not on CUDA: 'nn.cat' has no CUDA kernel

// CHECK: // The kernels of program 'layer' for CUDA, written by Kiln.
// CHECK: #include "device.h"
// CHECK: KILN_KERNEL(f32_packed_linear_784x512_bias_relu_few_rows, kProductThreads, (const f32 *KILN_RESTRICT a0, const f32 *KILN_RESTRICT a1, const f32 *e0, f32 *r0, i64 s0)) {
// CHECK-NEXT:   product_of_few_rows<f32>(s0, 512, 784,
// CHECK-NEXT:       Matrix<f32>{a0, 784}, Panels<f32, 32>{a1, 784},
// CHECK: KILN_KERNEL(f32_packed_linear_784x512_bias_relu, kProductThreads, (const f32 *KILN_RESTRICT a0, const f32 *KILN_RESTRICT a1, const f32 *e0, f32 *r0, i64 s0)) {
// CHECK-NEXT:   product_in_tiles<f32>(s0, 512, 784,
// CHECK-NEXT:       Matrix<f32>{a0, 784}, Panels<f32, 32>{a1, 784},
// CHECK-NEXT:       [=](i64 row, i64 column, f32 product) {
// CHECK-NEXT:         const i64 index = row * 512 + column;
// CHECK-NEXT:         const f32 x0 = e0[column];
// CHECK-NEXT:         const f32 v0 = product + x0;
// CHECK-NEXT:         const bool v1 = v0 < 0.0f;
// CHECK-NEXT:         const f32 v2 = v1 ? 0.0f : v0;
// CHECK-NEXT:         r0[index] = v2;
// CHECK: KILN_KERNEL(f32_mul_exp{{.*}}, 256, (const f32 *e0, const f32 *e1, f32 *r0, i64 s0)) {
// CHECK-NEXT:   for_each<256>(4 * s0, [=](i64 index) {
// CHECK-NEXT:     const f32 x0 = e0[index];
// CHECK-NEXT:     const f32 x1 = e1[index % 4];
// CHECK-NEXT:     const f32 v0 = x0 * x1;
// CHECK-NEXT:     const f32 v1 = math_exp(v0);
// CHECK-NEXT:     r0[index] = v1;
// A warp a row where its elements are neighbours, else a thread.
// CHECK: KILN_KERNEL(f32_softmax_nx4_mul, kSoftmaxThreads, (const f32 *KILN_RESTRICT a0, const f32 *e0, f32 *r0, i64 s0)) {
// CHECK-NEXT:   softmax_of_rows<32>(s0, 4, 1, a0,
// CHECK-NEXT:       [=](i64 index, f32 element) {
// CHECK-NEXT:         const f32 x0 = e0[index % 4];
// CHECK-NEXT:         const f32 v0 = element * x0;
// CHECK-NEXT:         r0[index] = v0;
// CHECK: KILN_KERNEL(f32_log_softmax_nx4, kSoftmaxThreads, (const f32 *KILN_RESTRICT a0, f32 *r0, i64 s0)) {
// CHECK-NEXT:   log_softmax_of_rows<1>(4, s0, 4, a0,
// No assembly, and no kernel of functions that run elsewhere.
// CHECK-NOT: asm
// CHECK-NOT: cat
