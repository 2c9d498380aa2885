// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-fuse))" | FileCheck %s
// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-fuse{wrap-single-ops=false}))" | FileCheck %s --check-prefix=BARE
// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-fuse{max-ops=2}))" | FileCheck %s --check-prefix=TWO
// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-fuse))" --remarks-filter=nn-fuse --remark-format=emitRemark -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// CHECK-DAG: #[[ID1:.*]] = affine_map<(d0) -> (d0)>
// CHECK-DAG: #[[ID2:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[LAST:.*]] = affine_map<(d0, d1) -> (d1)>
// CHECK-DAG: #[[FIRST:.*]] = affine_map<(d0, d1) -> (d0, 0)>
// CHECK-DAG: #[[NONE:.*]] = affine_map<(d0, d1) -> ()>
// CHECK-DAG: #[[CHANNEL:.*]] = affine_map<(d0, d1, d2) -> (d1)>

//===----------------------------------------------------------------------===//
// What must not change
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func.func @movements
// CHECK-NOT: nn.fused
// CHECK: return
func.func @movements(%x: tensor<4x3xf32>) -> tensor<3x4xf32> {
  %r = nn.reshape %x to [12] : (tensor<4x3xf32>) -> tensor<12xf32>
  %s = nn.reshape %r to [4, 3] : (tensor<12xf32>) -> tensor<4x3xf32>
  %p = nn.permute %s dims = [1, 0] : (tensor<4x3xf32>) -> tensor<3x4xf32>
  return %p : tensor<3x4xf32>
}

// An anchor alone is no region. Random dropout, which needs the index of the element, is an anchor and joins none.
// CHECK-LABEL: func.func @nothing_to_join
// CHECK: nn.linear
// CHECK: nn.dropout
// CHECK-NOT: nn.fused
// CHECK: return
func.func @nothing_to_join(%x: tensor<4x3xf32>, %w: tensor<2x3xf32>) -> tensor<4x2xf32> {
  %y = nn.linear %x, %w : (tensor<4x3xf32>, tensor<2x3xf32>) -> tensor<4x2xf32>
  %generator = nn.constant dense<[1, 0]> : tensor<2xi64>
  %d = nn.dropout %y generator %generator p = 5.000000e-01 training = true site = 3 : (tensor<4x2xf32>, tensor<2xi64>) -> tensor<4x2xf32>
  return %d : tensor<4x2xf32>
}

//===----------------------------------------------------------------------===//
// Chains without an anchor
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func.func @single
// CHECK: nn.fused() extras(%{{.*}}) maps [#[[ID1]]]
// BARE-LABEL: func.func @single
// BARE-NOT: nn.fused
// BARE: return
func.func @single(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y = nn.relu %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

// An operand that is used twice is one argument.
// CHECK-LABEL: func.func @square_and_more
// CHECK-SAME: %[[X:[^ ]*]]: tensor<?x3xf32, #nn.shape<batch, 3>>{{.*}}, %[[B:[^ ]*]]: tensor<3xf32>
// CHECK: %[[Y:.*]] = nn.fused() extras(%[[X]], %[[B]]) maps [#[[ID2]], #[[LAST]]]
// CHECK-NEXT: ^bb0(%[[S:.*]]: f32, %[[T:.*]]: f32):
// CHECK: %[[M:.*]] = arith.mulf %[[S]], %[[S]]
// CHECK: %[[A:.*]] = arith.addf %[[M]], %[[T]]
// CHECK: %[[C:.*]] = arith.cmpf olt, %[[A]], %[[ZERO:.*]] : f32
// CHECK: %[[R:.*]] = arith.select %[[C]], %[[ZERO]], %[[A]]
// CHECK: nn.yield %[[R]]
// CHECK: return %[[Y]]
// TWO-LABEL: func.func @square_and_more
// TWO-COUNT-2: nn.fused
// TWO: return
// REMARK: [Passed] fuse | Category:nn-fuse | Function=square_and_more{{.*}}Remark="mul, add, relu"
func.func @square_and_more(%x: tensor<?x3xf32, #nn.shape<batch, 3>> {nn.name = "x"}, %b: tensor<3xf32> {nn.name = "b"}) -> (tensor<?x3xf32, #nn.shape<batch, 3>> {nn.name = "y"}) {
  %0 = nn.mul %x, %x : tensor<?x3xf32, #nn.shape<batch, 3>>
  %1 = nn.add %0, %b : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<3xf32>) -> tensor<?x3xf32, #nn.shape<batch, 3>>
  %2 = nn.relu %1 : tensor<?x3xf32, #nn.shape<batch, 3>>
  return %2 : tensor<?x3xf32, #nn.shape<batch, 3>>
}

