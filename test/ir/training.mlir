// The operations of training read back what they print, in their own form and in the generic one.
//
// RUN: kiln-opt %s --verify-roundtrip | FileCheck %s
// RUN: kiln-opt %s --mlir-print-op-generic | kiln-opt | FileCheck %s
// RUN: kiln-opt %s --emit-bytecode | kiln-opt | FileCheck %s

//===----------------------------------------------------------------------===//
// Declarations
//===----------------------------------------------------------------------===//

nn.state @w parameter trainable : tensor<2xf32>
nn.state @b parameter trainable : tensor<f32>
// CHECK: nn.state @gradients.w gradient : tensor<2xf32>
nn.state @gradients.w gradient : tensor<2xf32>
// CHECK: nn.state @gradients.defined gradient : tensor<1xi1>
nn.state @gradients.defined gradient : tensor<1xi1>
// CHECK: nn.state @lr hyperparameter : tensor<f64> = dense<1.000000e-01>
nn.state @lr hyperparameter : tensor<f64> = dense<0.1>
// CHECK: nn.state @generator generator : tensor<2xi64>
nn.state @generator generator : tensor<2xi64>
nn.state @optimizer.step optimizer : tensor<2xf32>
nn.state @optimizer.momentum_buffer.w optimizer : tensor<2xf32>
// CHECK: nn.gradient of @w in @gradients.w flag 0
nn.gradient of @w in @gradients.w flag 0
// CHECK: nn.optimizer "optimizer" type "SGD" steps @optimizer.step groups [
// CHECK-SAME: {parameters = [@w], lr = @lr, options = {momentum = 9.000000e-01 : f64, dampening = 0.000000e+00 : f64, nesterov = false, foreach = unit, betas = array<f64: 9.000000e-01, 7.500000e-01>, steps = 3 : i64}, slots = {momentum_buffer = [@optimizer.momentum_buffer.w]}},
// CHECK-SAME: {parameters = [@b], lr = @lr, options = {"a b" = true}, slots = {momentum_buffer = [unit], other = [unit]}},
// CHECK-SAME: {parameters = [], lr = @lr, options = {}, slots = {}}]
nn.optimizer "optimizer" type "SGD" steps @optimizer.step groups [
  {parameters = [@w], lr = @lr,
   options = {momentum = 0.9 : f64, dampening = 0.0 : f64, nesterov = false, foreach = unit, betas = array<f64: 0.9, 0.75>, steps = 3 : i64},
   slots = {momentum_buffer = [@optimizer.momentum_buffer.w]}},
  {parameters = [@b], lr = @lr, options = {"a b" = true}, slots = {momentum_buffer = [unit], other = [unit]}},
  {parameters = [], lr = @lr, options = {}, slots = {}}]
// CHECK: nn.optimizer "optimizer1" type "Adam" steps @empty groups []
nn.optimizer "optimizer1" type "Adam" steps @empty groups []
nn.state @empty optimizer : tensor<0xf32>

