// RUN: split-file %s %t
// RUN: not kiln build %t/half.mlir -o %t/half.o 2>&1 | FileCheck %t/half.mlir
// RUN: not kiln build %t/no-function.mlir -o %t/no-function.o 2>&1 | FileCheck %t/no-function.mlir

// What has no code is an error at the op, and nothing is written.

//--- half.mlir
// CHECK: half.mlir:[[#@LINE+3]]:10: error: arithmetic on 'f16' is not compiled for the CPU; compute in f32
module attributes {nn.program = "half"} {
  func.func @f(%x: tensor<4xf16>) -> tensor<4xf16> attributes {nn.entry} {
    %y = nn.exp %x : tensor<4xf16>
    return %y : tensor<4xf16>
  }
}

//--- no-function.mlir
// CHECK: error: the program has no function to compile
module attributes {nn.program = "empty"} {
}