// Two chains that meet are one region.
// CHECK-LABEL: func.func @tree
// CHECK-COUNT-1: nn.fused
// CHECK-NOT: nn.fused
// CHECK: return
func.func @tree(%x: tensor<4x3xf32> {nn.name = "x"}, %z: tensor<4x3xf32> {nn.name = "z"}) -> (tensor<4x3xf32> {nn.name = "y"}) {
  %0 = nn.sigmoid %x : tensor<4x3xf32>
  %1 = nn.tanh %z : tensor<4x3xf32>
  %2 = nn.mul %0, %1 : tensor<4x3xf32>
  return %2 : tensor<4x3xf32>
}

// Operands without dimensions, of size 1, fills and constants.
// CHECK-LABEL: func.func @broadcasts
// CHECK-SAME: %[[X:[^ ]*]]: tensor<?x3xf32, #nn.shape<batch, 3>>{{.*}}, %[[S:[^ ]*]]: tensor<f32>{{.*}}, %[[C:[^ ]*]]: tensor<?x1xf32, #nn.shape<batch, 1>>
// CHECK-NOT: nn.full
// CHECK-NOT: nn.constant
// CHECK: nn.fused() extras(%[[X]], %[[S]], %[[C]]) maps [#[[ID2]], #[[NONE]], #[[FIRST]]]
// CHECK-DAG: arith.constant 2.000000e+00 : f32
// CHECK-DAG: arith.constant 3.000000e+00 : f32
func.func @broadcasts(%x: tensor<?x3xf32, #nn.shape<batch, 3>> {nn.name = "x"}, %s: tensor<f32> {nn.name = "s"}, %c: tensor<?x1xf32, #nn.shape<batch, 1>> {nn.name = "c"}) -> (tensor<?x3xf32, #nn.shape<batch, 3>> {nn.name = "y"}) {
  %f = nn.full 2.0 shape = [] dtype = f32 : tensor<f32>
  %k = nn.constant dense<3.0> : tensor<3xf32>
  %0 = nn.mul %x, %s : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<f32>) -> tensor<?x3xf32, #nn.shape<batch, 3>>
  %1 = nn.add %0, %c : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<?x1xf32, #nn.shape<batch, 1>>) -> tensor<?x3xf32, #nn.shape<batch, 3>>
  %2 = nn.mul %1, %f : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<f32>) -> tensor<?x3xf32, #nn.shape<batch, 3>>
  %3 = nn.add %2, %k : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<3xf32>) -> tensor<?x3xf32, #nn.shape<batch, 3>>
  return %3 : tensor<?x3xf32, #nn.shape<batch, 3>>
}

// An expansion joins the map of the operand.
// CHECK-LABEL: func.func @expansion
// CHECK-SAME: %[[X:[^ ]*]]: tensor<4x3xf32>{{.*}}, %[[C:[^ ]*]]: tensor<4x1xf32>
// CHECK-NOT: nn.expand
// CHECK: nn.fused() extras(%[[X]], %[[C]]) maps [#[[ID2]], #[[FIRST]]]
func.func @expansion(%x: tensor<4x3xf32> {nn.name = "x"}, %c: tensor<4x1xf32> {nn.name = "c"}) -> (tensor<4x3xf32> {nn.name = "y"}) {
  %e = nn.expand %c to [4, 3] : (tensor<4x1xf32>) -> tensor<4x3xf32>
  %0 = nn.mul %x, %e : tensor<4x3xf32>
  return %0 : tensor<4x3xf32>
}

