// RUN: kiln build %s --emit=llvm -o %t.ll && FileCheck %s < %t.ll
// RUN: kiln build %s --emit=object -o %t.o && llvm-nm %t.o | FileCheck %s --check-prefix=SYMBOLS

// The gradient of a weight reads both operands as they lie: a scalar of one, vectors of the other.
// CHECK:      define internal {{.*}}void @f32_matmul_tn_nx40_nx64.v4(ptr noalias noundef
// CHECK:        phi <16 x float>
// CHECK:        call <16 x float> @llvm.fma.v16f32

// What may be computed in place is not declared to be apart: parameter, momentum and both results, but not gradient, steps and rate.
// Parameters differ in size, and the code is one loop over a table of them.

// CHECK:      define internal {{.*}}void @f32_sgd_2.v4(ptr noundef {{[^,]*}}%0, ptr noundef {{[^,]*}}%1,
// CHECK-SAME:   ptr noalias noundef {{[^,]*}}%2, ptr noalias noundef {{[^,]*}}%3,
// CHECK-SAME:   ptr noundef {{[^,]*}}%4, ptr noundef {{[^,]*}}%5, ptr noalias noundef {{[^,]*}}%6, ptr noalias noundef {{[^,]*}}%7,
// CHECK-SAME:   ptr noundef {{[^,]*}}%8, ptr noundef {{[^,]*}}%9, ptr noundef {{[^,]*}}%10, ptr noundef {{[^,]*}}%11, i64
// CHECK:        call <16 x float> @llvm.fma.v16f32
// CHECK:      ret void

// SYMBOLS-NOT: {{ U }}

!x = tensor<?x64xf32, #nn.shape<batch, 64>>
!g = tensor<?x40xf32, #nn.shape<batch, 40>>
!t = tensor<40x?xf32, #nn.shape<40, batch>>
module attributes {nn.program = "training"} {
  nn.state @w parameter trainable : tensor<40x64xf32>
  nn.state @b parameter trainable : tensor<40xf32>
  nn.state @mw optimizer : tensor<40x64xf32>
  nn.state @mb optimizer : tensor<40xf32>
  nn.state @steps optimizer : tensor<2xf32>
  nn.state @lr hyperparameter : tensor<f64> = dense<0.1>
  func.func @step(%x: !x, %g: !g) attributes {nn.entry} {
    %w = nn.read @w : tensor<40x64xf32>
    %b = nn.read @b : tensor<40xf32>
    %mw = nn.read @mw : tensor<40x64xf32>
    %mb = nn.read @mb : tensor<40xf32>
    %steps = nn.read @steps : tensor<2xf32>
    %lr = nn.read @lr : tensor<f64>
    %t = nn.permute %g dims = [1, 0] : (!g) -> !t
    %gw = nn.matmul %t, %x : (!t, !x) -> tensor<40x64xf32>
    %gb = nn.sum %g dims = [0] keepdim = false : (!g) -> tensor<40xf32>
    %r:4 = nn.sgd parameters(%w, %b) gradients(%gw, %gb) momentum_buffers(%mw, %mb) steps %steps lr %lr indices = [0, 1]
        momentum = 9.000000e-01 dampening = 0.000000e+00 weight_decay = 1.000000e-04 nesterov = false maximize = false
        : (tensor<40x64xf32>, tensor<40xf32>, tensor<40x64xf32>, tensor<40xf32>, tensor<40x64xf32>, tensor<40xf32>, tensor<2xf32>, tensor<f64>)
        -> (tensor<40x64xf32>, tensor<40xf32>, tensor<40x64xf32>, tensor<40xf32>)
    nn.write @w, %r#0 : tensor<40x64xf32>
    nn.write @b, %r#1 : tensor<40xf32>
    nn.write @mw, %r#2 : tensor<40x64xf32>
    nn.write @mb, %r#3 : tensor<40xf32>
    return
  }
}
