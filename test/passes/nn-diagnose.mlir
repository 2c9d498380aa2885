// RUN: kiln-opt %s --nn-diagnose --split-input-file --verify-diagnostics

//===----------------------------------------------------------------------===//
// What is quiet
//===----------------------------------------------------------------------===//

// A function that returns a loss: this program trains.
nn.state @mean buffer : tensor<3xf32>
nn.state @var buffer : tensor<3xf32>
func.func @predict(%x: tensor<4x3xf32>) -> tensor<4x3xf32> attributes {nn.entry} {
  %m = nn.read @mean : tensor<3xf32>
  %v = nn.read @var : tensor<3xf32>
  %y, %nm, %nv, %bm, %bs = nn.batch_norm %x running_mean %m running_var %v training = true momentum = 1.000000e-01 eps = 1.000000e-05
    : (tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>)
      -> (tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>)
  nn.write @mean, %nm : tensor<3xf32>
  nn.write @var, %nv : tensor<3xf32>
  return %y : tensor<4x3xf32>
}
func.func @loss(%x: tensor<4x3xf32>) -> tensor<f32> attributes {nn.entry} {
  %l = nn.mean %x dims = [0, 1] keepdim = false : (tensor<4x3xf32>) -> tensor<f32>
  return %l : tensor<f32>
}

// -----

// A function that writes a parameter: this program trains.
nn.state @w parameter trainable : tensor<4x3xf32>
func.func @step(%x: tensor<4x3xf32>) -> tensor<4x3xf32> attributes {nn.entry} {
  %generator = nn.constant dense<[1, 0]> : tensor<2xi64>
  %y = nn.dropout %x generator %generator p = 5.000000e-01 training = true site = 1 : (tensor<4x3xf32>, tensor<2xi64>) -> tensor<4x3xf32>
  nn.write @w, %y : tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}

// -----