// Scale and shift of an affine map go along dimension 1, wherever that is.
// CHECK-LABEL: func.func @channels
// CHECK: nn.fused() extras(%{{.*}}, %{{.*}}, %{{.*}}) maps [#{{.*}}, #[[CHANNEL]], #[[CHANNEL]]]
func.func @channels(%x: tensor<2x3x3xf32> {nn.name = "x"}, %s: tensor<3xf32> {nn.name = "s"}, %t: tensor<3xf32> {nn.name = "t"}) -> (tensor<2x3x3xf32> {nn.name = "y"}) {
  %0 = nn.channel_affine %x, %s, %t : (tensor<2x3x3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<2x3x3xf32>
  return %0 : tensor<2x3x3xf32>
}

// Types may change on the way.
// CHECK-LABEL: func.func @cast
// CHECK: nn.fused
// CHECK: arith.sitofp
// CHECK-NOT: nn.fused
// CHECK: return
func.func @cast(%x: tensor<3xi64> {nn.name = "x"}) -> (tensor<3xf32> {nn.name = "y"}) {
  %0 = nn.cast %x to f32 : (tensor<3xi64>) -> tensor<3xf32>
  %1 = nn.neg %0 : tensor<3xf32>
  return %1 : tensor<3xf32>
}

// A value that is used elsewhere too is computed once: it ends its region.
// CHECK-LABEL: func.func @several_uses
// CHECK: %[[H:.*]] = nn.fused
// CHECK: arith.addf
// CHECK: %[[Y:.*]] = nn.fused() extras(%[[H]])
// CHECK: return %[[H]], %[[Y]]
// REMARK: [Missed] fuse | {{.*}}Function=several_uses{{.*}}Reason="its result has 2 uses, 1 of them outside this region"
func.func @several_uses(%x: tensor<4x3xf32> {nn.name = "x"}) -> (tensor<4x3xf32> {nn.name = "h"}, tensor<4x3xf32> {nn.name = "y"}) {
  %0 = nn.add %x, %x : tensor<4x3xf32>
  %1 = nn.relu %0 : tensor<4x3xf32>
  return %0, %1 : tensor<4x3xf32>, tensor<4x3xf32>
}

// All uses in the region are no obstacle: x * sigmoid(x) of a sum.
// CHECK-LABEL: func.func @diamond
// CHECK-COUNT-1: nn.fused
// CHECK-NOT: nn.fused
// CHECK: return
func.func @diamond(%x: tensor<4x3xf32> {nn.name = "x"}) -> (tensor<4x3xf32> {nn.name = "y"}) {
  %0 = nn.add %x, %x : tensor<4x3xf32>
  %1 = nn.sigmoid %0 : tensor<4x3xf32>
  %2 = nn.mul %0, %1 : tensor<4x3xf32>
  return %2 : tensor<4x3xf32>
}

//===----------------------------------------------------------------------===//
// Anchors
//===----------------------------------------------------------------------===//

// Bias, activation and the residual, which the region reads at its own place.
// CHECK-LABEL: func.func @epilogue
// CHECK-SAME: %[[X:[^ ]*]]: tensor<?x3xf32, #nn.shape<batch, 3>> {{[^,]*}}, %[[P:[^ ]*]]: tensor<1x3x4xf32> {{[^,]*}}, %[[B:[^ ]*]]: tensor<3xf32>
// CHECK: %[[Y:.*]] = nn.fused anchor "nn.packed_linear" attributes {out_features = 3 : i64}(%[[X]], %[[P]]) extras(%[[B]], %[[X]]) maps [#[[LAST]], #[[ID2]]]
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[S:.*]]: f32, %[[R:.*]]: f32):
// CHECK: %[[BIASED:.*]] = arith.addf %[[A]], %[[S]]
// CHECK: %[[RELU:.*]] = arith.select %{{.*}}, %{{.*}}, %[[BIASED]]
// CHECK: %[[SUM:.*]] = arith.addf %[[RELU]], %[[R]]
// CHECK: nn.yield %[[SUM]]
// REMARK: [Passed] fuse | {{.*}}Function=epilogue | Module=fc, Remark="nn.packed_linear <- add, relu, add"
func.func @epilogue(%x: tensor<?x3xf32, #nn.shape<batch, 3>> {nn.name = "x"}, %p: tensor<1x3x4xf32> {nn.name = "p"}, %b: tensor<3xf32> {nn.name = "b"}) -> (tensor<?x3xf32, #nn.shape<batch, 3>> {nn.name = "y"}) {
  %0 = nn.packed_linear %x, %p out_features = 3 : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<1x3x4xf32>) -> tensor<?x3xf32, #nn.shape<batch, 3>> loc(fused<"fc">["model.cpp":1:1])
  %1 = nn.add %0, %b : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<3xf32>) -> tensor<?x3xf32, #nn.shape<batch, 3>>
  %2 = nn.relu %1 : tensor<?x3xf32, #nn.shape<batch, 3>>
  %3 = nn.add %2, %x : tensor<?x3xf32, #nn.shape<batch, 3>>
  return %3 : tensor<?x3xf32, #nn.shape<batch, 3>>
}

