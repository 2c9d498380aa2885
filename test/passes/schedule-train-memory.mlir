// RUN: kiln-opt %s --nn-schedule | FileCheck %s
// RUN: kiln-opt %s --pass-pipeline='builtin.module(nn-to-schedule,schedule.func(schedule-plan-memory{share=false}))' | FileCheck %s --check-prefix=APART

// A step of training: what the forward pass keeps for the backward pass, and what each of them needs for a moment only, share the arena.
// Gradients of weights lie in their states. Bytes a sample: the input and the output of the activation (256 each), the
// scores (64), their gradient (64), the gradient of the activation's output (256), which takes the output's own place, and that of its
// input (256). The most are alive when the last one is computed: its operands and itself.

!x = tensor<?x64xf32, #nn.shape<batch, 64>>
!xt = tensor<64x?xf32, #nn.shape<64, batch>>
!z = tensor<?x16xf32, #nn.shape<batch, 16>>
!zt = tensor<16x?xf32, #nn.shape<16, batch>>
!t = tensor<?xi64, #nn.shape<batch>>
module attributes {nn.program = "train"} {
  nn.state @w1 parameter trainable : tensor<64x64xf32>
  nn.state @w2 parameter trainable : tensor<16x64xf32>
  nn.state @gradients.w1 gradient : tensor<64x64xf32>
  nn.state @gradients.w2 gradient : tensor<16x64xf32>
  // The f64 losses of the rows and their number come on top, rounded up to 64 bytes as a whole.
  // CHECK-LABEL: schedule.func @train_step symbols ["batch"] arena <768 * batch + 64 * ((batch + 7) floordiv 8) + 64>
  // APART-LABEL: schedule.func @train_step symbols ["batch"] arena <1152 * batch + 64 * ((batch + 7) floordiv 8) + 64>
  func.func @train_step(%x: !x, %t: !t) -> tensor<f32> attributes {nn.entry} {
    %w1 = nn.read @w1 : tensor<64x64xf32>
    %w2 = nn.read @w2 : tensor<16x64xf32>
    %one = nn.constant dense<1.0> : tensor<f32>
    %h = nn.linear %x, %w1 : (!x, tensor<64x64xf32>) -> !x
    %a = nn.relu %h : !x
    %z = nn.linear %a, %w2 : (!x, tensor<16x64xf32>) -> !z
    %loss = nn.cross_entropy %z, %t ignore_index = -100 label_smoothing = 0.0 reduction = "mean" : (!z, !t) -> tensor<f32>

    %gz = nn.cross_entropy_backward %one, %z, %t ignore_index = -100 label_smoothing = 0.0 reduction = "mean"
        : (tensor<f32>, !z, !t) -> !z
    %gzt = nn.permute %gz dims = [1, 0] : (!z) -> !zt
    %gw2 = nn.matmul %gzt, %a : (!zt, !x) -> tensor<16x64xf32>
    %ga = nn.matmul %gz, %w2 : (!z, tensor<16x64xf32>) -> !x
    %gh = nn.fused () extras (%h, %ga) maps [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>]
        : (!x, !x) -> !x {
    ^bb0(%input: f32, %gradient: f32):
      %0 = arith.constant 0.0 : f32
      %isPositive = arith.cmpf ogt, %input, %0 : f32
      %1 = arith.select %isPositive, %gradient, %0 : f32
      nn.yield %1 : f32
    }
    %ght = nn.permute %gh dims = [1, 0] : (!x) -> !xt
    %gw1 = nn.matmul %ght, %x : (!xt, !x) -> tensor<64x64xf32>
    nn.write @gradients.w1, %gw1 : tensor<64x64xf32>
    nn.write @gradients.w2, %gw2 : tensor<16x64xf32>
    return %loss : tensor<f32>
  }
}
