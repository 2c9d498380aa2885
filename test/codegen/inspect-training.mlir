// RUN: kiln build %s -o %t.so && kiln inspect %t.so | FileCheck %s

// What a program trains with is part of what inspect shows.

// CHECK:      7 states
// CHECK-NEXT:   w  float32 [1, 3]  parameter, trainable
// CHECK-NEXT:   beside the model:
// CHECK-NEXT:   gradients.w                    float32 [1, 3]  gradient
// CHECK-NEXT:   gradients.defined              bool [1]  gradient
// CHECK-NEXT:   optimizer.momentum_buffer.w    float32 [1, 3]  optimizer
// CHECK-NEXT:   optimizer.step                 float32 [1]  optimizer
// CHECK-NEXT:   optimizer.param_groups.0.lr    float64 []  hyperparameter
// CHECK-NEXT:   generator                      int64 [2]  generator
// CHECK:      1 optimizer, 1 gradient kept between calls
// CHECK-NEXT:   optimizer: SGD
// CHECK-NEXT:       1 parameter, lr optimizer.param_groups.0.lr, momentum 0.9, nesterov False, betas (0.5, 0.25), foreach None
// CHECK-NEXT:       keeps momentum_buffer for each

module attributes {nn.program = "trained"} {
  nn.module "" type "Linear" extra_repr "in_features=3, out_features=1, bias=False"
  nn.state @w parameter trainable : tensor<1x3xf32>
  nn.state @gradients.w gradient : tensor<1x3xf32>
  nn.state @gradients.defined gradient : tensor<1xi1>
  nn.state @optimizer.momentum_buffer.w optimizer : tensor<1x3xf32>
  nn.state @optimizer.step optimizer : tensor<1xf32>
  nn.state @optimizer.param_groups.0.lr hyperparameter : tensor<f64> = dense<0.1>
  nn.state @generator generator : tensor<2xi64>
  nn.state_name "w" of @w
  nn.gradient of @w in @gradients.w flag 0
  nn.optimizer "optimizer" type "SGD" steps @optimizer.step groups [
    {parameters = [@w], lr = @optimizer.param_groups.0.lr,
     options = {momentum = 9.000000e-01 : f64, nesterov = false, betas = array<f64: 0.5, 0.25>, foreach = unit},
     slots = {momentum_buffer = [@optimizer.momentum_buffer.w]}}]
  func.func @f(%x: tensor<1x3xf32>) -> tensor<1x3xf32> attributes {nn.entry} {
    %w = nn.read @w : tensor<1x3xf32>
    %y = nn.add %x, %w : tensor<1x3xf32>
    return %y : tensor<1x3xf32>
  }
}