// The residual may be computed after the anchor: the region runs where its last op was.
// CHECK-LABEL: func.func @late_residual
// CHECK: %[[R:.*]] = nn.permute
// CHECK: nn.fused anchor "nn.matmul"(%{{.*}}, %{{.*}}) extras(%[[R]])
func.func @late_residual(%x: tensor<3x3xf32> {nn.name = "x"}, %w: tensor<3x3xf32> {nn.name = "w"}) -> (tensor<3x3xf32> {nn.name = "y"}) {
  %0 = nn.matmul %x, %w : (tensor<3x3xf32>, tensor<3x3xf32>) -> tensor<3x3xf32>
  %1 = nn.permute %x dims = [1, 0] : (tensor<3x3xf32>) -> tensor<3x3xf32>
  %2 = nn.add %0, %1 : tensor<3x3xf32>
  return %2 : tensor<3x3xf32>
}

// An anchor whose result is itself broadcast keeps its own iteration space.
// CHECK-LABEL: func.func @anchor_is_broadcast
// CHECK: %[[S:.*]] = nn.sum
// CHECK: nn.fused() extras(%{{.*}}, %[[S]])
// CHECK-NOT: anchor
// CHECK: return
// REMARK: [Missed] fuse | {{.*}}Function=anchor_is_broadcast{{.*}}Reason="its result [4, 1] is broadcast to [4, 3]"
func.func @anchor_is_broadcast(%x: tensor<4x3xf32> {nn.name = "x"}) -> (tensor<4x3xf32> {nn.name = "y"}) {
  %s = nn.sum %x dims = [1] keepdim = true : (tensor<4x3xf32>) -> tensor<4x1xf32>
  %0 = nn.div %x, %s : (tensor<4x3xf32>, tensor<4x1xf32>) -> tensor<4x3xf32>
  return %0 : tensor<4x3xf32>
}

// So does what follows it: the logarithm is taken four times, not twelve.
// CHECK-LABEL: func.func @small_epilogue
// CHECK: %[[S:.*]] = nn.fused anchor "nn.sum"
// CHECK: math.log
// CHECK: nn.fused() extras(%{{.*}}, %[[S]])
// CHECK: arith.subf
func.func @small_epilogue(%x: tensor<4x3xf32> {nn.name = "x"}) -> (tensor<4x3xf32> {nn.name = "y"}) {
  %s = nn.sum %x dims = [1] keepdim = true : (tensor<4x3xf32>) -> tensor<4x1xf32>
  %l = nn.log %s : tensor<4x1xf32>
  %0 = nn.sub %x, %l : (tensor<4x3xf32>, tensor<4x1xf32>) -> tensor<4x3xf32>
  return %0 : tensor<4x3xf32>
}

// Two anchors meet: the later one takes the sum, the other's own activation stays with the other.
// CHECK-LABEL: func.func @two_anchors
// CHECK: %[[A:.*]] = nn.fused anchor "nn.linear"
// CHECK: arith.select
// CHECK: nn.fused anchor "nn.linear"(%{{.*}}, %{{.*}}) extras(%[[A]])
// CHECK: math.tanh
// CHECK: arith.addf
// CHECK-NOT: nn.fused
// CHECK: return
// REMARK: [Missed] fuse | {{.*}}Function=two_anchors{{.*}}Reason="the region already has nn.linear as its anchor"
func.func @two_anchors(%x: tensor<4x3xf32> {nn.name = "x"}, %v: tensor<2x3xf32> {nn.name = "v"}, %w: tensor<2x3xf32> {nn.name = "w"}) -> (tensor<4x2xf32> {nn.name = "y"}) {
  %0 = nn.linear %x, %v : (tensor<4x3xf32>, tensor<2x3xf32>) -> tensor<4x2xf32>
  %1 = nn.relu %0 : tensor<4x2xf32>
  %2 = nn.linear %x, %w : (tensor<4x3xf32>, tensor<2x3xf32>) -> tensor<4x2xf32>
  %3 = nn.tanh %2 : tensor<4x2xf32>
  %4 = nn.add %1, %3 : tensor<4x2xf32>
  return %4 : tensor<4x2xf32>
}

