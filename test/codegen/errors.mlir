// RUN: split-file %s %t
// RUN: not kiln build %t/function.mlir -o %t/function.o 2>&1 | FileCheck %t/function.mlir
// RUN: not kiln build %t/epilogue.mlir -o %t/epilogue.o 2>&1 | FileCheck %t/epilogue.mlir
// RUN: not kiln build %t/no-function.mlir -o %t/no-function.o 2>&1 | FileCheck %t/no-function.mlir

// What has no code is an error at the op, and nothing is written.

//--- function.mlir
// CHECK: function.mlir:[[#@LINE+3]]:10: error: 'math.erf' on 'f32' has no CPU code; use another function
module attributes {nn.program = "function"} {
  func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> attributes {nn.entry} {
    %y = nn.fused () extras (%x) maps [affine_map<(d0) -> (d0)>] : (tensor<4xf32>) -> tensor<4xf32> {
    ^bb0(%e: f32):
      %0 = math.erf %e : f32
      nn.yield %0 : f32
    }
    return %y : tensor<4xf32>
  }
}

//--- epilogue.mlir
// CHECK: epilogue.mlir:[[#@LINE+3]]:10: error: 'nn.embedding_backward' stores its elements as they are; no operation can follow it in its kernel
module attributes {nn.program = "epilogue"} {
  func.func @f(%g: tensor<2x4xf32>, %i: tensor<2xi64>) -> tensor<3x4xf32> attributes {nn.entry} {
    %y = nn.fused anchor "nn.embedding_backward" attributes {num_embeddings = #nn.dim<3>} (%g, %i) extras() maps [] : (tensor<2x4xf32>, tensor<2xi64>) -> tensor<3x4xf32> {
    ^bb0(%e: f32):
      %0 = arith.negf %e : f32
      nn.yield %0 : f32
    }
    return %y : tensor<3x4xf32>
  }
}

//--- softmax.mlir
// CHECK: softmax.mlir:[[#@LINE+3]]:10: error: 'nn.softmax' is over dimension 0 of 3; operations can follow it in its kernel over the last two only
module attributes {nn.program = "softmax"} {
  func.func @f(%x: tensor<2x4x5xf32>) -> tensor<2x4x5xf32> attributes {nn.entry} {
    %y = nn.fused anchor "nn.softmax" attributes {dim = 0 : i64} (%x) extras() maps [] : (tensor<2x4x5xf32>) -> tensor<2x4x5xf32> {
    ^bb0(%e: f32):
      %0 = arith.negf %e : f32
      nn.yield %0 : f32
    }
    return %y : tensor<2x4x5xf32>
  }
}

//--- no-function.mlir
// CHECK: error: the program has no function to compile
module attributes {nn.program = "empty"} {
}
