// Each constraint of the operations of training, broken once.
//
// RUN: kiln-opt %s --split-input-file --verify-diagnostics

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

func.func @eq_c1(%f: tensor<2xf32>, %g: tensor<3xf32>) {
  // expected-error @+1 {{'nn.eq' op eq_c1: The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0}}
  %0 = nn.eq %f, %g : (tensor<2xf32>, tensor<3xf32>) -> tensor<2xi1>
  return
}

// -----

func.func @eq_c2(%f: tensor<2xf32>) {
  // expected-error @+1 {{'nn.eq' op eq_c2: expected type 'tensor<2xi1>', found 'tensor<2xf32>'}}
  %0 = nn.eq %f, %f : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @ne_c1(%f: tensor<2xf32>, %g: tensor<3xf32>) {
  // expected-error @+1 {{'nn.ne' op ne_c1: The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0}}
  %0 = nn.ne %f, %g : (tensor<2xf32>, tensor<3xf32>) -> tensor<2xi1>
  return
}

// -----

func.func @ne_c2(%f: tensor<2xf32>) {
  // expected-error @+1 {{'nn.ne' op ne_c2: expected type 'tensor<2xi1>', found 'tensor<2xf32>'}}
  %0 = nn.ne %f, %f : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @lt_c1(%f: tensor<2xf32>, %g: tensor<3xf32>) {
  // expected-error @+1 {{'nn.lt' op lt_c1: The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0}}
  %0 = nn.lt %f, %g : (tensor<2xf32>, tensor<3xf32>) -> tensor<2xi1>
  return
}

// -----

func.func @lt_c2(%f: tensor<2xf32>) {
  // expected-error @+1 {{'nn.lt' op lt_c2: expected type 'tensor<2xi1>', found 'tensor<2xf32>'}}
  %0 = nn.lt %f, %f : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @le_c1(%f: tensor<2xf32>, %g: tensor<3xf32>) {
  // expected-error @+1 {{'nn.le' op le_c1: The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0}}
  %0 = nn.le %f, %g : (tensor<2xf32>, tensor<3xf32>) -> tensor<2xi1>
  return
}

// -----

func.func @le_c2(%f: tensor<2xf32>) {
  // expected-error @+1 {{'nn.le' op le_c2: expected type 'tensor<2xi1>', found 'tensor<2xf32>'}}
  %0 = nn.le %f, %f : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @gt_c1(%f: tensor<2xf32>, %g: tensor<3xf32>) {
  // expected-error @+1 {{'nn.gt' op gt_c1: The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0}}
  %0 = nn.gt %f, %g : (tensor<2xf32>, tensor<3xf32>) -> tensor<2xi1>
  return
}

// -----

func.func @gt_c2(%f: tensor<2xf32>) {
  // expected-error @+1 {{'nn.gt' op gt_c2: expected type 'tensor<2xi1>', found 'tensor<2xf32>'}}
  %0 = nn.gt %f, %f : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @ge_c1(%f: tensor<2xf32>, %g: tensor<3xf32>) {
  // expected-error @+1 {{'nn.ge' op ge_c1: The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0}}
  %0 = nn.ge %f, %g : (tensor<2xf32>, tensor<3xf32>) -> tensor<2xi1>
  return
}

// -----

func.func @ge_c2(%f: tensor<2xf32>) {
  // expected-error @+1 {{'nn.ge' op ge_c2: expected type 'tensor<2xi1>', found 'tensor<2xf32>'}}
  %0 = nn.ge %f, %f : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @eq_c1(%f: tensor<2xf32>, %i: tensor<2xi64>) {
  // expected-error @+1 {{'nn.eq' op eq_c1: nn.eq needs operands of one dtype, but got Float and Long}}
  %0 = nn.eq %f, %i : (tensor<2xf32>, tensor<2xi64>) -> tensor<2xi1>
  return
}

// -----

func.func @where_c1(%f: tensor<2xf32>) {
  // expected-error @+1 {{'nn.where' op where_c1: where expected condition to be a boolean tensor, but got a tensor with dtype Float}}
  %0 = nn.where %f, %f, %f : (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @where_c1(%c: tensor<2xi1>, %f: tensor<2xf32>, %g: tensor<3xf32>) {
  // expected-error @+1 {{'nn.where' op where_c1: The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0}}
  %0 = nn.where %c, %f, %g : (tensor<2xi1>, tensor<2xf32>, tensor<3xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @where_c2(%c: tensor<2xi1>, %f: tensor<2xf32>) {
  // expected-error @+1 {{'nn.where' op where_c2: expected type 'tensor<2xf32>', found 'tensor<2xi1>'}}
  %0 = nn.where %c, %f, %f : (tensor<2xi1>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xi1>
  return
}

// -----

func.func @detach_c2(%f: tensor<2xf32>) {
  // expected-error @+1 {{'nn.detach' op detach_c2: expected type 'tensor<2xf32>', found 'tensor<3xf32>'}}
  %0 = nn.detach %f : (tensor<2xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @dropout_c1(%f: tensor<2xf32>) {
  // expected-error @+1 {{'nn.dropout' op dropout_c1: nn.dropout needs a generator in training}}
  %0 = nn.dropout %f p = 0.5 training = true site = 1 : (tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @dropout_c1(%f: tensor<2xf32>) {
  // expected-error @+1 {{'nn.dropout' op dropout_c1: nn.dropout needs its generator as int64[2], seed and offset, but got float32[2]}}
  %0 = nn.dropout %f generator %f p = 0.5 training = true site = 1 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @cross_entropy_c1(%x: tensor<2x3xf32>, %t: tensor<2xi64>, %w: tensor<2xf32>) {
  // expected-error @+1 {{'nn.cross_entropy' op cross_entropy_c1: weight tensor should be defined either for all 3 classes or no classes but got weight tensor of shape: [2]}}
  %0 = nn.cross_entropy %x, %t weight %w ignore_index = -100 label_smoothing = 0.0 reduction = "mean" : (tensor<2x3xf32>, tensor<2xi64>, tensor<2xf32>) -> tensor<f32>
  return
}

// -----

func.func @cross_entropy_c1(%x: tensor<2x3xf32>, %t: tensor<2xi64>, %w: tensor<2xf32>) {
  // expected-error @+1 {{'nn.cross_entropy' op cross_entropy_c1: expected target dtype to be Long or Byte, but got Float}}
  %0 = nn.cross_entropy %x, %w ignore_index = -100 label_smoothing = 0.0 reduction = "mean" : (tensor<2x3xf32>, tensor<2xf32>) -> tensor<f32>
  return
}

// -----

func.func @cross_entropy_c1(%x: tensor<2x3xf32>, %t: tensor<2xi64>, %w: tensor<2xf32>) {
  // expected-error @+1 {{'nn.cross_entropy' op cross_entropy_c1: average is not a valid value for reduction}}
  %0 = nn.cross_entropy %x, %t ignore_index = -100 label_smoothing = 0.0 reduction = "average" : (tensor<2x3xf32>, tensor<2xi64>) -> tensor<f32>
  return
}

// -----

func.func @cross_entropy_c2(%x: tensor<2x3xf32>, %t: tensor<2xi64>, %w: tensor<2xf32>) {
  // expected-error @+1 {{'nn.cross_entropy' op cross_entropy_c2: expected type 'tensor<f32>', found 'tensor<2xf32>'}}
  %0 = nn.cross_entropy %x, %t ignore_index = -100 label_smoothing = 0.0 reduction = "mean" : (tensor<2x3xf32>, tensor<2xi64>) -> tensor<2xf32>
  return
}

// -----

func.func @cross_entropy_backward_c1(%x: tensor<2x3xf32>, %t: tensor<2xi64>, %w: tensor<2xf32>) {
  // expected-error @+1 {{'nn.cross_entropy_backward' op cross_entropy_backward_c1: nn.cross_entropy_backward needs a gradient of the loss's type float32[], but got float32[2]}}
  %0 = nn.cross_entropy_backward %w, %x, %t ignore_index = -100 label_smoothing = 0.0 reduction = "mean" : (tensor<2xf32>, tensor<2x3xf32>, tensor<2xi64>) -> tensor<2x3xf32>
  return
}

// -----

func.func @cross_entropy_backward_c2(%x: tensor<2x3xf32>, %t: tensor<2xi64>, %w: tensor<2xf32>, %g: tensor<f32>) {
  // expected-error @+1 {{'nn.cross_entropy_backward' op cross_entropy_backward_c2: expected type 'tensor<2x3xf32>', found 'tensor<f32>'}}
  %0 = nn.cross_entropy_backward %g, %x, %t ignore_index = -100 label_smoothing = 0.0 reduction = "mean" : (tensor<f32>, tensor<2x3xf32>, tensor<2xi64>) -> tensor<f32>
  return
}

// -----

func.func @log_softmax_c1(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.log_softmax' op log_softmax_c1: Dimension out of range (expected to be in range of [-2, 1], but got 2)}}
  %0 = nn.log_softmax %x dim = 2 : tensor<2x3xf32>
  return
}

// -----

func.func @log_softmax_c2(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.log_softmax' op log_softmax_c2: expected type 'tensor<2x3xf32>', found 'tensor<2xf32>'}}
  %0 = "nn.log_softmax"(%x) <{dim = 1 : i64}> : (tensor<2x3xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @softmax_c1(%x: tensor<2x3xi64>) {
  // expected-error @+1 {{'nn.softmax' op softmax_c1: "softmax_lastdim_kernel_impl" not implemented for 'Long'}}
  %0 = nn.softmax %x dim = 1 : tensor<2x3xi64>
  return
}

// -----

func.func @softmax_c2(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.softmax' op softmax_c2: expected type 'tensor<2x3xf32>', found 'tensor<2x3xf16>'}}
  %0 = "nn.softmax"(%x) <{dim = 1 : i64}> : (tensor<2x3xf32>) -> tensor<2x3xf16>
  return
}

// -----

func.func @softmax_backward_c1(%g: tensor<2x3xf32>, %y: tensor<2x4xf32>) {
  // expected-error @+1 {{'nn.softmax_backward' op softmax_backward_c1: Expected tensor for argument #1 'grad' to have same size as tensor for argument #2 'output'; but [2, 3] does not equal [2, 4] (while checking arguments for softmax_backward)}}
  %0 = nn.softmax_backward %g, %y dim = 1 : (tensor<2x3xf32>, tensor<2x4xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @softmax_backward_c2(%g: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.softmax_backward' op softmax_backward_c2: expected type 'tensor<2x3xf32>', found 'tensor<2xf32>'}}
  %0 = nn.softmax_backward %g, %g dim = 1 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @log_softmax_backward_c1(%g: tensor<2x3xf32>, %y: tensor<2x3xf64>) {
  // expected-error @+1 {{'nn.log_softmax_backward' op log_softmax_backward_c1: expected scalar type Float but found Double}}
  %0 = nn.log_softmax_backward %g, %y dim = 1 : (tensor<2x3xf32>, tensor<2x3xf64>) -> tensor<2x3xf32>
  return
}

// -----

func.func @log_softmax_backward_c2(%g: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.log_softmax_backward' op log_softmax_backward_c2: expected type 'tensor<2x3xf32>', found 'tensor<2xf32>'}}
  %0 = nn.log_softmax_backward %g, %g dim = 1 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @embedding_backward_c1(%x: tensor<2x3xf32>, %t: tensor<2xi64>) {
  // expected-error @+1 {{'nn.embedding_backward' op embedding_backward_c1: Padding_idx must be within num_embeddings}}
  %0 = nn.embedding_backward %x, %t num_embeddings = <4> padding_idx = 4 : (tensor<2x3xf32>, tensor<2xi64>) -> tensor<4x3xf32>
  return
}

// -----

func.func @embedding_backward_c2(%x: tensor<2x3xf32>, %t: tensor<2xi64>) {
  // expected-error @+1 {{'nn.embedding_backward' op embedding_backward_c2: expected type 'tensor<4x3xf32>', found 'tensor<3x3xf32>'}}
  %0 = nn.embedding_backward %x, %t num_embeddings = <4> : (tensor<2x3xf32>, tensor<2xi64>) -> tensor<3x3xf32>
  return
}

// -----

func.func @batch_norm_backward_c1(%x: tensor<2x3xf32>, %c: tensor<3xf32>, %w: tensor<2xf32>) {
  // expected-error @+1 {{'nn.batch_norm_backward' op batch_norm_backward_c1: nn.batch_norm_backward needs batch_mean of type float32[3], but got float32[2]}}
  %0:3 = nn.batch_norm_backward %x, %x, %w, %c : (tensor<2x3xf32>, tensor<2x3xf32>, tensor<2xf32>, tensor<3xf32>) -> (tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32>)
  return
}

// -----

// Statistics and weight are of one type.
func.func @batch_norm_backward_c1(%x: tensor<2x3xf16>, %c: tensor<3xf16>, %w: tensor<3xf32>) {
  // expected-error @+1 {{'nn.batch_norm_backward' op batch_norm_backward_c1: nn.batch_norm_backward needs weight of type float16[3], but got float32[3]}}
  %0:3 = nn.batch_norm_backward %x, %x, %c, %c weight %w : (tensor<2x3xf16>, tensor<2x3xf16>, tensor<3xf16>, tensor<3xf16>, tensor<3xf32>) -> (tensor<2x3xf16>, tensor<3xf32>, tensor<3xf32>)
  return
}

// -----

func.func @batch_norm_backward_c2(%x: tensor<2x3xf32>, %c: tensor<3xf32>) {
  // expected-error @+1 {{'nn.batch_norm_backward' op batch_norm_backward_c2: expected result 1 to have type 'tensor<3xf32>', found 'tensor<2xf32>'}}
  %0:3 = nn.batch_norm_backward %x, %x, %c, %c : (tensor<2x3xf32>, tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<2x3xf32>, tensor<2xf32>, tensor<3xf32>)
  return
}

// -----

func.func @sgd_c1(%w: tensor<2xf32>, %s: tensor<1xf32>, %lr: tensor<f64>) {
  // expected-error @+1 {{'nn.sgd' op sgd_c1: nn.sgd takes 1 parameters, 1 gradients, steps and lr, but got 5 operands}}
  %0 = nn.sgd parameters(%w) gradients(%w) momentum_buffers(%w) steps %s lr %lr indices = [0] momentum = 0.0 dampening = 0.0 weight_decay = 0.0 nesterov = false maximize = false : (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<1xf32>, tensor<f64>) -> tensor<2xf32>
  return
}

// -----

func.func @sgd_c1(%w: tensor<2xf32>, %s: tensor<1xf32>, %lr: tensor<f64>) {
  // expected-error @+1 {{'nn.sgd' op sgd_c1: nn.sgd has index 1, but steps are float32[1]}}
  %0 = nn.sgd parameters(%w) gradients(%w) steps %s lr %lr indices = [1] momentum = 0.0 dampening = 0.0 weight_decay = 0.0 nesterov = false maximize = false : (tensor<2xf32>, tensor<2xf32>, tensor<1xf32>, tensor<f64>) -> tensor<2xf32>
  return
}

// -----

func.func @sgd_c2(%w: tensor<2xf32>, %s: tensor<1xf32>, %lr: tensor<f64>) {
  // expected-error @+1 {{'nn.sgd' op sgd_c2: expected type 'tensor<2xf32>', found 'tensor<1xf32>'}}
  %0 = nn.sgd parameters(%w) gradients(%w) steps %s lr %lr indices = [0] momentum = 0.0 dampening = 0.0 weight_decay = 0.0 nesterov = false maximize = false : (tensor<2xf32>, tensor<2xf32>, tensor<1xf32>, tensor<f64>) -> tensor<1xf32>
  return
}

// -----

func.func @sgd_lists(%w: tensor<2xf32>, %s: tensor<1xf32>, %lr: tensor<f64>) {
  // expected-error @+1 {{expected as many gradients as parameters (1), found 2}}
  %0 = nn.sgd parameters(%w) gradients(%w, %w) steps %s lr %lr indices = [0] momentum = 0.0 dampening = 0.0 weight_decay = 0.0 nesterov = false maximize = false : (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<1xf32>, tensor<f64>) -> tensor<2xf32>
  return
}

// -----

func.func @adam_c1(%w: tensor<2xf32>, %s: tensor<1xf32>, %lr: tensor<f64>) {
  // expected-error @+1 {{'nn.adam' op adam_c1: Invalid beta parameter at index 1: 1.0}}
  %0:3 = nn.adam parameters(%w) gradients(%w) exp_avgs(%w) exp_avg_sqs(%w) steps %s lr %lr indices = [0] beta1 = 0.9 beta2 = 1.0 eps = 1.0e-8 weight_decay = 0.0 decoupled = false amsgrad = false maximize = false : (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<1xf32>, tensor<f64>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>)
  return
}

// -----

func.func @adam_c2(%w: tensor<2xf32>, %s: tensor<1xf32>, %lr: tensor<f64>) {
  // expected-error @+1 {{'nn.adam' op adam_c2: expected 3 results, found 1}}
  %0 = nn.adam parameters(%w) gradients(%w) exp_avgs(%w) exp_avg_sqs(%w) steps %s lr %lr indices = [0] beta1 = 0.9 beta2 = 0.9 eps = 1.0e-8 weight_decay = 0.0 decoupled = false amsgrad = false maximize = false : (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<1xf32>, tensor<f64>) -> tensor<2xf32>
  return
}

// -----

func.func @backward_c1(%l: tensor<f32>, %x: tensor<2xf32>, %i: tensor<2xi64>) {
  // expected-error @+1 {{'nn.backward' op backward_c1: the loss is floating-point, found 'tensor<2xi64>'}}
  %0 = nn.backward %i to %x : (tensor<2xi64>, tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @backward_c1(%l: tensor<f32>, %x: tensor<2xf32>, %i: tensor<2xi64>) {
  // expected-error @+1 {{'nn.backward' op backward_c1: grad can be implicitly created only for scalar outputs; without a gradient the loss has one element, found 'tensor<2xf32>'}}
  %0 = nn.backward %x to %x : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @backward_c2(%l: tensor<f32>, %x: tensor<2xf32>, %i: tensor<2xi64>) {
  // expected-error @+1 {{'nn.backward' op backward_c2: the gradient has the loss's type 'tensor<f32>', found 'tensor<2xf32>'}}
  %0 = nn.backward %l gradient %x to %x : (tensor<f32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @backward_c3(%l: tensor<f32>, %x: tensor<2xf32>, %i: tensor<2xi64>) {
  // expected-error @+1 {{'nn.backward' op backward_c3: there is no target}}
  "nn.backward"(%l) <{operandSegmentSizes = array<i32: 1, 0, 0>}> : (tensor<f32>) -> ()
  return
}

// -----

func.func @backward_c3(%l: tensor<f32>, %x: tensor<2xf32>, %i: tensor<2xi64>) {
  // expected-error @+1 {{'nn.backward' op backward_c3: target 0 is floating-point, found 'tensor<2xi64>'}}
  %0 = nn.backward %l to %i : (tensor<f32>, tensor<2xi64>) -> tensor<2xi64>
  return
}

// -----

func.func @backward_c4(%l: tensor<f32>, %x: tensor<2xf32>, %i: tensor<2xi64>) {
  // expected-error @+1 {{'nn.backward' op backward_c4: expected 1 results, one a target, found 2}}
  %0:2 = nn.backward %l to %x : (tensor<f32>, tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>)
  return
}

// -----

func.func @backward_c4(%l: tensor<f32>, %x: tensor<2xf32>, %i: tensor<2xi64>) {
  // expected-error @+1 {{'nn.backward' op backward_c4: result 0 has its target's type 'tensor<2xf32>', found 'tensor<3xf32>'}}
  %0 = nn.backward %l to %x : (tensor<f32>, tensor<2xf32>) -> tensor<3xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// Declarations
//===----------------------------------------------------------------------===//

nn.state @g gradient : tensor<2xf32>
nn.state @gradients.defined gradient : tensor<1xi1>
// expected-error @+1 {{'nn.gradient' op gradient_c1: there is no nn.state @w}}
nn.gradient of @w in @g flag 0

// -----

// expected-note @+1 {{declared here}}
nn.state @w buffer : tensor<2xf32>
nn.state @g gradient : tensor<2xf32>
nn.state @gradients.defined gradient : tensor<1xi1>
// expected-error @+1 {{'nn.gradient' op gradient_c1: @w is a state of kind parameter, found buffer}}
nn.gradient of @w in @g flag 0

// -----

nn.state @w parameter trainable : tensor<2xf32>
nn.state @g gradient : tensor<2xf32>
nn.state @gradients.defined gradient : tensor<1xi1>
// expected-note @+1 {{this one}}
nn.gradient of @w in @g flag 0
// expected-error @+1 {{'nn.gradient' op gradient_c1: @w has a gradient already}}
nn.gradient of @w in @g flag 0

// -----

nn.state @w parameter trainable : tensor<2xf32>
// expected-note @+1 {{declared here}}
nn.state @g gradient : tensor<3xf32>
nn.state @gradients.defined gradient : tensor<1xi1>
// expected-error @+1 {{'nn.gradient' op gradient_c2: @g has type 'tensor<2xf32>', found 'tensor<3xf32>'}}
nn.gradient of @w in @g flag 0

// -----

nn.state @w parameter trainable : tensor<2xf32>
nn.state @g gradient : tensor<2xf32>
// expected-error @+1 {{'nn.gradient' op gradient_c3: there is no nn.state @gradients.defined}}
nn.gradient of @w in @g flag 0

// -----

nn.state @w parameter trainable : tensor<2xf32>
nn.state @g gradient : tensor<2xf32>
nn.state @gradients.defined gradient : tensor<1xi1>
// expected-error @+1 {{'nn.gradient' op gradient_c3: @gradients.defined has 1 flags, the gradient's is number 1}}
nn.gradient of @w in @g flag 1

// -----

nn.state @w parameter trainable : tensor<2xf32>
nn.state @g gradient : tensor<2xf32>
nn.state @gradients.defined gradient : tensor<1xf32>
// expected-error @+1 {{'nn.gradient' op gradient_c3: @gradients.defined has one dimension of i1, found 'tensor<1xf32>'}}
nn.gradient of @w in @g flag 0

// -----

nn.state @w parameter trainable : tensor<2xf32>
nn.state @v parameter : tensor<2xf32>
nn.state @g gradient : tensor<2xf32>
nn.state @gradients.defined gradient : tensor<2xi1>
// expected-note @+1 {{by this one}}
nn.gradient of @v in @g flag 0
// expected-error @+1 {{'nn.gradient' op gradient_c3: flag 0 is taken}}
nn.gradient of @w in @g flag 0

// -----

nn.state @w parameter trainable : tensor<2xf32>
nn.state @lr hyperparameter : tensor<f64>
nn.state @steps optimizer : tensor<1xf32>
nn.state @m optimizer : tensor<2xf32>
// expected-note @+1 {{by this one}}
nn.optimizer "o" type "SGD" steps @steps groups [{parameters = [@w], lr = @lr, options = {}, slots = {}}]
// expected-error @+1 {{'nn.optimizer' op optimizer_c1: the name "o" is taken}}
nn.optimizer "o" type "SGD" steps @steps groups [{parameters = [@w], lr = @lr, options = {}, slots = {}}]

// -----

nn.state @w parameter trainable : tensor<2xf32>
nn.state @lr hyperparameter : tensor<f64>
// expected-note @+1 {{declared here}}
nn.state @steps optimizer : tensor<2xf32>
nn.state @m optimizer : tensor<2xf32>
// expected-error @+1 {{'nn.optimizer' op optimizer_c2: @steps has type 'tensor<1xf32>', found 'tensor<2xf32>'}}
nn.optimizer "o" type "SGD" steps @steps groups [{parameters = [@w], lr = @lr, options = {}, slots = {}}]

// -----

nn.state @w parameter trainable : tensor<2xf32>
nn.state @lr hyperparameter : tensor<f64>
nn.state @steps optimizer : tensor<1xf32>
nn.state @m optimizer : tensor<2xf32>
// expected-error @+1 {{'nn.optimizer' op optimizer_c3: there is no nn.state @gone}}
nn.optimizer "o" type "SGD" steps @steps groups [{parameters = [@gone], lr = @lr, options = {}, slots = {}}]

// -----

nn.state @w parameter trainable : tensor<2xf32>
nn.state @lr hyperparameter : tensor<f64>
nn.state @steps optimizer : tensor<1xf32>
nn.state @m optimizer : tensor<2xf32>
// expected-error @+1 {{'nn.optimizer' op optimizer_c3: @w is in the groups twice}}
nn.optimizer "o" type "SGD" steps @steps groups [{parameters = [@w], lr = @lr, options = {}, slots = {}}, {parameters = [@w], lr = @lr, options = {}, slots = {}}]

// -----

nn.state @w parameter trainable : tensor<2xf32>
nn.state @lr hyperparameter : tensor<f64>
nn.state @steps optimizer : tensor<1xf32>
// expected-note @+1 {{declared here}}
nn.state @m optimizer : tensor<2xf32>
// expected-error @+1 {{'nn.optimizer' op optimizer_c4: @m is a state of kind hyperparameter, found optimizer}}
nn.optimizer "o" type "SGD" steps @steps groups [{parameters = [@w], lr = @m, options = {}, slots = {}}]

// -----

nn.state @w parameter trainable : tensor<2xf32>
nn.state @lr hyperparameter : tensor<f64>
nn.state @steps optimizer : tensor<1xf32>
nn.state @m optimizer : tensor<2xf32>
// expected-error @+1 {{'nn.optimizer' op optimizer_c5: slot "s" has 2 entries for 1 parameters}}
nn.optimizer "o" type "SGD" steps @steps groups [{parameters = [@w], lr = @lr, options = {}, slots = {s = [@m, unit]}}]

// -----

nn.state @w parameter trainable : tensor<2xf32>
nn.state @lr hyperparameter : tensor<f64>
nn.state @steps optimizer : tensor<1xf32>
// expected-note @+1 {{declared here}}
nn.state @m optimizer : tensor<3xf32>
// expected-error @+1 {{'nn.optimizer' op optimizer_c5: @m has type 'tensor<2xf32>', found 'tensor<3xf32>'}}
nn.optimizer "o" type "SGD" steps @steps groups [{parameters = [@w], lr = @lr, options = {}, slots = {s = [@m]}}]

// -----

nn.state @w parameter trainable : tensor<2xf32>
nn.state @lr hyperparameter : tensor<f64>
nn.state @steps optimizer : tensor<1xf32>
nn.state @m optimizer : tensor<2xf32>
// expected-error @+1 {{option_c1: option "eps" is unit, a bool, an i64, an f64 or an array of f64, found "small"}}
nn.optimizer "o" type "SGD" steps @steps groups [{parameters = [@w], lr = @lr, options = {eps = "small"}, slots = {}}]

// -----

nn.state @w parameter trainable : tensor<2xf32>
nn.state @lr hyperparameter : tensor<f64>
nn.state @steps optimizer : tensor<1xf32>
nn.state @m optimizer : tensor<2xf32>
// expected-error @+1 {{slot_c1: an entry of slot "s" is a symbol or unit, found 3 : i64}}
nn.optimizer "o" type "SGD" steps @steps groups [{parameters = [@w], lr = @lr, options = {}, slots = {s = [3]}}]
