// RUN: split-file %s %t
// RUN: not kiln build %t/nothing.mlir -o %t/nothing.cu 2>&1 | FileCheck %t/nothing.mlir
// RUN: not ls %t/nothing.cu
// RUN: env CUDA_PATH=%t/nowhere not kiln build %t/linear.mlir -o %t/linear.so --target=cuda:sm_80 2>&1 | FileCheck %t/linear.mlir
// RUN: env CUDA_PATH=%t/nowhere kiln build %t/linear.mlir -o %t/linear --target=cuda --emit=cuda,schedule
// RUN: env CUDA_PATH=%t/nowhere kiln build %t/linear.mlir -o %t/linear.so && kiln inspect %t/linear.so | FileCheck %s --check-prefix=INSPECT
// RUN: env KILN_DEVICE=cuda not kiln run %t/linear.so --input=x=random:2x3 2>&1 | FileCheck %s --check-prefix=DEVICE
// RUN: env KILN_DEVICE=cpu kiln run %t/linear.so --input=x=random:2x3 | FileCheck %s --check-prefix=OUTPUT

// A program that can't run on CUDA at all is an error. Without the toolkit, building for CUDA is an error, and nothing else changes.

// INSPECT: target       x86_64: v2, v3, v4
// DEVICE: error: program 'layer' ({{.*}}linear.so) holds no code for CUDA
// DEVICE-NEXT: build it with --target=cuda:sm_80
// OUTPUT: y: float32 [2, 5]

//--- nothing.mlir
// CHECK: nothing.mlir:[[#@LINE+5]]:10: error: function 'f' can't run on CUDA: 'nn.cat' has no CUDA kernel
// CHECK: nothing.mlir:[[#@LINE+8]]:10: error: function 'g' can't run on CUDA: 'f16' elements have no CUDA code
!x = tensor<2x4xf32>
module attributes {nn.program = "none"} {
  func.func @f(%x: !x) -> tensor<2x8xf32> attributes {nn.entry} {
    %y = nn.cat %x, %x dim = 1 : (!x, !x) -> tensor<2x8xf32>
    return %y : tensor<2x8xf32>
  }
  func.func @g(%x: tensor<4xf16>) -> tensor<4xf16> attributes {nn.entry} {
    %y = nn.exp %x : tensor<4xf16>
    return %y : tensor<4xf16>
  }
}

//--- linear.mlir
// CHECK: error: --target=cuda:sm_80: the CUDA toolkit is not there: its compiler NVRTC (libnvrtc.so.13 or libnvrtc.so.12) is not in CUDA_PATH={{.*}}nowhere
// CHECK-NEXT: install the CUDA toolkit, version 12 or 13, or set CUDA_PATH
module attributes {nn.program = "layer"} {
  nn.state @w parameter : tensor<5x3xf32> = dense<2.0>
  nn.state_name "fc.weight" of @w
  func.func @f(%x: tensor<?x3xf32, #nn.shape<batch, 3>> {nn.name = "x"}) -> (tensor<?x5xf32, #nn.shape<batch, 5>> {nn.name = "y"})
      attributes {nn.entry} {
    %w = nn.read @w : tensor<5x3xf32>
    %y = nn.linear %x, %w : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<5x3xf32>) -> tensor<?x5xf32, #nn.shape<batch, 5>>
    return %y : tensor<?x5xf32, #nn.shape<batch, 5>>
  }
}
