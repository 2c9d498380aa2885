// RUN: kiln-opt %s --pass-pipeline="builtin.module(func.func(nn-differentiate))" --split-input-file --verify-diagnostics

// An op without a rule, on the way from loss to target.
func.func @no_rule(%x: tensor<4x3xf32>, %packed: tensor<1x3x32xf32>) -> tensor<4x3xf32> {
  // expected-error @+1 {{the derivative for 'nn.packed_linear' is not implemented}}
  %y = nn.packed_linear %x, %packed out_features = 2 : (tensor<4x3xf32>, tensor<1x3x32xf32>) -> tensor<4x2xf32>
  %l = nn.sum %y dims = [] keepdim = false : (tensor<4x2xf32>) -> tensor<f32>
  // expected-note @+1 {{backward() needs it; detach() stops gradients where none should flow}}
  %g = nn.backward %l to %x : (tensor<f32>, tensor<4x3xf32>) -> tensor<4x3xf32>
  return %g : tensor<4x3xf32>
}

// -----

// The same op beside the way is fine.
func.func @beside(%x: tensor<4x3xf32>, %packed: tensor<1x3x32xf32>, %b: tensor<2xf32>) -> tensor<2xf32> {
  %y = nn.packed_linear %x, %packed out_features = 2 : (tensor<4x3xf32>, tensor<1x3x32xf32>) -> tensor<4x2xf32>
  %z = nn.add %y, %b : (tensor<4x2xf32>, tensor<2xf32>) -> tensor<4x2xf32>
  %l = nn.sum %z dims = [] keepdim = false : (tensor<4x2xf32>) -> tensor<f32>
  %g = nn.backward %l to %b : (tensor<f32>, tensor<2xf32>) -> tensor<2xf32>
  return %g : tensor<2xf32>
}

// -----

// PyTorch has no gradient with respect to the weights of classes either.
func.func @class_weights(%x: tensor<4x3xf32>, %t: tensor<4xi64>, %w: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error @+1 {{the derivative for 'weight' is not implemented}}
  %l = nn.cross_entropy %x, %t weight %w ignore_index = -100 label_smoothing = 0.000000e+00 reduction = "mean"
    : (tensor<4x3xf32>, tensor<4xi64>, tensor<3xf32>) -> tensor<f32>
  %g = nn.backward %l to %w : (tensor<f32>, tensor<3xf32>) -> tensor<3xf32>
  return %g : tensor<3xf32>
}

// -----

func.func @running_statistics(%x: tensor<4x3xf32>, %m: tensor<3xf32>, %v: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error @+1 {{the derivative for 'running_mean' is not implemented}}
  %y = nn.batch_norm %x running_mean %m running_var %v training = false momentum = 1.000000e-01 eps = 1.000000e-05
    : (tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<4x3xf32>
  %l = nn.sum %y dims = [] keepdim = false : (tensor<4x3xf32>) -> tensor<f32>
  %g = nn.backward %l to %m : (tensor<f32>, tensor<3xf32>) -> tensor<3xf32>
  return %g : tensor<3xf32>
}

// -----

// A number that a rule needs and the element type can't hold ends the pass, not the process.
func.func @number_too_large(%x: tensor<4x3xf32>, %m: tensor<3xf32>, %v: tensor<3xf32>) -> tensor<4x3xf32> {
  // expected-error @+1 {{value cannot be converted to type float without overflow}}
  %y = nn.batch_norm %x running_mean %m running_var %v training = false momentum = 1.000000e-01 eps = 1.000000e+39
    : (tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<4x3xf32>
  %l = nn.sum %y dims = [] keepdim = false : (tensor<4x3xf32>) -> tensor<f32>
  %g = nn.backward %l to %x : (tensor<f32>, tensor<4x3xf32>) -> tensor<4x3xf32>
  return %g : tensor<4x3xf32>
}