// Embedding, concatenation and means are anchors too.
// CHECK-LABEL: func.func @other_anchors
// CHECK: nn.fused anchor "nn.embedding"
// CHECK: nn.fused anchor "nn.cat" attributes {dim = 1 : i64}
// CHECK: nn.fused anchor "nn.mean"
// CHECK: return
func.func @other_anchors(%i: tensor<4xi64> {nn.name = "i"}, %t: tensor<5x3xf32> {nn.name = "t"}) -> (tensor<4xf32> {nn.name = "y"}) {
  %0 = nn.embedding %i, %t : (tensor<4xi64>, tensor<5x3xf32>) -> tensor<4x3xf32>
  %1 = nn.relu %0 : tensor<4x3xf32>
  %2 = nn.cat %1, %1 dim = 1 : (tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<4x6xf32>
  %3 = nn.exp %2 : tensor<4x6xf32>
  %4 = nn.mean %3 dims = [1] keepdim = false : (tensor<4x6xf32>) -> tensor<4xf32>
  %5 = nn.neg %4 : tensor<4xf32>
  return %5 : tensor<4xf32>
}

// The same values, before and after.
// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-fuse))" -o %t.mlir
// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-fuse{max-ops=1}))" -o %t.one.mlir
// RUN: kiln-interpret %s broadcasts --input=x=iota:4x3 --input=s=values:scalar:-3 --input=c=iota:4x1 --f64 --output=y=%t.before.npy
// RUN: kiln-interpret %t.mlir broadcasts --input=x=iota:4x3 --input=s=values:scalar:-3 --input=c=iota:4x1 --f64 --output=y=%t.after.npy
// RUN: tensor-tool compare %t.after.npy %t.before.npy --tolerance=1e-12
// RUN: kiln-interpret %t.one.mlir broadcasts --input=x=iota:4x3 --input=s=values:scalar:-3 --input=c=iota:4x1 --f64 --output=y=%t.after.npy
// RUN: tensor-tool compare %t.after.npy %t.before.npy --tolerance=1e-12
// RUN: kiln-interpret %s epilogue --input=x=values:2x3:1,-2,3,-4,5,-6 --input=p=iota:1x3x4 --input=b=iota:3 --f64 --output=y=%t.before.npy
// RUN: kiln-interpret %t.mlir epilogue --input=x=values:2x3:1,-2,3,-4,5,-6 --input=p=iota:1x3x4 --input=b=iota:3 --f64 --output=y=%t.after.npy
// RUN: tensor-tool compare %t.after.npy %t.before.npy --tolerance=1e-12
// RUN: kiln-interpret %s channels --input=x=iota:2x3x3 --input=s=values:3:2,-1,0.5 --input=t=iota:3 --f64 --output=y=%t.before.npy
// RUN: kiln-interpret %t.mlir channels --input=x=iota:2x3x3 --input=s=values:3:2,-1,0.5 --input=t=iota:3 --f64 --output=y=%t.after.npy
// RUN: tensor-tool compare %t.after.npy %t.before.npy --tolerance=1e-12
// RUN: kiln-interpret %s two_anchors --input=x=iota:4x3 --input=v=values:2x3:1,-1,0.5,0.25,-0.5,0.125 --input=w=values:2x3:0.1,-0.2,0.3,-0.1,0.2,0.1 --f64 --output=y=%t.before.npy
// RUN: kiln-interpret %t.mlir two_anchors --input=x=iota:4x3 --input=v=values:2x3:1,-1,0.5,0.25,-0.5,0.125 --input=w=values:2x3:0.1,-0.2,0.3,-0.1,0.2,0.1 --f64 --output=y=%t.after.npy
// RUN: tensor-tool compare %t.after.npy %t.before.npy --tolerance=1e-12
// RUN: kiln-interpret %s other_anchors --input=i=values:4:4,0,2,1 --input=t=iota:5x3 --f64 --output=y=%t.before.npy
// RUN: kiln-interpret %t.mlir other_anchors --input=i=values:4:4,0,2,1 --input=t=iota:5x3 --f64 --output=y=%t.after.npy
// RUN: tensor-tool compare %t.after.npy %t.before.npy --tolerance=1e-12

//===----------------------------------------------------------------------===//
// Gradients
//===----------------------------------------------------------------------===//

// The mask of a relu joins the product before it: the comparison is an i1 of the body, never of memory. What follows has several
// users, so the region ends there.
// CHECK-LABEL: func.func @masked_product
// CHECK: %[[G:.*]] = nn.fused anchor "nn.matmul"(%arg0, %arg1) extras(%arg2) maps [#[[ID2]]]
// CHECK-NEXT: ^bb0(%[[P:.*]]: f32, %[[R:.*]]: f32):
// CHECK: %[[OFF:.*]] = arith.cmpf ole, %[[R]], %[[ZERO:.*]] : f32
// CHECK: %[[S:.*]] = arith.select %[[OFF]], %[[ZERO]], %[[P]] : f32
// CHECK: nn.yield %[[S]]
// CHECK: nn.sum %[[G]]
// CHECK: nn.permute %[[G]]
func.func @masked_product(%g: tensor<4x2xf32>, %w: tensor<2x3xf32>, %r: tensor<4x3xf32>) -> (tensor<3xf32>, tensor<3x4xf32>) {
  %0 = nn.matmul %g, %w : (tensor<4x2xf32>, tensor<2x3xf32>) -> tensor<4x3xf32>
  %zero = nn.full 0.000000e+00 shape = [] dtype = f32 : tensor<f32>
  %off = nn.le %r, %zero : (tensor<4x3xf32>, tensor<f32>) -> tensor<4x3xi1>
  %1 = nn.where %off, %zero, %0 : (tensor<4x3xi1>, tensor<f32>, tensor<4x3xf32>) -> tensor<4x3xf32>
  %b = nn.sum %1 dims = [0] keepdim = false : (tensor<4x3xf32>) -> tensor<3xf32>
  %t = nn.permute %1 dims = [1, 0] : (tensor<4x3xf32>) -> tensor<3x4xf32>
  return %b, %t : tensor<3xf32>, tensor<3x4xf32>
}

// What follows a random dropout joins it.
// CHECK-LABEL: func.func @dropout_anchor
// CHECK: nn.fused anchor "nn.dropout" attributes {p = 5.000000e-01 : f64, site = 3 : i64, training = true}(%arg0, %arg1) extras(%arg2)
// CHECK: arith.select
func.func @dropout_anchor(%g: tensor<4x3xf32>, %generator: tensor<2xi64>, %r: tensor<4x3xf32>) -> tensor<4x3xf32> {
  %0 = nn.dropout %g generator %generator p = 5.000000e-01 training = true site = 3 : (tensor<4x3xf32>, tensor<2xi64>) -> tensor<4x3xf32>
  %zero = nn.full 0.000000e+00 shape = [] dtype = f32 : tensor<f32>
  %off = nn.le %r, %zero : (tensor<4x3xf32>, tensor<f32>) -> tensor<4x3xi1>
  %1 = nn.where %off, %zero, %0 : (tensor<4x3xi1>, tensor<f32>, tensor<4x3xf32>) -> tensor<4x3xf32>
  return %1 : tensor<4x3xf32>
}

// A condition from memory, stretched; the zero joins the body, the cast too.
// CHECK-LABEL: func.func @stored_condition
// CHECK: nn.fused() extras(%arg1, %arg0) maps [#[[ID2]], #[[FIRST]]] : (tensor<4x3xbf16>, tensor<4x1xi1>) -> tensor<4x3xf32>
// CHECK-NEXT: ^bb0(%[[X:.*]]: bf16, %[[C:.*]]: i1):
// CHECK: %[[W:.*]] = arith.extf %[[X]] : bf16 to f32
// CHECK: arith.select %[[C]], %[[W]], %{{.*}} : f32
func.func @stored_condition(%c: tensor<4x1xi1>, %x: tensor<4x3xbf16>) -> tensor<4x3xf32> {
  %zero = nn.full 0.000000e+00 shape = [] dtype = f32 : tensor<f32>
  %w = nn.cast %x to f32 : (tensor<4x3xbf16>) -> tensor<4x3xf32>
  %y = nn.where %c, %w, %zero : (tensor<4x1xi1>, tensor<4x3xf32>, tensor<f32>) -> tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}

// Cotangents of a value with two users: both products, one region; the sum is the root, the later product its anchor.
// CHECK-LABEL: func.func @accumulated
// CHECK: %[[A:.*]] = nn.matmul %arg0, %arg1
// CHECK: nn.fused anchor "nn.matmul"(%arg0, %arg2) extras(%[[A]]) maps [#[[ID2]]]
// CHECK: arith.addf
func.func @accumulated(%g: tensor<4x2xf32>, %v: tensor<2x3xf32>, %w: tensor<2x3xf32>) -> tensor<4x3xf32> {
  %0 = nn.matmul %g, %v : (tensor<4x2xf32>, tensor<2x3xf32>) -> tensor<4x3xf32>
  %1 = nn.matmul %g, %w : (tensor<4x2xf32>, tensor<2x3xf32>) -> tensor<4x3xf32>
  %2 = nn.add %0, %1 : tensor<4x3xf32>
  return %2 : tensor<4x3xf32>
}

// One number for all elements, from a mean of known size, is a constant of the body.
// CHECK-LABEL: func.func @squared_error
// CHECK: nn.fused() extras(%arg0, %arg1) maps [#[[ID2]], #[[ID2]]]
// CHECK: arith.subf
// CHECK: arith.mulf %{{.*}}, %cst
// CHECK-NOT: nn.full
// CHECK: return
func.func @squared_error(%x: tensor<4x3xf32>, %y: tensor<4x3xf32>) -> tensor<4x3xf32> {
  %share = nn.full 0.083333333333333329 shape = [4, 3] dtype = f32 : tensor<4x3xf32>
  %d = nn.sub %x, %y : tensor<4x3xf32>
  %p = nn.mul %d, %share : tensor<4x3xf32>
  %q = nn.add %p, %p : tensor<4x3xf32>
  return %q : tensor<4x3xf32>
}

// A convolution takes its bias itself; what follows is computed before it stores.
// CHECK-LABEL: func.func @convolution
// CHECK: nn.fused anchor "nn.conv"
// CHECK-NOT: nn.relu
// CHECK: return
func.func @convolution(%x: tensor<2x3x8x8xf32>, %w: tensor<4x3x3x3xf32>, %b: tensor<4xf32>, %r: tensor<2x4x6x6xf32>) -> tensor<2x4x6x6xf32> {
  %y = nn.conv %x, %w, %b stride = [1, 1] padding_low = [0, 0] padding_high = [0, 0] dilation = [1, 1] groups = 1
    : (tensor<2x3x8x8xf32>, tensor<4x3x3x3xf32>, tensor<4xf32>) -> tensor<2x4x6x6xf32>
  %s = nn.add %y, %r : tensor<2x4x6x6xf32>
  %z = nn.relu %s : tensor<2x4x6x6xf32>
  return %z : tensor<2x4x6x6xf32>
}

// The kernel of a softmax writes rows of the result over the last two dimensions; over others it stores elements as they are.
// CHECK-LABEL: func.func @softmax
// CHECK: %[[A:.*]] = nn.fused anchor "nn.softmax" attributes {dim = -1 : i64}
// CHECK: %[[B:.*]] = nn.fused anchor "nn.log_softmax" attributes {dim = 1 : i64}(%[[A]])
// CHECK: %[[C:.*]] = nn.softmax %[[B]] dim = 0
// CHECK-NOT: anchor
// CHECK: return
// CHECK-LABEL: func.func @softmax_of_ones
// CHECK: nn.softmax
// CHECK-NOT: anchor
// CHECK: return
func.func @softmax(%x: tensor<4x3x5xf32>, %s: tensor<5xf32>) -> tensor<4x3x5xf32> {
  %0 = nn.softmax %x dim = -1 : tensor<4x3x5xf32>
  %1 = nn.mul %0, %s : (tensor<4x3x5xf32>, tensor<5xf32>) -> tensor<4x3x5xf32>
  %2 = nn.log_softmax %1 dim = 1 : tensor<4x3x5xf32>
  %3 = nn.mul %2, %s : (tensor<4x3x5xf32>, tensor<5xf32>) -> tensor<4x3x5xf32>
  %4 = nn.softmax %3 dim = 0 : tensor<4x3x5xf32>
  %5 = nn.neg %4 : tensor<4x3x5xf32>
  return %5 : tensor<4x3x5xf32>
}
func.func @softmax_of_ones(%x: tensor<4x3x1xf32>) -> tensor<4x3x1xf32> {
  %0 = nn.softmax %x dim = 1 : tensor<4x3x1xf32>
  %1 = nn.neg %0 : tensor<4x3x1xf32>
  return %1 : tensor<4x3x1xf32>
}
