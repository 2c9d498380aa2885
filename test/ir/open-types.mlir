// A size that is `?` without a name is open: lazy modules begin so. Nothing is checked or folded until it is known.
//
// RUN: kiln-opt %s --canonicalize | FileCheck %s

nn.state @weight parameter trainable : tensor<4x?xf32>

// CHECK-LABEL: @open
// CHECK-NEXT: nn.read @weight : tensor<4x?xf32>
// CHECK-NEXT: nn.linear %arg0, %{{.*}} : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<4x?xf32>) -> tensor<?x4xf32>
func.func @open(%x: tensor<?x3xf32, #nn.shape<batch, 3>>) -> tensor<?x4xf32> {
  %0 = nn.read @weight : tensor<4x?xf32>
  %1 = nn.linear %x, %0 : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<4x?xf32>) -> tensor<?x4xf32>
  return %1 : tensor<?x4xf32>
}

// Operands that nothing has checked yet, and types of which one is known and the other is not.
// CHECK-LABEL: @unchecked
// CHECK-NEXT: nn.permute
// CHECK-NEXT: nn.permute
// CHECK-NEXT: nn.cat
// CHECK-NEXT: nn.dropout
func.func @unchecked(%x: tensor<?x2xf32>, %y: tensor<?xf32, #nn.shape<n>>) -> (tensor<?x2xf32>, tensor<?xf32>, tensor<?xf32>) {
  %0 = nn.permute %x dims = [7] : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %1 = nn.permute %0 dims = [5, -9, 3] : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %2 = nn.cat %y dim = 4 : (tensor<?xf32, #nn.shape<n>>) -> tensor<?xf32>
  %3 = nn.dropout %y p = 0.0 training = false site = 0 : (tensor<?xf32, #nn.shape<n>>) -> tensor<?xf32>
  return %1, %2, %3 : tensor<?x2xf32>, tensor<?xf32>, tensor<?xf32>
}
