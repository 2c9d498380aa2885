// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-rematerialize{min-elements=1}))" | FileCheck %s
// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-rematerialize{min-elements=1}))" --remarks-filter=nn-rematerialize --remark-format=emitRemark -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-rematerialize))" | FileCheck %s --check-prefix=SMALL
// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-rematerialize{min-elements=1 max-cost=8}))" | FileCheck %s --check-prefix=CHEAP
// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-rematerialize{min-elements=1}))" --mlir-pass-statistics -o /dev/null 2>&1 | FileCheck %s --check-prefix=COUNTS

// COUNTS-DAG: 3 nn-rematerialize{{ +}}- Number of values that live shorter
// COUNTS-DAG: 5 nn-rematerialize{{ +}}- Number of ops that were built to compute values again

//===----------------------------------------------------------------------===//
// What must not change
//===----------------------------------------------------------------------===//

// The late use is a product, which needs the value in memory.
// CHECK-LABEL: func.func @needs_memory
// CHECK-COUNT-1: nn.relu
// CHECK-NOT: nn.relu
// CHECK: return
func.func @needs_memory(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %a = nn.relu %x : tensor<4x4xf32>
  %0 = nn.matmul %a, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = nn.matmul %0, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %2 = nn.matmul %1, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %3 = nn.add %2, %a : tensor<4x4xf32>
  %4 = nn.matmul %3, %a : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  return %4 : tensor<4x4xf32>
}

// What it is computed from is gone by then.
// CHECK-LABEL: func.func @source_is_gone
// CHECK-COUNT-1: nn.relu
// CHECK-NOT: nn.relu
// CHECK: return
// REMARK: [Missed] rematerialize | Category:nn-rematerialize | Function=source_is_gone | Reason="the result of nn.matmul that it is computed from is not kept so long"
func.func @source_is_gone(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %h = nn.matmul %x, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %a = nn.relu %h : tensor<4x4xf32>
  %0 = nn.matmul %a, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = nn.matmul %0, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %2 = nn.matmul %1, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %3 = nn.add %2, %a : tensor<4x4xf32>
  return %3 : tensor<4x4xf32>
}

// Near uses share the value.
// CHECK-LABEL: func.func @near
// CHECK-COUNT-1: nn.relu
// CHECK-NOT: nn.relu
// CHECK: return
func.func @near(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %a = nn.relu %x : tensor<4x4xf32>
  %0 = nn.matmul %a, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = nn.matmul %0, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %2 = nn.add %1, %a : tensor<4x4xf32>
  return %2 : tensor<4x4xf32>
}

// A state that the function writes may have gone from memory.
nn.state @w parameter trainable : tensor<4x4xf32>
// CHECK-LABEL: func.func @written
// CHECK-COUNT-1: nn.relu
// CHECK-NOT: nn.relu
// CHECK: return
// REMARK: [Missed] rematerialize | {{.*}}Function=written | Reason="the result of nn.read that it is computed from is not kept so long"
func.func @written(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %w = nn.read @w : tensor<4x4xf32>
  nn.write @w, %x : tensor<4x4xf32>
  %a = nn.relu %w : tensor<4x4xf32>
  %0 = nn.matmul %a, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = nn.matmul %0, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %2 = nn.matmul %1, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %3 = nn.add %2, %a : tensor<4x4xf32>
  return %3 : tensor<4x4xf32>
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

// The input is in memory anyway; each late use has its own copy directly before it.
// CHECK-LABEL: func.func @late
// CHECK: %[[A:.*]] = nn.relu %arg0
// CHECK: nn.matmul %[[A]]
// CHECK: nn.matmul
// CHECK: %[[P:.*]] = nn.matmul
// CHECK-NEXT: %[[B:.*]] = nn.relu %arg0
// CHECK-NEXT: nn.add %[[P]], %[[B]]
// CHECK: nn.matmul
// CHECK: %[[Q:.*]] = nn.matmul
// CHECK-NEXT: %[[C:.*]] = nn.relu %arg0
// CHECK-NEXT: nn.mul %[[Q]], %[[C]]
// SMALL-LABEL: func.func @late
// SMALL-COUNT-1: nn.relu
// SMALL-NOT: nn.relu
// SMALL: return
// REMARK: [Passed] rematerialize | {{.*}}Function=late | Remark="nn.relu of [4, 4] is computed again in 2 of its 3 uses, for 2 of 16 units of cost"
func.func @late(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %a = nn.relu %x : tensor<4x4xf32>
  %0 = nn.matmul %a, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = nn.matmul %0, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %2 = nn.matmul %1, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %3 = nn.add %2, %a : tensor<4x4xf32>
  %4 = nn.matmul %3, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %5 = nn.matmul %4, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %6 = nn.mul %5, %a : tensor<4x4xf32>
  return %6 : tensor<4x4xf32>
}

// A product of sigmoid and input, as SiLU has it: the gradient reads both, and the sigmoid follows from the input that
// the other factor keeps. It costs 14: more than a limit of 8 allows.
// CHECK-LABEL: func.func @chain
// CHECK: %[[H:.*]] = nn.matmul %arg0, %arg0
// CHECK: %[[S:.*]] = nn.sigmoid %[[H]]
// CHECK: nn.matmul
// CHECK: %[[SIZES:.*]] = nn.expand %arg1
// CHECK-NEXT: %[[D:.*]] = nn.add %[[H]], %[[SIZES]]
// CHECK-NEXT: nn.mul %{{.*}}, %[[D]]
// CHECK: %[[T:.*]] = nn.sigmoid %[[H]]
// CHECK-NEXT: nn.mul %{{.*}}, %[[T]]
// CHEAP-LABEL: func.func @chain
// CHEAP-COUNT-1: nn.sigmoid
// CHEAP-NOT: nn.sigmoid
// CHEAP: return
// REMARK-DAG: [Missed] rematerialize | {{.*}}Function=too_costly | Reason="it costs more than max-cost allows"
func.func @chain(%x: tensor<4x4xf32>, %b: tensor<4xf32>) -> tensor<4x4xf32> {
  %h = nn.matmul %x, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %e = nn.expand %b to [4, 4] : (tensor<4xf32>) -> tensor<4x4xf32>
  %d = nn.add %h, %e : tensor<4x4xf32>
  %s = nn.sigmoid %h : tensor<4x4xf32>
  %y = nn.mul %d, %s : tensor<4x4xf32>
  %0 = nn.matmul %y, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = nn.matmul %0, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %2 = nn.mul %1, %d : tensor<4x4xf32>
  %3 = nn.mul %2, %s : tensor<4x4xf32>
  %4 = nn.mul %3, %h : tensor<4x4xf32>
  return %4 : tensor<4x4xf32>
}

// CHECK-LABEL: func.func @too_costly
// CHECK-COUNT-3: nn.tanh
// CHECK-NOT: nn.tanh
// CHECK: return
func.func @too_costly(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %t = nn.tanh %x : tensor<4x4xf32>
  %u = nn.tanh %t : tensor<4x4xf32>
  %a = nn.tanh %u : tensor<4x4xf32>
  %0 = nn.matmul %a, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = nn.matmul %0, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %2 = nn.matmul %1, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %3 = nn.add %2, %a : tensor<4x4xf32>
  return %3 : tensor<4x4xf32>
}
