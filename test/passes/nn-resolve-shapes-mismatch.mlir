// A mismatch between two layers names both modules, both shapes and the user's line.
// RUN: not kiln-opt %s --mlir-very-unsafe-disable-verifier-on-parsing --nn-resolve-shapes --mlir-print-op-on-diagnostic=false 2>&1 | FileCheck %s

// CHECK: model.cpp:9:1: error: mm: mat1 and mat2 shapes cannot be multiplied (x_0x256 and 128x10)
// CHECK: model.cpp:8:1: note: nn.linear of net.2 (model.cpp:9) takes [x_0, 256] from nn.relu of net.1 (model.cpp:8)
// CHECK: note: nn.linear of net.2 (model.cpp:9) takes [10, 128] from state 'net.2.weight'
// CHECK-NOT: {{error|note}}:

nn.state @"net.2.weight" parameter trainable : tensor<10x128xf32>
func.func @predict(%x: tensor<?x256xf32> {nn.name = "x"}) -> tensor<?x10xf32> {
  %w = nn.read @"net.2.weight" : tensor<10x128xf32>
  %h = nn.relu %x : tensor<?x256xf32> loc(fused<"net.1">["model.cpp":8:1])
  %y = nn.linear %h, %w : (tensor<?x256xf32>, tensor<10x128xf32>) -> tensor<?x10xf32> loc(fused<"net.2">["model.cpp":9:1])
  return %y : tensor<?x10xf32>
}