// Evaluation mode; a batch norm without running statistics, which has no other mode; dropout of nothing.
nn.state @mean buffer : tensor<3xf32>
nn.state @var buffer : tensor<3xf32>
func.func @predict(%x: tensor<4x3xf32>) -> tensor<4x3xf32> attributes {nn.entry} {
  %m = nn.read @mean : tensor<3xf32>
  %v = nn.read @var : tensor<3xf32>
  %0 = nn.batch_norm %x running_mean %m running_var %v training = false momentum = 1.000000e-01 eps = 1.000000e-05
    : (tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<4x3xf32>
  %1:3 = nn.batch_norm %0 training = true momentum = 1.000000e-01 eps = 1.000000e-05
    : (tensor<4x3xf32>) -> (tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>)
  %2 = nn.dropout %1#0 p = 0.000000e+00 training = true site = 1 : (tensor<4x3xf32>) -> tensor<4x3xf32>
  return %2 : tensor<4x3xf32>
}

// -----

// Dropout at prediction beside batch norms in evaluation mode is a method (Monte Carlo dropout), not a mistake.
nn.state @mean buffer : tensor<3xf32>
nn.state @var buffer : tensor<3xf32>
func.func @sample(%x: tensor<4x3xf32>) -> tensor<4x3xf32> attributes {nn.entry} {
  %m = nn.read @mean : tensor<3xf32>
  %v = nn.read @var : tensor<3xf32>
  %0 = nn.batch_norm %x running_mean %m running_var %v training = false momentum = 1.000000e-01 eps = 1.000000e-05
    : (tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<4x3xf32>
  %generator = nn.constant dense<[1, 0]> : tensor<2xi64>
  %1 = nn.dropout %0 generator %generator p = 5.000000e-01 training = true site = 1 : (tensor<4x3xf32>, tensor<2xi64>) -> tensor<4x3xf32>
  return %1 : tensor<4x3xf32>
}

// -----

//===----------------------------------------------------------------------===//
// Warnings
//===----------------------------------------------------------------------===//

nn.state @mean buffer : tensor<3xf32>
nn.state @var buffer : tensor<3xf32>
// expected-note @+1 {{call eval() on the model in the function 'predict' before using it}}
func.func @predict(%x: tensor<4x3xf32>) -> tensor<4x3xf32> attributes {nn.entry} {
  %m = nn.read @mean : tensor<3xf32>
  %v = nn.read @var : tensor<3xf32>
  // expected-warning @+1 {{nn.batch_norm is in training mode in function 'predict', and nothing in this program trains: its output depends on the other rows of the batch, and every call changes its running statistics}}
  %y, %nm, %nv, %bm, %bs = nn.batch_norm %x running_mean %m running_var %v training = true momentum = 1.000000e-01 eps = 1.000000e-05
    : (tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>)
      -> (tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>)
  nn.write @mean, %nm : tensor<3xf32>
  nn.write @var, %nv : tensor<3xf32>
  %generator = nn.constant dense<[1, 0]> : tensor<2xi64>
  // expected-note @+1 {{nn.dropout is in training mode too}}
  %d = nn.dropout %y generator %generator p = 5.000000e-01 training = true site = 1 : (tensor<4x3xf32>, tensor<2xi64>) -> tensor<4x3xf32>
  return %d : tensor<4x3xf32>
}

// -----

// expected-note @+1 {{call eval() on the model in the function 'predict' before using it}}
func.func @predict(%x: tensor<4x3xf32>) -> tensor<4x3xf32> attributes {nn.entry} {
  %generator = nn.constant dense<[1, 0]> : tensor<2xi64>
  // expected-warning @+1 {{nn.dropout is in training mode in function 'predict', and nothing in this program trains: its output is different at every call}}
  %d = nn.dropout %x generator %generator p = 5.000000e-01 training = true site = 1 : (tensor<4x3xf32>, tensor<2xi64>) -> tensor<4x3xf32>
  return %d : tensor<4x3xf32>
}

// -----

// A user's class may be named as the layer is: that it draws by itself is said all the same. One that is derived from the layer is
// one, whatever its name: eval() reaches it.
nn.module "" type "Net"
nn.module "a" type "Dropout"
nn.module "b" type "DropConnect" {nn.dropout_module}
// expected-note @+1 {{before using it; that reaches a Dropout that is registered with register_module, and F::dropout whose option training is is_training()}}
func.func @predict(%x: tensor<4x3xf32>) -> tensor<4x3xf32> attributes {nn.entry} {
  %generator = nn.constant dense<[1, 0]> : tensor<2xi64>
  // expected-warning @unknown {{nn.dropout of 'a' is in training mode in function 'predict'}}
  %d = nn.dropout %x generator %generator p = 5.000000e-01 training = true site = 1 : (tensor<4x3xf32>, tensor<2xi64>) -> tensor<4x3xf32>
    loc(fused<"a">[unknown])
  return %d : tensor<4x3xf32>
}
// expected-note-re @+1 {{{{^}}call eval() on the model in the function 'sample' before using it{{$}}}}
func.func @sample(%x: tensor<4x3xf32>) -> tensor<4x3xf32> attributes {nn.entry} {
  %generator = nn.constant dense<[1, 0]> : tensor<2xi64>
  // expected-warning @unknown {{nn.dropout of 'b' is in training mode in function 'sample'}}
  %d = nn.dropout %x generator %generator p = 5.000000e-01 training = true site = 2 : (tensor<4x3xf32>, tensor<2xi64>) -> tensor<4x3xf32>
    loc(fused<"b">[unknown])
  return %d : tensor<4x3xf32>
}

// -----

//===----------------------------------------------------------------------===//
// Programs that train
//===----------------------------------------------------------------------===//

// The prediction was left in training mode, beside a function that trains. The function that returns a loss is left alone.
nn.state @w parameter trainable : tensor<3xf32>
nn.state @generator generator : tensor<2xi64>
func.func @train_step(%x: tensor<3xf32>) -> tensor<3xf32> attributes {nn.entry} {
  %w = nn.read @w : tensor<3xf32>
  %s = nn.read @generator : tensor<2xi64>
  %0 = nn.mul %x, %w : tensor<3xf32>
  %d = nn.dropout %0 generator %s p = 5.000000e-01 training = true site = 1 : (tensor<3xf32>, tensor<2xi64>) -> tensor<3xf32>
  %l = nn.sum %d dims = [] keepdim = false : (tensor<3xf32>) -> tensor<f32>
  %g = nn.backward %l to %w : (tensor<f32>, tensor<3xf32>) -> tensor<3xf32>
  return %g : tensor<3xf32>
}
// expected-note @+1 {{call eval() on the model in the function 'predict' before using it}}
func.func @predict(%x: tensor<3xf32>) -> tensor<3xf32> attributes {nn.entry} {
  %s = nn.read @generator : tensor<2xi64>
  // expected-warning @+1 {{nn.dropout is in training mode in function 'predict', which trains nothing: its output is different at every call}}
  %d = nn.dropout %x generator %s p = 5.000000e-01 training = true site = 1 : (tensor<3xf32>, tensor<2xi64>) -> tensor<3xf32>
  return %d : tensor<3xf32>
}
func.func @loss(%x: tensor<3xf32>) -> tensor<f32> attributes {nn.entry} {
  %s = nn.read @generator : tensor<2xi64>
  %d = nn.dropout %x generator %s p = 5.000000e-01 training = true site = 1 : (tensor<3xf32>, tensor<2xi64>) -> tensor<3xf32>
  %l = nn.sum %d dims = [] keepdim = false : (tensor<3xf32>) -> tensor<f32>
  return %l : tensor<f32>
}
