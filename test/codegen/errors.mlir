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
// CHECK: epilogue.mlir:[[#@LINE+3]]:10: error: 'nn.log_softmax' stores its elements as they are; no operation can follow it in its kernel
module attributes {nn.program = "epilogue"} {
  func.func @f(%x: tensor<2x4xf32>) -> tensor<2x4xf32> attributes {nn.entry} {
    %y = nn.fused anchor "nn.log_softmax" attributes {dim = 1 : i64} (%x) extras() maps [] : (tensor<2x4xf32>) -> tensor<2x4xf32> {
    ^bb0(%e: f32):
      %0 = arith.negf %e : f32
      nn.yield %0 : f32
    }
    return %y : tensor<2x4xf32>
  }
}

//--- no-function.mlir
// CHECK: error: the program has no function to compile
module attributes {nn.program = "empty"} {
}
