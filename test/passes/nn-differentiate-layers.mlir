// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-differentiate))" | FileCheck %s
// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-differentiate))" --mlir-pass-statistics -o /dev/null 2>&1 | FileCheck %s --check-prefix=COUNTS

// COUNTS-DAG: 24 nn-differentiate{{ +}}- Number of nn.backward expanded
// COUNTS-DAG: 66 nn-differentiate{{ +}}- Number of ops that gradients were built from

// The rules of movements, reductions and layers. Numbers are compared in gradient_test.cpp and test/oracle/gradients.py.

//===----------------------------------------------------------------------===//
// Movements
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func.func @reshape_permute
// CHECK: %[[A:.*]] = nn.permute %arg1 dims = [1, 2, 0]
// CHECK-NEXT: %[[B:.*]] = nn.reshape %[[A]] to [batch, 12]
// CHECK-NEXT: return %[[B]]
func.func @reshape_permute(%x: tensor<?x12xf32, #nn.shape<batch, 12>>, %s: tensor<4x?x3xf32, #nn.shape<4, batch, 3>>) -> tensor<?x12xf32, #nn.shape<batch, 12>> {
  %0 = nn.reshape %x to [batch, 3, 4] : (tensor<?x12xf32, #nn.shape<batch, 12>>) -> tensor<?x3x4xf32, #nn.shape<batch, 3, 4>>
  %y = nn.permute %0 dims = [-1, 0, 1] : (tensor<?x3x4xf32, #nn.shape<batch, 3, 4>>) -> tensor<4x?x3xf32, #nn.shape<4, batch, 3>>
  %g = nn.backward %y gradient %s to %x
    : (tensor<4x?x3xf32, #nn.shape<4, batch, 3>>, tensor<4x?x3xf32, #nn.shape<4, batch, 3>>, tensor<?x12xf32, #nn.shape<batch, 12>>) -> tensor<?x12xf32, #nn.shape<batch, 12>>
  return %g : tensor<?x12xf32, #nn.shape<batch, 12>>
}

// CHECK-LABEL: func.func @expand
// CHECK: %[[A:.*]] = nn.sum %arg1 dims = [0, 1] keepdim = false
// CHECK: %[[B:.*]] = nn.reshape %[[A]] to [1, 3]
// CHECK: return %[[B]]
func.func @expand(%x: tensor<1x3xf32>, %s: tensor<?x5x3xf32, #nn.shape<batch, 5, 3>>) -> tensor<1x3xf32> {
  %y = nn.expand %x to [batch, 5, 3] : (tensor<1x3xf32>) -> tensor<?x5x3xf32, #nn.shape<batch, 5, 3>>
  %g = nn.backward %y gradient %s to %x
    : (tensor<?x5x3xf32, #nn.shape<batch, 5, 3>>, tensor<?x5x3xf32, #nn.shape<batch, 5, 3>>, tensor<1x3xf32>) -> tensor<1x3xf32>
  return %g : tensor<1x3xf32>
}

// CHECK-LABEL: func.func @slice
// CHECK: %[[Z:.*]] = nn.full 0.000000e+00 shape = [4, batch]
// CHECK: nn.slice_scatter %[[Z]], %arg1 dim = 1 [1 : batch : 2]
func.func @slice(%x: tensor<4x?xf32, #nn.shape<4, batch>>, %s: tensor<4x?xf32, #nn.shape<4, batch floordiv 2>>) -> tensor<4x?xf32, #nn.shape<4, batch>> {
  %y = nn.slice %x dim = 1 [1 : batch : 2] : (tensor<4x?xf32, #nn.shape<4, batch>>) -> tensor<4x?xf32, #nn.shape<4, batch floordiv 2>>
  %g = nn.backward %y gradient %s to %x
    : (tensor<4x?xf32, #nn.shape<4, batch floordiv 2>>, tensor<4x?xf32, #nn.shape<4, batch floordiv 2>>, tensor<4x?xf32, #nn.shape<4, batch>>) -> tensor<4x?xf32, #nn.shape<4, batch>>
  return %g : tensor<4x?xf32, #nn.shape<4, batch>>
}

// CHECK-LABEL: func.func @slice_scatter
// CHECK: %[[Z:.*]] = nn.full 0.000000e+00 shape = [2]
// CHECK: %[[A:.*]] = nn.slice_scatter %arg2, %[[Z]] dim = 0 [1 : 5 : 2]
// CHECK: %[[B:.*]] = nn.slice %arg2 dim = 0 [1 : 5 : 2]
// CHECK: return %[[A]], %[[B]]
func.func @slice_scatter(%x: tensor<6xf32>, %p: tensor<2xf32>, %s: tensor<6xf32>) -> (tensor<6xf32>, tensor<2xf32>) {
  %y = nn.slice_scatter %x, %p dim = 0 [1 : 5 : 2] : (tensor<6xf32>, tensor<2xf32>) -> tensor<6xf32>
  %g:2 = nn.backward %y gradient %s to %x, %p : (tensor<6xf32>, tensor<6xf32>, tensor<6xf32>, tensor<2xf32>) -> (tensor<6xf32>, tensor<2xf32>)
  return %g#0, %g#1 : tensor<6xf32>, tensor<2xf32>
}

// Each input gets its part, also behind parts that nobody asks about; a legacy empty tensor gets an empty one.
// CHECK-LABEL: func.func @cat
// CHECK: %[[E:.*]] = nn.full 0.000000e+00 shape = [0]
// CHECK: %[[A:.*]] = nn.slice %arg4 dim = 0 [batch : batch + 2 : 1]
// CHECK: return %[[E]], %[[A]]
func.func @cat(%a: tensor<?x3xf32, #nn.shape<batch, 3>>, %e: tensor<0xf32>, %b: tensor<2x3xf32>, %c: tensor<?x3xf32, #nn.shape<batch, 3>>, %s: tensor<?x3xf32, #nn.shape<2 * batch + 2, 3>>) -> (tensor<0xf32>, tensor<2x3xf32>) {
  %y = nn.cat %a, %e, %b, %c dim = -2
    : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<0xf32>, tensor<2x3xf32>, tensor<?x3xf32, #nn.shape<batch, 3>>) -> tensor<?x3xf32, #nn.shape<2 * batch + 2, 3>>
  %g:2 = nn.backward %y gradient %s to %e, %b
    : (tensor<?x3xf32, #nn.shape<2 * batch + 2, 3>>, tensor<?x3xf32, #nn.shape<2 * batch + 2, 3>>, tensor<0xf32>, tensor<2x3xf32>) -> (tensor<0xf32>, tensor<2x3xf32>)
  return %g#0, %g#1 : tensor<0xf32>, tensor<2x3xf32>
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func.func @sum
// CHECK: %[[R:.*]] = nn.reshape %arg1 to [4, 1, 5]
// CHECK: nn.expand %[[R]] to [4, 3, 5]
func.func @sum(%x: tensor<4x3x5xf32>, %s: tensor<4x5xf32>) -> tensor<4x3x5xf32> {
  %y = nn.sum %x dims = [-2] keepdim = false : (tensor<4x3x5xf32>) -> tensor<4x5xf32>
  %g = nn.backward %y gradient %s to %x : (tensor<4x5xf32>, tensor<4x5xf32>, tensor<4x3x5xf32>) -> tensor<4x3x5xf32>
  return %g : tensor<4x3x5xf32>
}

// CHECK-LABEL: func.func @mean
// CHECK: %[[N:.*]] = nn.full 1.500000e+01 shape = [] dtype = f32
// CHECK: %[[D:.*]] = nn.div %arg1, %[[N]]
// CHECK: nn.expand %[[D]] to [4, 3, 5]
func.func @mean(%x: tensor<4x3x5xf32>, %s: tensor<4x1x1xf32>) -> tensor<4x3x5xf32> {
  %y = nn.mean %x dims = [1, 2] keepdim = true : (tensor<4x3x5xf32>) -> tensor<4x1x1xf32>
  %g = nn.backward %y gradient %s to %x : (tensor<4x1x1xf32>, tensor<4x1x1xf32>, tensor<4x3x5xf32>) -> tensor<4x3x5xf32>
  return %g : tensor<4x3x5xf32>
}

// The gradient of a mean loss is one number, known when the sizes are.
// CHECK-LABEL: func.func @mean_of_all
// CHECK: %[[G:.*]] = nn.full 2.500000e-01 shape = [2, 2] dtype = f32
// CHECK-NEXT: return %[[G]]
func.func @mean_of_all(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %y = nn.mean %x dims = [] keepdim = false : (tensor<2x2xf32>) -> tensor<f32>
  %g = nn.backward %y to %x : (tensor<f32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  return %g : tensor<2x2xf32>
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

// dX = dY W, dW = dYᵀ X, db = column sums; transposes directly before their product.
// CHECK-LABEL: func.func @linear
// CHECK: %[[DX:.*]] = nn.matmul %arg3, %arg1 : (tensor<?x2xf32, #nn.shape<batch, 2>>, tensor<2x3xf32>)
// CHECK-NEXT: %[[T:.*]] = nn.permute %arg3 dims = [1, 0]
// CHECK-NEXT: %[[DW:.*]] = nn.matmul %[[T]], %arg0
// CHECK-NEXT: %[[DB:.*]] = nn.sum %arg3 dims = [0] keepdim = false
// CHECK-NEXT: return %[[DX]], %[[DW]], %[[DB]]
func.func @linear(%x: tensor<?x3xf32, #nn.shape<batch, 3>>, %w: tensor<2x3xf32>, %b: tensor<2xf32>, %s: tensor<?x2xf32, #nn.shape<batch, 2>>)
    -> (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<2x3xf32>, tensor<2xf32>) {
  %y = nn.linear %x, %w, %b : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<2x3xf32>, tensor<2xf32>) -> tensor<?x2xf32, #nn.shape<batch, 2>>
  %g:3 = nn.backward %y gradient %s to %x, %w, %b
    : (tensor<?x2xf32, #nn.shape<batch, 2>>, tensor<?x2xf32, #nn.shape<batch, 2>>, tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<2x3xf32>, tensor<2xf32>)
    -> (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<2x3xf32>, tensor<2xf32>)
  return %g#0, %g#1, %g#2 : tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<2x3xf32>, tensor<2xf32>
}

// Leading dimensions are folded into rows.
// CHECK-LABEL: func.func @linear_leading
// CHECK: %[[S:.*]] = nn.reshape %arg2 to [batch * length, 2]
// CHECK: %[[P:.*]] = nn.matmul %[[S]], %arg1
// CHECK: %[[DX:.*]] = nn.reshape %[[P]] to [batch, length, 3]
// CHECK: %[[T:.*]] = nn.permute %[[S]] dims = [1, 0]
// CHECK: %[[X:.*]] = nn.reshape %arg0 to [batch * length, 3]
// CHECK: %[[DW:.*]] = nn.matmul %[[T]], %[[X]]
// CHECK: return %[[DX]], %[[DW]]
func.func @linear_leading(%x: tensor<?x?x3xf32, #nn.shape<batch, length, 3>>, %w: tensor<2x3xf32>, %s: tensor<?x?x2xf32, #nn.shape<batch, length, 2>>)
    -> (tensor<?x?x3xf32, #nn.shape<batch, length, 3>>, tensor<2x3xf32>) {
  %y = nn.linear %x, %w : (tensor<?x?x3xf32, #nn.shape<batch, length, 3>>, tensor<2x3xf32>) -> tensor<?x?x2xf32, #nn.shape<batch, length, 2>>
  %g:2 = nn.backward %y gradient %s to %x, %w
    : (tensor<?x?x2xf32, #nn.shape<batch, length, 2>>, tensor<?x?x2xf32, #nn.shape<batch, length, 2>>, tensor<?x?x3xf32, #nn.shape<batch, length, 3>>, tensor<2x3xf32>)
    -> (tensor<?x?x3xf32, #nn.shape<batch, length, 3>>, tensor<2x3xf32>)
  return %g#0, %g#1 : tensor<?x?x3xf32, #nn.shape<batch, length, 3>>, tensor<2x3xf32>
}

// A vector: the weight's gradient is an outer product.
// CHECK-LABEL: func.func @linear_vector
// CHECK: %[[DX:.*]] = nn.matmul %arg3, %arg1
// CHECK: %[[C:.*]] = nn.reshape %arg3 to [2, 1]
// CHECK: %[[DW:.*]] = nn.mul %[[C]], %arg0
// CHECK: return %[[DX]], %[[DW]], %arg3
func.func @linear_vector(%x: tensor<3xf32>, %w: tensor<2x3xf32>, %b: tensor<2xf32>, %s: tensor<2xf32>) -> (tensor<3xf32>, tensor<2x3xf32>, tensor<2xf32>) {
  %y = nn.linear %x, %w, %b : (tensor<3xf32>, tensor<2x3xf32>, tensor<2xf32>) -> tensor<2xf32>
  %g:3 = nn.backward %y gradient %s to %x, %w, %b
    : (tensor<2xf32>, tensor<2xf32>, tensor<3xf32>, tensor<2x3xf32>, tensor<2xf32>) -> (tensor<3xf32>, tensor<2x3xf32>, tensor<2xf32>)
  return %g#0, %g#1, %g#2 : tensor<3xf32>, tensor<2x3xf32>, tensor<2xf32>
}

// CHECK-LABEL: func.func @matmul_matrices
// CHECK: %[[T:.*]] = nn.permute %arg1 dims = [1, 0]
// CHECK-NEXT: %[[A:.*]] = nn.matmul %arg2, %[[T]]
// CHECK-NEXT: %[[U:.*]] = nn.permute %arg0 dims = [1, 0]
// CHECK-NEXT: %[[B:.*]] = nn.matmul %[[U]], %arg2
// CHECK-NEXT: return %[[A]], %[[B]]
func.func @matmul_matrices(%a: tensor<4x3xf32>, %b: tensor<3x2xf32>, %s: tensor<4x2xf32>) -> (tensor<4x3xf32>, tensor<3x2xf32>) {
  %y = nn.matmul %a, %b : (tensor<4x3xf32>, tensor<3x2xf32>) -> tensor<4x2xf32>
  %g:2 = nn.backward %y gradient %s to %a, %b : (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x3xf32>, tensor<3x2xf32>) -> (tensor<4x3xf32>, tensor<3x2xf32>)
  return %g#0, %g#1 : tensor<4x3xf32>, tensor<3x2xf32>
}

// Matrices of a batch that were used several times get the sum.
// CHECK-LABEL: func.func @matmul_batched
// CHECK: %[[T:.*]] = nn.permute %arg1 dims = [0, 2, 1]
// CHECK-NEXT: %[[P:.*]] = nn.matmul %arg2, %[[T]]
// CHECK-NEXT: %[[A:.*]] = nn.sum %[[P]] dims = [0]
// CHECK-NEXT: %[[U:.*]] = nn.permute %arg0 dims = [1, 0]
// CHECK-NEXT: %[[B:.*]] = nn.matmul %[[U]], %arg2
// CHECK-NEXT: return %[[A]], %[[B]]
func.func @matmul_batched(%a: tensor<4x3xf32>, %b: tensor<7x3x2xf32>, %s: tensor<7x4x2xf32>) -> (tensor<4x3xf32>, tensor<7x3x2xf32>) {
  %y = nn.matmul %a, %b : (tensor<4x3xf32>, tensor<7x3x2xf32>) -> tensor<7x4x2xf32>
  %g:2 = nn.backward %y gradient %s to %a, %b : (tensor<7x4x2xf32>, tensor<7x4x2xf32>, tensor<4x3xf32>, tensor<7x3x2xf32>) -> (tensor<4x3xf32>, tensor<7x3x2xf32>)
  return %g#0, %g#1 : tensor<4x3xf32>, tensor<7x3x2xf32>
}

// CHECK-LABEL: func.func @matmul_vectors
// CHECK: nn.mul %arg2, %arg1 : (tensor<f32>, tensor<3xf32>) -> tensor<3xf32>
// CHECK: nn.mul %arg2, %arg0 : (tensor<f32>, tensor<3xf32>) -> tensor<3xf32>
func.func @matmul_vectors(%a: tensor<3xf32>, %b: tensor<3xf32>, %s: tensor<f32>) -> (tensor<3xf32>, tensor<3xf32>) {
  %y = nn.matmul %a, %b : (tensor<3xf32>, tensor<3xf32>) -> tensor<f32>
  %g:2 = nn.backward %y gradient %s to %a, %b : (tensor<f32>, tensor<f32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>)
  return %g#0, %g#1 : tensor<3xf32>, tensor<3xf32>
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func.func @batch_norm_training
// CHECK: %{{.*}}, %[[STATISTICS:.*]]:4 = nn.batch_norm
// CHECK-NEXT: %[[DX:.*]], %[[DW:.*]], %[[DB:.*]] = nn.batch_norm_backward %arg5, %arg0, %[[STATISTICS]]#2, %[[STATISTICS]]#3 weight %arg1
// CHECK-NEXT: return %[[DX]], %[[DW]], %[[DB]]
func.func @batch_norm_training(%x: tensor<4x3xf32>, %w: tensor<3xf32>, %b: tensor<3xf32>, %m: tensor<3xf32>, %v: tensor<3xf32>, %s: tensor<4x3xf32>)
    -> (tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>) {
  %y:5 = nn.batch_norm %x weight %w bias %b running_mean %m running_var %v training = true momentum = 1.000000e-01 eps = 1.000000e-05
    : (tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>)
  %g:3 = nn.backward %y#0 gradient %s to %x, %w, %b
    : (tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>)
  return %g#0, %g#1, %g#2 : tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>
}

// The bias alone needs a sum only.
// CHECK-LABEL: func.func @batch_norm_bias
// CHECK: nn.batch_norm
// CHECK-NEXT: %[[G:.*]] = nn.sum %arg2 dims = [0, 2] keepdim = false
// CHECK-NEXT: return %[[G]]
func.func @batch_norm_bias(%x: tensor<4x3x5xf32>, %b: tensor<3xf32>, %s: tensor<4x3x5xf32>) -> tensor<3xf32> {
  %y:3 = nn.batch_norm %x bias %b training = true momentum = 1.000000e-01 eps = 1.000000e-05
    : (tensor<4x3x5xf32>, tensor<3xf32>) -> (tensor<4x3x5xf32>, tensor<3xf32>, tensor<3xf32>)
  %g = nn.backward %y#0 gradient %s to %b : (tensor<4x3x5xf32>, tensor<4x3x5xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %g : tensor<3xf32>
}

// Running statistics are constants. The weight's gradient centres the input first, as PyTorch does.
// CHECK-LABEL: func.func @batch_norm_evaluation
// CHECK: %[[STD:.*]] = nn.rsqrt
// CHECK: %[[SCALE:.*]] = nn.mul %arg1, %[[STD]]
// CHECK: %[[DX:.*]] = nn.mul %arg4, %[[SCALE]]
// CHECK: %[[C:.*]] = nn.sub %arg0, %arg2
// CHECK: %[[P:.*]] = nn.mul %arg4, %[[C]]
// CHECK: %[[SUM:.*]] = nn.sum %[[P]] dims = [0]
// CHECK: %[[DW:.*]] = nn.mul %[[SUM]], %[[STD]]
// CHECK: return %[[DX]], %[[DW]]
func.func @batch_norm_evaluation(%x: tensor<4x3xf32>, %w: tensor<3xf32>, %m: tensor<3xf32>, %v: tensor<3xf32>, %s: tensor<4x3xf32>) -> (tensor<4x3xf32>, tensor<3xf32>) {
  %y = nn.batch_norm %x weight %w running_mean %m running_var %v training = false momentum = 1.000000e-01 eps = 1.000000e-05
    : (tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<4x3xf32>
  %g:2 = nn.backward %y gradient %s to %x, %w : (tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x3xf32>, tensor<3xf32>) -> (tensor<4x3xf32>, tensor<3xf32>)
  return %g#0, %g#1 : tensor<4x3xf32>, tensor<3xf32>
}

// No gradient flows into updated statistics: the loss does not depend on the input through them.
// CHECK-LABEL: func.func @batch_norm_statistics
// CHECK-NOT: nn.batch_norm_backward
// CHECK: nn.full 0.0
func.func @batch_norm_statistics(%x: tensor<4x3xf32>, %m: tensor<3xf32>, %v: tensor<3xf32>) -> tensor<4x3xf32> {
  %y:5 = nn.batch_norm %x running_mean %m running_var %v training = true momentum = 1.000000e-01 eps = 1.000000e-05
    : (tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>)
  %l = nn.sum %y#1 dims = [] keepdim = false : (tensor<3xf32>) -> tensor<f32>
  %g = nn.backward %l to %x : (tensor<f32>, tensor<4x3xf32>) -> tensor<4x3xf32>
  return %g : tensor<4x3xf32>
}

// CHECK-LABEL: func.func @channel_affine
// CHECK: %[[SCALE:.*]] = nn.reshape %arg1 to [3, 1]
// CHECK: nn.mul %arg3, %[[SCALE]]
// CHECK: %[[P:.*]] = nn.mul %arg3, %arg0
// CHECK: nn.sum %[[P]] dims = [0, 2]
// CHECK: nn.sum %arg3 dims = [0, 2]
func.func @channel_affine(%x: tensor<4x3x5xf32>, %a: tensor<3xf32>, %b: tensor<3xf32>, %s: tensor<4x3x5xf32>) -> (tensor<4x3x5xf32>, tensor<3xf32>, tensor<3xf32>) {
  %y = nn.channel_affine %x, %a, %b : (tensor<4x3x5xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<4x3x5xf32>
  %g:3 = nn.backward %y gradient %s to %x, %a, %b
    : (tensor<4x3x5xf32>, tensor<4x3x5xf32>, tensor<4x3x5xf32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<4x3x5xf32>, tensor<3xf32>, tensor<3xf32>)
  return %g#0, %g#1, %g#2 : tensor<4x3x5xf32>, tensor<3xf32>, tensor<3xf32>
}

// CHECK-LABEL: func.func @embedding
// CHECK: nn.embedding_backward %arg2, %arg0 num_embeddings = <100> padding_idx = 3
func.func @embedding(%i: tensor<4x5xi64>, %w: tensor<100x2xf32>, %s: tensor<4x5x2xf32>) -> tensor<100x2xf32> {
  %y = nn.embedding %i, %w padding_idx = 3 : (tensor<4x5xi64>, tensor<100x2xf32>) -> tensor<4x5x2xf32>
  %g = nn.backward %y gradient %s to %w : (tensor<4x5x2xf32>, tensor<4x5x2xf32>, tensor<100x2xf32>) -> tensor<100x2xf32>
  return %g : tensor<100x2xf32>
}

// The sums of rows are in float.
// CHECK-LABEL: func.func @embedding_bf16
// CHECK: %[[WIDE:.*]] = nn.cast %arg2 to f32
// CHECK: %[[SUMS:.*]] = nn.embedding_backward %[[WIDE]], %arg0 num_embeddings = <100>
// CHECK: nn.cast %[[SUMS]] to bf16
func.func @embedding_bf16(%i: tensor<4x5xi64>, %w: tensor<100x2xbf16>, %s: tensor<4x5x2xbf16>) -> tensor<100x2xbf16> {
  %y = nn.embedding %i, %w : (tensor<4x5xi64>, tensor<100x2xbf16>) -> tensor<4x5x2xbf16>
  %g = nn.backward %y gradient %s to %w : (tensor<4x5x2xbf16>, tensor<4x5x2xbf16>, tensor<100x2xbf16>) -> tensor<100x2xbf16>
  return %g : tensor<100x2xbf16>
}

// CHECK-LABEL: func.func @log_softmax
// CHECK: %[[Y:.*]] = nn.log_softmax %arg0 dim = -1
// CHECK: %[[D:.*]] = nn.log_softmax_backward %arg1, %[[Y]] dim = -1
// CHECK-NEXT: return %[[D]]
func.func @log_softmax(%x: tensor<?x3xf32, #nn.shape<batch, 3>>, %s: tensor<?x3xf32, #nn.shape<batch, 3>>) -> tensor<?x3xf32, #nn.shape<batch, 3>> {
  %y = nn.log_softmax %x dim = -1 : tensor<?x3xf32, #nn.shape<batch, 3>>
  %g = nn.backward %y gradient %s to %x
    : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<?x3xf32, #nn.shape<batch, 3>>) -> tensor<?x3xf32, #nn.shape<batch, 3>>
  return %g : tensor<?x3xf32, #nn.shape<batch, 3>>
}

// CHECK-LABEL: func.func @softmax
// CHECK: %[[Y:.*]] = nn.softmax %arg0 dim = 1
// CHECK: %[[D:.*]] = nn.softmax_backward %arg1, %[[Y]] dim = 1
// CHECK-NEXT: return %[[D]]
func.func @softmax(%x: tensor<?x3xf32, #nn.shape<batch, 3>>, %s: tensor<?x3xf32, #nn.shape<batch, 3>>) -> tensor<?x3xf32, #nn.shape<batch, 3>> {
  %y = nn.softmax %x dim = 1 : tensor<?x3xf32, #nn.shape<batch, 3>>
  %g = nn.backward %y gradient %s to %x
    : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<?x3xf32, #nn.shape<batch, 3>>) -> tensor<?x3xf32, #nn.shape<batch, 3>>
  return %g : tensor<?x3xf32, #nn.shape<batch, 3>>
}

// CHECK-LABEL: func.func @cross_entropy
// CHECK: %[[ONE:.*]] = nn.full 1.000000e+00 shape = [] dtype = f32
// CHECK: nn.cross_entropy_backward %[[ONE]], %arg0, %arg1 weight %arg2 ignore_index = 7 label_smoothing = 1.000000e-01 reduction = "sum"
func.func @cross_entropy(%x: tensor<?x3xf32, #nn.shape<batch, 3>>, %t: tensor<?xi64, #nn.shape<batch>>, %w: tensor<3xf32>) -> tensor<?x3xf32, #nn.shape<batch, 3>> {
  %l = nn.cross_entropy %x, %t weight %w ignore_index = 7 label_smoothing = 1.000000e-01 reduction = "sum"
    : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<?xi64, #nn.shape<batch>>, tensor<3xf32>) -> tensor<f32>
  %g = nn.backward %l to %x : (tensor<f32>, tensor<?x3xf32, #nn.shape<batch, 3>>) -> tensor<?x3xf32, #nn.shape<batch, 3>>
  return %g : tensor<?x3xf32, #nn.shape<batch, 3>>
}
