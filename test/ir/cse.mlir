// What CSE may make of reads: one of two without a write between them, and no more.
//
// RUN: kiln-opt %s --cse | FileCheck %s

nn.state @s parameter : tensor<2xf32> = dense<1.0>

// CHECK-LABEL: @reads
// CHECK-NEXT: %[[A:.*]] = nn.read @s
// CHECK-NEXT: nn.write @s, %arg0
// CHECK-NEXT: %[[B:.*]] = nn.read @s
// CHECK-NEXT: return %[[A]], %[[A]], %[[B]]
func.func @reads(%x: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) {
  %0 = nn.read @s : tensor<2xf32>
  %1 = nn.read @s : tensor<2xf32>
  nn.write @s, %x : tensor<2xf32>
  %2 = nn.read @s : tensor<2xf32>
  return %0, %1, %2 : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
}