// CHECK-LABEL: @attributes
// CHECK-SAME: group = #nn.parameter_group<{parameters = [@w], lr = @lr, options = {eps = 1.000000e-08 : f64}, slots = {s = [@w, unit]}}>
// CHECK-SAME: option = #nn.option<"eps" = 1.000000e-08 : f64>
// CHECK-SAME: slot = #nn.slot<"momentum_buffer" = [@w, unit]>
func.func private @attributes() attributes {
  group = #nn.parameter_group<{parameters = [@w], lr = @lr, options = {eps = 1.0e-8 : f64}, slots = {s = [@w, unit]}}>,
  option = #nn.option<"eps" = 1.0e-8 : f64>, slot = #nn.slot<"momentum_buffer" = [@w, unit]>}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

// CHECK-LABEL: @elementwise
func.func @elementwise(%x: tensor<?x8xf32, #nn.shape<batch, 8>>, %y: tensor<8xf32>, %c: tensor<8xi1>, %g: tensor<2xi64>) {
  // CHECK: nn.eq %arg0, %arg1 : (tensor<?x8xf32, #nn.shape<batch, 8>>, tensor<8xf32>) -> tensor<?x8xi1, #nn.shape<batch, 8>>
  %0 = nn.eq %x, %y : (tensor<?x8xf32, #nn.shape<batch, 8>>, tensor<8xf32>) -> tensor<?x8xi1, #nn.shape<batch, 8>>
  // CHECK: nn.ne %arg1, %arg1 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xi1>
  %1 = nn.ne %y, %y : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xi1>
  // CHECK: nn.lt %arg1, %arg1 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xi1>
  %2 = nn.lt %y, %y : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xi1>
  // CHECK: nn.le %arg1, %arg1 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xi1>
  %3 = nn.le %y, %y : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xi1>
  // CHECK: nn.gt %arg1, %arg1 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xi1>
  %4 = nn.gt %y, %y : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xi1>
  // CHECK: nn.ge %arg1, %arg1 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xi1>
  %5 = nn.ge %y, %y : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xi1>
  // CHECK: nn.where %arg2, %arg0, %arg1 : (tensor<8xi1>, tensor<?x8xf32, #nn.shape<batch, 8>>, tensor<8xf32>) -> tensor<?x8xf32, #nn.shape<batch, 8>>
  %6 = nn.where %c, %x, %y : (tensor<8xi1>, tensor<?x8xf32, #nn.shape<batch, 8>>, tensor<8xf32>) -> tensor<?x8xf32, #nn.shape<batch, 8>>
  // CHECK: nn.detach %arg0 : tensor<?x8xf32, #nn.shape<batch, 8>>
  %7 = nn.detach %x : tensor<?x8xf32, #nn.shape<batch, 8>>
  // CHECK: nn.dropout %arg1 generator %arg3 p = 5.000000e-01 training = true site = 7 : (tensor<8xf32>, tensor<2xi64>) -> tensor<8xf32>
  %8 = nn.dropout %y generator %g p = 5.000000e-01 training = true site = 7 : (tensor<8xf32>, tensor<2xi64>) -> tensor<8xf32>
  return
}

// CHECK-LABEL: @gradients
func.func @gradients(%x: tensor<?x3xf32, #nn.shape<batch, 3>>, %t: tensor<?xi64, #nn.shape<batch>>, %c: tensor<3xf32>) {
  // CHECK: %[[LOSS:.*]] = nn.cross_entropy %arg0, %arg1 ignore_index = -100 label_smoothing = 0.000000e+00 reduction = "mean" : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<?xi64, #nn.shape<batch>>) -> tensor<f32>
  %0 = nn.cross_entropy %x, %t ignore_index = -100 label_smoothing = 0.0 reduction = "mean"
      : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<?xi64, #nn.shape<batch>>) -> tensor<f32>
  // CHECK: nn.cross_entropy %arg0, %arg1 weight %arg2 ignore_index = 1 label_smoothing = 1.000000e-01 reduction = "none" : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<?xi64, #nn.shape<batch>>, tensor<3xf32>) -> tensor<?xf32, #nn.shape<batch>>
  %1 = nn.cross_entropy %x, %t weight %c ignore_index = 1 label_smoothing = 0.1 reduction = "none"
      : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<?xi64, #nn.shape<batch>>, tensor<3xf32>) -> tensor<?xf32, #nn.shape<batch>>
  // CHECK: nn.cross_entropy_backward %[[LOSS]], %arg0, %arg1 weight %arg2 ignore_index = 1 label_smoothing = 1.000000e-01 reduction = "sum"
  %2 = nn.cross_entropy_backward %0, %x, %t weight %c ignore_index = 1 label_smoothing = 0.1 reduction = "sum"
      : (tensor<f32>, tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<?xi64, #nn.shape<batch>>, tensor<3xf32>) -> tensor<?x3xf32, #nn.shape<batch, 3>>
  // CHECK: nn.embedding_backward %arg0, %arg1 num_embeddings = <100> padding_idx = 0 : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<?xi64, #nn.shape<batch>>) -> tensor<100x3xf32>
  %3 = nn.embedding_backward %x, %t num_embeddings = <100> padding_idx = 0
      : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<?xi64, #nn.shape<batch>>) -> tensor<100x3xf32>
  // CHECK: nn.batch_norm_backward %arg0, %arg0, %arg2, %arg2 weight %arg2 :
  %4:3 = nn.batch_norm_backward %x, %x, %c, %c weight %c
      : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>)
      -> (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<3xf32>, tensor<3xf32>)
  // CHECK: nn.batch_norm_backward %arg0, %arg0, %arg2, %arg2 : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<3xf32>, tensor<3xf32>) -> (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<3xf32>, tensor<3xf32>)
  %5:3 = nn.batch_norm_backward %x, %x, %c, %c
      : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<3xf32>, tensor<3xf32>)
      -> (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<3xf32>, tensor<3xf32>)
  // CHECK: nn.log_softmax %arg0 dim = 1 : tensor<?x3xf32, #nn.shape<batch, 3>>
  %8 = nn.log_softmax %x dim = 1 : tensor<?x3xf32, #nn.shape<batch, 3>>
  // CHECK: %[[P:.*]] = nn.softmax %arg0 dim = -1 : tensor<?x3xf32, #nn.shape<batch, 3>>
  %9 = nn.softmax %x dim = -1 : tensor<?x3xf32, #nn.shape<batch, 3>>
  // CHECK: nn.softmax_backward %arg0, %[[P]] dim = -1 : tensor<?x3xf32, #nn.shape<batch, 3>>
  %10 = nn.softmax_backward %x, %9 dim = -1 : tensor<?x3xf32, #nn.shape<batch, 3>>
  // CHECK: nn.log_softmax_backward %arg0, %{{.*}} dim = 0 : tensor<?x3xf32, #nn.shape<batch, 3>>
  %11 = nn.log_softmax_backward %x, %8 dim = 0 : tensor<?x3xf32, #nn.shape<batch, 3>>
  // CHECK: nn.backward %[[LOSS]] to %arg0 : (tensor<f32>, tensor<?x3xf32, #nn.shape<batch, 3>>) -> tensor<?x3xf32, #nn.shape<batch, 3>>
  %6 = nn.backward %0 to %x : (tensor<f32>, tensor<?x3xf32, #nn.shape<batch, 3>>) -> tensor<?x3xf32, #nn.shape<batch, 3>>
  // CHECK: %{{.*}}:2 = nn.backward %arg0 gradient %arg0 to %arg0, %arg2 :
  %7:2 = nn.backward %x gradient %x to %x, %c
      : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<3xf32>)
      -> (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<3xf32>)
  return
}

// What is kept for the gradient has the parameters' type, and so have their gradients.
// CHECK-LABEL: @mixed
func.func @mixed(%x: tensor<4x3xf16>, %c: tensor<3xf32>) {
  // CHECK: nn.batch_norm %arg0 bias %arg1 training = true momentum = 1.000000e-01 eps = 1.000000e-05 : (tensor<4x3xf16>, tensor<3xf32>) -> (tensor<4x3xf16>, tensor<3xf32>, tensor<3xf32>)
  %0:3 = nn.batch_norm %x bias %c training = true momentum = 0.1 eps = 1.000000e-05 : (tensor<4x3xf16>, tensor<3xf32>) -> (tensor<4x3xf16>, tensor<3xf32>, tensor<3xf32>)
  // CHECK: nn.batch_norm_backward %arg0, %arg0, %{{.*}}, %{{.*}} : (tensor<4x3xf16>, tensor<4x3xf16>, tensor<3xf32>, tensor<3xf32>) -> (tensor<4x3xf16>, tensor<3xf32>, tensor<3xf32>)
  %1:3 = nn.batch_norm_backward %x, %x, %0#1, %0#2 : (tensor<4x3xf16>, tensor<4x3xf16>, tensor<3xf32>, tensor<3xf32>) -> (tensor<4x3xf16>, tensor<3xf32>, tensor<3xf32>)
  return
}

// CHECK-LABEL: @optimizers
func.func @optimizers(%w: tensor<2xf32>, %b: tensor<f32>, %steps: tensor<3xf32>, %lr: tensor<f64>) {
  // CHECK: nn.sgd parameters(%arg0, %arg1) gradients(%arg0, %arg1) steps %arg2 lr %arg3 indices = [0, 2] momentum = 0.000000e+00 dampening = 0.000000e+00 weight_decay = 1.000000e-02 nesterov = false maximize = true : (tensor<2xf32>, tensor<f32>, tensor<2xf32>, tensor<f32>, tensor<3xf32>, tensor<f64>) -> (tensor<2xf32>, tensor<f32>)
  %0:2 = nn.sgd parameters(%w, %b) gradients(%w, %b) steps %steps lr %lr indices = [0, 2] momentum = 0.0 dampening = 0.0
      weight_decay = 0.01 nesterov = false maximize = true
      : (tensor<2xf32>, tensor<f32>, tensor<2xf32>, tensor<f32>, tensor<3xf32>, tensor<f64>) -> (tensor<2xf32>, tensor<f32>)
  // CHECK: nn.sgd parameters(%arg0) gradients(%arg0) momentum_buffers(%arg0) steps %arg2 lr %arg3 indices = [1] momentum = 9.000000e-01
  %1:2 = nn.sgd parameters(%w) gradients(%w) momentum_buffers(%w) steps %steps lr %lr indices = [1] momentum = 0.9 dampening = 0.0
      weight_decay = 0.0 nesterov = true maximize = false
      : (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<3xf32>, tensor<f64>) -> (tensor<2xf32>, tensor<2xf32>)
  // CHECK: nn.adam parameters(%arg0) gradients(%arg0) exp_avgs(%arg0) exp_avg_sqs(%arg0) steps %arg2 lr %arg3 indices = [0] beta1 = 9.000000e-01 beta2 = 7.500000e-01 eps = 1.000000e-08 weight_decay = 0.000000e+00 decoupled = false amsgrad = false maximize = false
  %2:3 = nn.adam parameters(%w) gradients(%w) exp_avgs(%w) exp_avg_sqs(%w) steps %steps lr %lr indices = [0] beta1 = 0.9 beta2 = 0.75
      eps = 1.0e-8 weight_decay = 0.0 decoupled = false amsgrad = false maximize = false
      : (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<3xf32>, tensor<f64>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>)
  // CHECK: nn.adam parameters(%arg1) gradients(%arg1) exp_avgs(%arg1) exp_avg_sqs(%arg1) max_exp_avg_sqs(%arg1) steps %arg2 lr %arg3
  %3:4 = nn.adam parameters(%b) gradients(%b) exp_avgs(%b) exp_avg_sqs(%b) max_exp_avg_sqs(%b) steps %steps lr %lr indices = [0]
      beta1 = 0.9 beta2 = 0.75 eps = 1.0e-8 weight_decay = 0.0 decoupled = true amsgrad = true maximize = false
      : (tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<3xf32>, tensor<f64>)
      -> (tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>)
  return
}
