// Every operation reads back what it prints, in its own form and in the generic one.
//
// RUN: kiln-opt %s --verify-roundtrip | FileCheck %s
// RUN: kiln-opt %s --mlir-print-op-generic | kiln-opt | FileCheck %s
// RUN: kiln-opt %s --emit-bytecode | kiln-opt | FileCheck %s
// RUN: kiln-opt %s --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s --check-prefix=LOCATION

// CHECK: module attributes {nn.program = "digits"}
module attributes {nn.program = "digits"} {

//===----------------------------------------------------------------------===//
// Declarations
//===----------------------------------------------------------------------===//

// CHECK: nn.module "" type "Net"
nn.module "" type "Net"
// CHECK: nn.module "0" type "Linear" extra_repr "in_features=8, out_features=16, bias=True" output_shape "[batch, 16]" multiply_adds "128 * batch"
nn.module "0" type "Linear" extra_repr "in_features=8, out_features=16, bias=True" output_shape "[batch, 16]" multiply_adds "128 * batch"

// CHECK: nn.state @"0.weight" parameter trainable : tensor<2x2xf32> = dense<{{\[\[}}1.000000e+00, 2.000000e+00], [3.000000e+00, 4.000000e+00]]>
nn.state @"0.weight" parameter trainable : tensor<2x2xf32> = dense<[[1.0, 2.0], [3.0, 4.0]]>
// CHECK: nn.state @frozen parameter : tensor<2xf32>{{$}}
nn.state @frozen parameter : tensor<2xf32>
// CHECK: nn.state @mask buffer : tensor<4xi1> = dense<[true, false, true, true]>
nn.state @mask buffer : tensor<4xi1> = dense<[true, false, true, true]>
// CHECK: nn.state @step optimizer : tensor<i64> = dense<0>
nn.state @step optimizer : tensor<i64> = dense<0>
// CHECK: nn.state @big parameter : tensor<3xf32> = dense_resource<big>
nn.state @big parameter : tensor<3xf32> = dense_resource<big>

// CHECK: nn.state_name "0.weight" of @"0.weight"
nn.state_name "0.weight" of @"0.weight"
// CHECK: nn.state_name "tied.weight" of @"0.weight"
nn.state_name "tied.weight" of @"0.weight"
// CHECK: nn.state_name "mask" of @mask non_persistent
nn.state_name "mask" of @mask non_persistent

// CHECK: nn.prepared @predict.0.packed : tensor<1x2x32xf32> sources [@"0.weight"]
nn.prepared @"predict.0.packed" : tensor<1x2x32xf32> sources [@"0.weight"]

//===----------------------------------------------------------------------===//
// Reading and writing
//===----------------------------------------------------------------------===//

// CHECK: func.func @state(%arg0: tensor<2x2xf32> {nn.name = "x"}) -> (tensor<2x2xf32> {nn.name = "output"}) attributes {nn.entry}
func.func @state(%x: tensor<2x2xf32> {nn.name = "x"}) -> (tensor<2x2xf32> {nn.name = "output"}) attributes {nn.entry} {
  // CHECK: nn.write @"0.weight", %arg0 : tensor<2x2xf32>
  nn.write @"0.weight", %x : tensor<2x2xf32>
  // CHECK: nn.read @"0.weight" : tensor<2x2xf32>
  %0 = nn.read @"0.weight" : tensor<2x2xf32>
  // CHECK: nn.load_prepared @predict.0.packed : tensor<1x2x32xf32>
  %1 = nn.load_prepared @"predict.0.packed" : tensor<1x2x32xf32>
  return %0 : tensor<2x2xf32>
}

// CHECK: func.func private @prepare_0() attributes {nn.prepare}
func.func private @prepare_0() attributes {nn.prepare} {
  %0 = nn.read @"0.weight" : tensor<2x2xf32>
  // CHECK: nn.pack_panels %{{.*}} panel = 32 : (tensor<2x2xf32>) -> tensor<1x2x32xf32>
  %1 = nn.pack_panels %0 panel = 32 : (tensor<2x2xf32>) -> tensor<1x2x32xf32>
  // CHECK: nn.store_prepared @predict.0.packed, %{{.*}} : tensor<1x2x32xf32>
  nn.store_prepared @"predict.0.packed", %1 : tensor<1x2x32xf32>
  return
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

// CHECK-LABEL: @elementwise
func.func @elementwise(%x: tensor<?x8xf32, #nn.shape<batch, 8>>, %y: tensor<8xf32>, %i: tensor<8xi64>) {
  // CHECK: nn.relu %arg0 : tensor<?x8xf32, #nn.shape<batch, 8>>
  %0 = nn.relu %x : tensor<?x8xf32, #nn.shape<batch, 8>>
  // CHECK: nn.sigmoid %arg0 : tensor<?x8xf32, #nn.shape<batch, 8>>
  %1 = nn.sigmoid %x : tensor<?x8xf32, #nn.shape<batch, 8>>
  // CHECK: nn.tanh %arg0 : tensor<?x8xf32, #nn.shape<batch, 8>>
  %2 = nn.tanh %x : tensor<?x8xf32, #nn.shape<batch, 8>>
  // CHECK: nn.neg %arg0 : tensor<?x8xf32, #nn.shape<batch, 8>>
  %3 = nn.neg %x : tensor<?x8xf32, #nn.shape<batch, 8>>
  // CHECK: nn.exp %arg0 : tensor<?x8xf32, #nn.shape<batch, 8>>
  %4 = nn.exp %x : tensor<?x8xf32, #nn.shape<batch, 8>>
  // CHECK: nn.log %arg0 : tensor<?x8xf32, #nn.shape<batch, 8>>
  %5 = nn.log %x : tensor<?x8xf32, #nn.shape<batch, 8>>
  // CHECK: nn.sqrt %arg0 : tensor<?x8xf32, #nn.shape<batch, 8>>
  %6 = nn.sqrt %x : tensor<?x8xf32, #nn.shape<batch, 8>>
  // CHECK: nn.rsqrt %arg0 : tensor<?x8xf32, #nn.shape<batch, 8>>
  %7 = nn.rsqrt %x : tensor<?x8xf32, #nn.shape<batch, 8>>
  // CHECK: nn.abs %arg0 : tensor<?x8xf32, #nn.shape<batch, 8>>
  %8 = nn.abs %x : tensor<?x8xf32, #nn.shape<batch, 8>>
  // CHECK: nn.add %arg0, %arg0 : tensor<?x8xf32, #nn.shape<batch, 8>>
  %9 = nn.add %x, %x : tensor<?x8xf32, #nn.shape<batch, 8>>
  // CHECK: nn.sub %arg0, %arg1 : (tensor<?x8xf32, #nn.shape<batch, 8>>, tensor<8xf32>) -> tensor<?x8xf32, #nn.shape<batch, 8>>
  %10 = nn.sub %x, %y : (tensor<?x8xf32, #nn.shape<batch, 8>>, tensor<8xf32>) -> tensor<?x8xf32, #nn.shape<batch, 8>>
  // CHECK: nn.mul %arg1, %arg1 : tensor<8xf32>
  %11 = nn.mul %y, %y : tensor<8xf32>
  // CHECK: nn.div %arg1, %arg1 : tensor<8xf32>
  %12 = nn.div %y, %y : tensor<8xf32>
  // CHECK: nn.maximum %arg1, %arg1 : tensor<8xf32>
  %13 = nn.maximum %y, %y : tensor<8xf32>
  // CHECK: nn.minimum %arg1, %arg1 : tensor<8xf32>
  %14 = nn.minimum %y, %y : tensor<8xf32>
  // CHECK: nn.cast %arg2 to f32 : (tensor<8xi64>) -> tensor<8xf32>
  %15 = nn.cast %i to f32 : (tensor<8xi64>) -> tensor<8xf32>
  // CHECK: nn.dropout %arg1 p = 5.000000e-01 training = false site = 7 : (tensor<8xf32>) -> tensor<8xf32>
  %16 = nn.dropout %y p = 5.000000e-01 training = false site = 7 : (tensor<8xf32>) -> tensor<8xf32>
  // CHECK: nn.channel_affine %arg0, %arg1, %arg1 : (tensor<?x8xf32, #nn.shape<batch, 8>>, tensor<8xf32>, tensor<8xf32>) -> tensor<?x8xf32, #nn.shape<batch, 8>>
  %17 = nn.channel_affine %x, %y, %y : (tensor<?x8xf32, #nn.shape<batch, 8>>, tensor<8xf32>, tensor<8xf32>) -> tensor<?x8xf32, #nn.shape<batch, 8>>
  return
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

// CHECK-LABEL: @layers
func.func @layers(%x: tensor<4x8xf32>, %w: tensor<16x8xf32>, %b: tensor<16xf32>, %c: tensor<8xf32>, %i: tensor<3xi64>,
                  %p: tensor<1x8x32xf32>) {
  // CHECK: nn.linear %arg0, %arg1, %arg2 : (tensor<4x8xf32>, tensor<16x8xf32>, tensor<16xf32>) -> tensor<4x16xf32>
  %0 = nn.linear %x, %w, %b : (tensor<4x8xf32>, tensor<16x8xf32>, tensor<16xf32>) -> tensor<4x16xf32>
  // CHECK: nn.linear %arg0, %arg1 : (tensor<4x8xf32>, tensor<16x8xf32>) -> tensor<4x16xf32>
  %1 = nn.linear %x, %w : (tensor<4x8xf32>, tensor<16x8xf32>) -> tensor<4x16xf32>
  // CHECK: nn.matmul %arg1, %arg3 : (tensor<16x8xf32>, tensor<8xf32>) -> tensor<16xf32>
  %2 = nn.matmul %w, %c : (tensor<16x8xf32>, tensor<8xf32>) -> tensor<16xf32>
  // CHECK: nn.batch_norm %arg0 weight %arg3 bias %arg3 running_mean %arg3 running_var %arg3 training = false momentum = 1.000000e-01 eps = 1.000000e-05 : (tensor<4x8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  %3 = nn.batch_norm %x weight %c bias %c running_mean %c running_var %c training = false momentum = 1.000000e-01 eps = 1.000000e-05
      : (tensor<4x8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  // CHECK: nn.batch_norm %arg0 running_mean %arg3 running_var %arg3 training = true momentum = 1.000000e-01 eps = 1.000000e-05 : (tensor<4x8xf32>, tensor<8xf32>, tensor<8xf32>) -> (tensor<4x8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>)
  %4:5 = nn.batch_norm %x running_mean %c running_var %c training = true momentum = 1.000000e-01 eps = 1.000000e-05
      : (tensor<4x8xf32>, tensor<8xf32>, tensor<8xf32>) -> (tensor<4x8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>)
  // CHECK: nn.batch_norm %arg0 training = true momentum = 1.000000e-01 eps = 1.000000e-05 : (tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<8xf32>, tensor<8xf32>)
  %5:3 = nn.batch_norm %x training = true momentum = 1.000000e-01 eps = 1.000000e-05 : (tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<8xf32>, tensor<8xf32>)
  // CHECK: nn.embedding %arg4, %arg1 padding_idx = 0 : (tensor<3xi64>, tensor<16x8xf32>) -> tensor<3x8xf32>
  %6 = nn.embedding %i, %w padding_idx = 0 : (tensor<3xi64>, tensor<16x8xf32>) -> tensor<3x8xf32>
  // CHECK: nn.embedding %arg4, %arg1 : (tensor<3xi64>, tensor<16x8xf32>) -> tensor<3x8xf32>
  %7 = nn.embedding %i, %w : (tensor<3xi64>, tensor<16x8xf32>) -> tensor<3x8xf32>
  // CHECK: nn.packed_linear %arg0, %arg5 out_features = 16 : (tensor<4x8xf32>, tensor<1x8x32xf32>) -> tensor<4x16xf32>
  %8 = nn.packed_linear %x, %p out_features = 16 : (tensor<4x8xf32>, tensor<1x8x32xf32>) -> tensor<4x16xf32>
  return
}

//===----------------------------------------------------------------------===//
// Shapes and reductions
//===----------------------------------------------------------------------===//

// CHECK-LABEL: @shapes
func.func @shapes(%x: tensor<?x8x8xf32, #nn.shape<batch, 8, 8>>, %y: tensor<4x8xf32>, %s: tensor<4x2xf32>) {
  // CHECK: nn.reshape %arg0 to [batch, 64] : (tensor<?x8x8xf32, #nn.shape<batch, 8, 8>>) -> tensor<?x64xf32, #nn.shape<batch, 64>>
  %0 = nn.reshape %x to [batch, 64] : (tensor<?x8x8xf32, #nn.shape<batch, 8, 8>>) -> tensor<?x64xf32, #nn.shape<batch, 64>>
  // CHECK: nn.permute %arg1 dims = [1, 0] : (tensor<4x8xf32>) -> tensor<8x4xf32>
  %1 = nn.permute %y dims = [1, 0] : (tensor<4x8xf32>) -> tensor<8x4xf32>
  // CHECK: nn.expand %arg1 to [batch, 4, 8] : (tensor<4x8xf32>) -> tensor<?x4x8xf32, #nn.shape<batch, 4, 8>>
  %2 = nn.expand %y to [batch, 4, 8] : (tensor<4x8xf32>) -> tensor<?x4x8xf32, #nn.shape<batch, 4, 8>>
  // CHECK: nn.slice %arg1 dim = 1 [2 : 8 : 3] : (tensor<4x8xf32>) -> tensor<4x2xf32>
  %3 = nn.slice %y dim = 1 [2 : 8 : 3] : (tensor<4x8xf32>) -> tensor<4x2xf32>
  // CHECK: nn.slice %arg0 dim = 0 [0 : batch : 1]
  %4 = nn.slice %x dim = 0 [0 : batch : 1] : (tensor<?x8x8xf32, #nn.shape<batch, 8, 8>>) -> tensor<?x8x8xf32, #nn.shape<batch, 8, 8>>
  // CHECK: nn.slice_scatter %arg1, %arg2 dim = 1 [2 : 8 : 3] : (tensor<4x8xf32>, tensor<4x2xf32>) -> tensor<4x8xf32>
  %5 = nn.slice_scatter %y, %s dim = 1 [2 : 8 : 3] : (tensor<4x8xf32>, tensor<4x2xf32>) -> tensor<4x8xf32>
  // CHECK: nn.cat %arg1, %arg2 dim = 1 : (tensor<4x8xf32>, tensor<4x2xf32>) -> tensor<4x10xf32>
  %6 = nn.cat %y, %s dim = 1 : (tensor<4x8xf32>, tensor<4x2xf32>) -> tensor<4x10xf32>
  // CHECK: nn.full 1.000000e+00 shape = [batch, 8] dtype = f32 : tensor<?x8xf32, #nn.shape<batch, 8>>
  %7 = nn.full 1.000000e+00 shape = [batch, 8] dtype = f32 : tensor<?x8xf32, #nn.shape<batch, 8>>
  // CHECK: nn.full 0.000000e+00 shape = [] dtype = f32 : tensor<f32>
  %8 = nn.full 0.000000e+00 shape = [] dtype = f32 : tensor<f32>
  // CHECK: nn.full 9007199254740993 shape = [] dtype = i64 : tensor<i64>
  nn.full 9007199254740993 shape = [] dtype = i64 : tensor<i64>
  // CHECK: nn.full -3 shape = [] dtype = i8 : tensor<i8>
  nn.full -3 shape = [] dtype = i8 : tensor<i8>
  // CHECK: nn.full 0x7FF0000000000000 : f64 shape = [] dtype = f32 : tensor<f32>
  nn.full 0x7FF0000000000000 : f64 shape = [] dtype = f32 : tensor<f32>
  // CHECK: nn.full #nn.dim<batch> shape = [] dtype = f32 : tensor<f32>
  nn.full #nn.dim<batch> shape = [] dtype = f32 : tensor<f32>
  // CHECK: nn.require <batch - 3> "at least three"
  nn.require <batch - 3> "at least three"
  // CHECK: nn.constant dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32>
  %9 = nn.constant dense<[1.0, 2.0]> : tensor<2xf32>
  // CHECK: nn.sum %arg1 dims = [1] keepdim = false : (tensor<4x8xf32>) -> tensor<4xf32>
  %10 = nn.sum %y dims = [1] keepdim = false : (tensor<4x8xf32>) -> tensor<4xf32>
  // CHECK: nn.mean %arg1 dims = [0, 1] keepdim = true : (tensor<4x8xf32>) -> tensor<1x1xf32>
  %11 = nn.mean %y dims = [0, 1] keepdim = true : (tensor<4x8xf32>) -> tensor<1x1xf32>
  return
}

//===----------------------------------------------------------------------===//
// Fused regions
//===----------------------------------------------------------------------===//

// CHECK-LABEL: @fused
func.func @fused(%x: tensor<?x8xf32, #nn.shape<batch, 8>>, %p: tensor<1x8x32xf32>, %b: tensor<16xf32>)
    -> tensor<?x16xf32, #nn.shape<batch, 16>> {
  // CHECK: nn.fused anchor "nn.packed_linear" attributes {out_features = 16 : i64}(%arg0, %arg1) extras(%arg2) maps [#{{.*}}] : (tensor<?x8xf32, #nn.shape<batch, 8>>, tensor<1x8x32xf32>, tensor<16xf32>) -> tensor<?x16xf32, #nn.shape<batch, 16>> {
  %0 = nn.fused anchor "nn.packed_linear" attributes {out_features = 16 : i64} (%x, %p)
      extras (%b) maps [affine_map<(d0, d1) -> (d1)>]
      : (tensor<?x8xf32, #nn.shape<batch, 8>>, tensor<1x8x32xf32>, tensor<16xf32>) -> tensor<?x16xf32, #nn.shape<batch, 16>> {
  // CHECK-NEXT: ^bb0(%[[SUM:.*]]: f32, %[[BIAS:.*]]: f32):
  ^bb0(%sum: f32, %bias: f32):
    // CHECK-NEXT: %[[Y:.*]] = arith.addf %[[SUM]], %[[BIAS]] : f32
    %1 = arith.addf %sum, %bias : f32
    // CHECK-NEXT: nn.yield %[[Y]] : f32
    nn.yield %1 : f32
  }
  // Without anchor.
  // CHECK: nn.fused() extras(%{{.*}}) maps [#{{.*}}] : (tensor<?x16xf32, #nn.shape<batch, 16>>) -> tensor<?x16xf32, #nn.shape<batch, 16>> {
  %2 = nn.fused () extras (%0) maps [affine_map<(d0, d1) -> (d0, d1)>]
      : (tensor<?x16xf32, #nn.shape<batch, 16>>) -> tensor<?x16xf32, #nn.shape<batch, 16>> {
  ^bb0(%v: f32):
    %3 = math.absf %v : f32
    nn.yield %3 : f32
  }
  return %2 : tensor<?x16xf32, #nn.shape<batch, 16>>
}

//===----------------------------------------------------------------------===//
// Locations
//===----------------------------------------------------------------------===//

func.func @locations(%x: tensor<4xf32>) -> tensor<4xf32> {
  // LOCATION: nn.relu %{{.*}} : tensor<4xf32> loc(fused<"blocks.2.act">["model.cpp":12:5])
  %0 = nn.relu %x : tensor<4xf32> loc(fused<"blocks.2.act">["model.cpp":12:5])
  return %0 : tensor<4xf32>
}

}

{-#
  dialect_resources: {
    builtin: {
      // Alignment 4, then 1.0, 2.0, 3.0 of f32.
      big: "0x040000000000803F0000004000004040"
    }
  }
#-}
