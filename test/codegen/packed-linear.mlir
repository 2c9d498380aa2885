// RUN: kiln build %s --emit=llvm -o %t.ll && FileCheck %s < %t.ll
// RUN: kiln build %s --emit=object -o %t.o && llvm-nm %t.o | FileCheck %s --check-prefix=SYMBOLS

// One kernel for each instruction set, named after what it computes, with that set's vectors.
// What launches it is there once, with an entry for each set that brings its kernels, and sizes are computed once for all.

!x = tensor<?x784xf32, #nn.shape<batch, 784>>
!y = tensor<?x512xf32, #nn.shape<batch, 512>>
module attributes {nn.program = "layer"} {
  nn.state @w parameter trainable : tensor<512x784xf32>
  nn.state @b parameter trainable : tensor<512xf32>
  func.func @predict(%x: !x {nn.name = "x"}) -> (!y {nn.name = "y"}) attributes {nn.entry} {
    %w = nn.read @w : tensor<512x784xf32>
    %b = nn.read @b : tensor<512xf32>
    %0 = nn.linear %x, %w, %b : (!x, tensor<512x784xf32>, tensor<512xf32>) -> !y
    %1 = nn.relu %0 : !y
    return %1 : !y
  }
}

// The descriptor refers to weights, whose bytes are not printed.
// CHECK: @initial = external {{.*}}constant [1605632 x i8]

// CHECK: define internal {{.*}}void @f32_packed_linear_784x512_bias_relu.v2(ptr noalias noundef readonly
// CHECK:   phi <4 x float>
// CHECK: define internal {{.*}}void @f32_packed_linear_784x512_bias_relu.v3(
// CHECK:   phi <8 x float>
// CHECK:   call <8 x float> @llvm.fma.v8f32
// CHECK: define internal {{.*}}void @f32_packed_linear_784x512_bias_relu.v4(
// CHECK:   phi <16 x float>
// CHECK:   call <16 x float> @llvm.fma.v16f32
// CHECK: define internal {{.*}}i32 @predict.run(ptr
// CHECK: define internal {{.*}}i32 @predict.run.v2(ptr
// CHECK:   call i32 @predict.run(ptr %{{.*}}, ptr {{.*}}@kernels.v2)
// CHECK: define internal {{.*}}i32 @predict.run.v3(ptr
// CHECK: define internal {{.*}}i32 @predict.run.v4(ptr
// CHECK: define internal void @predict.measure(

// SYMBOLS-NOT: {{ [A-Z] }}
// SYMBOLS:     {{ D }}kiln_program_layer
// SYMBOLS-NOT: {{ [A-Z] }}
