//===- NNOptimizerOps.td - Steps of optimizers ---------------*- tablegen -*-===//
//
// Defines one operation an optimizer: the new values of all parameters of a parameter group, and of what the optimizer keeps for
// each. One operation a group, so that one kernel passes over all its parameters.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_IR_NNOPTIMIZEROPS
#define KILN_IR_NNOPTIMIZEROPS

include "kiln/ir/NNSemanticOp.td"

/// `inputs` are lists of `count` tensors each, one after another: parameters, gradients, then the optimizer's slots; last the counts
/// of steps and the learning rate. Results are the parameters' and slots' new values, in the same order.
class NN_OptimizerStepOp<string mnemonic, dag attributes> : NN_SemanticOp<mnemonic> {
  let arguments = !con((ins Variadic<NN_Tensor>:$inputs, I64Attr:$count, DenseI64ArrayAttr:$indices), attributes);
  let results = (outs Variadic<NN_Tensor>:$updated);
  code accessors = [{
    /// The values before the step.
    ::mlir::OperandRange getParameters() { return getList(0); }
    ::mlir::OperandRange getGradients() { return getList(1); }
    /// The parameters' new values.
    ::mlir::ResultRange getNewParameters() { return getResults().take_front(getCount()); }
    /// f32: the number of steps that each parameter of the optimizer has made, this one included; by `indices`.
    ::mlir::Value getSteps() { return getInputs()[getInputs().size() - 2]; }
    /// An f64 scalar.
    ::mlir::Value getLearningRate() { return getInputs().back(); }
    /// List `number` of `count` operands.
    ::mlir::OperandRange getList(unsigned number) { return getInputs().slice(number * getCount(), getCount()); }
    /// List `number` of `count` results: parameters are 0, then the slots.
    ::mlir::ResultRange getNewList(unsigned number) { return getResults().slice(number * getCount(), getCount()); }
  }];
}

def NN_SgdOp : NN_OptimizerStepOp<"sgd", (ins F64Attr:$momentum, F64Attr:$dampening, F64Attr:$weight_decay, BoolAttr:$nesterov,
                                              BoolAttr:$maximize)> {
  let summary = "a step of torch.optim.SGD";
  let description = [{
    For each parameter p with gradient g (negated if `maximize`), in this order: `g += weight_decay * p` if that is not 0; with
    momentum, `buffer = momentum * buffer + (1 - dampening) * g`, but `buffer = g` in the parameter's first step, and then
    `g = g + momentum * buffer` if `nesterov`, else `g = buffer`; `p -= lr * g`.

    ```mlir
    %p, %q = nn.sgd parameters(%a, %b) gradients(%ga, %gb) steps %steps lr %lr indices = [0, 1] momentum = 0.000000e+00
        dampening = 0.000000e+00 weight_decay = 0.000000e+00 nesterov = false maximize = false
        : (tensor<4xf32>, tensor<2xf32>, tensor<4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<f64>) -> (tensor<4xf32>, tensor<2xf32>)
    %r, %buffer = nn.sgd parameters(%a) gradients(%ga) momentum_buffers(%m) steps %steps lr %lr indices = [0] momentum = 9.000000e-01
        dampening = 0.000000e+00 weight_decay = 1.000000e-04 nesterov = true maximize = false
        : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<2xf32>, tensor<f64>) -> (tensor<4xf32>, tensor<4xf32>)
    ```

    Constraints:
    - sgd_c1: gradients and momentum buffers have the types of their parameters, which are floating-point; momentum buffers are there
      exactly if `momentum` is not 0; `nesterov` needs a momentum above 0 and no dampening; `steps` is f32[P], `lr` an f64 scalar;
      `indices` has an entry in [0, P) for each parameter.
    - sgd_c2: the results have the types of parameters and momentum buffers.
  }];
  let assemblyFormat = [{
    custom<SgdOperands>($inputs, $count) `indices` `=` $indices `momentum` `=` $momentum `dampening` `=` $dampening
    `weight_decay` `=` $weight_decay `nesterov` `=` $nesterov `maximize` `=` $maximize attr-dict
    `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = accessors # [{
    bool hasMomentumBuffers() { return !getMomentum().isZero(); }
    /// Only with momentum.
    ::mlir::OperandRange getMomentumBuffers() { return getList(2); }
    ::mlir::ResultRange getNewMomentumBuffers() { return getNewList(1); }
  }];
}

def NN_AdamOp : NN_OptimizerStepOp<"adam", (ins F64Attr:$beta1, F64Attr:$beta2, F64Attr:$eps, F64Attr:$weight_decay,
                                                BoolAttr:$decoupled, BoolAttr:$amsgrad, BoolAttr:$maximize)> {
  let summary = "a step of torch.optim.Adam, or of AdamW where the weight decay is decoupled";
  let description = [{
    For each parameter p with gradient g (negated if `maximize`) and number of steps t, in this order: weight decay, if that is not 0,
    by `p *= 1 - lr * weight_decay` if `decoupled`, else by `g += weight_decay * p`; `exp_avg += (1 - beta1) * (g - exp_avg)`;
    `exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * g * g`; with `amsgrad`, `max_exp_avg_sq = max(max_exp_avg_sq, exp_avg_sq)`, which
    then stands for exp_avg_sq; `p -= lr / (1 - beta1^t) * exp_avg / (sqrt(exp_avg_sq) / sqrt(1 - beta2^t) + eps)`. Factors that
    depend on t and lr are computed in f64.

    ```mlir
    %p, %m, %v = nn.adam parameters(%a) gradients(%g) exp_avgs(%ma) exp_avg_sqs(%va) steps %steps lr %lr indices = [0]
        beta1 = 9.000000e-01 beta2 = 9.990000e-01 eps = 1.000000e-08 weight_decay = 0.000000e+00 decoupled = false amsgrad = false
        maximize = false
        : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<1xf32>, tensor<f64>)
        -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>)
    ```

    Constraints:
    - adam_c1: gradients and slots have the types of their parameters, which are floating-point; max_exp_avg_sqs are there exactly if
      `amsgrad`; `steps` is f32[P], `lr` an f64 scalar; `indices` has an entry in [0, P) for each parameter.
    - adam_c2: the results have the types of parameters, exp_avgs, exp_avg_sqs and max_exp_avg_sqs.
  }];
  let assemblyFormat = [{
    custom<AdamOperands>($inputs, $count) `indices` `=` $indices `beta1` `=` $beta1 `beta2` `=` $beta2 `eps` `=` $eps
    `weight_decay` `=` $weight_decay `decoupled` `=` $decoupled `amsgrad` `=` $amsgrad `maximize` `=` $maximize attr-dict
    `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = accessors # [{
    ::mlir::OperandRange getExpAvgs() { return getList(2); }
    ::mlir::OperandRange getExpAvgSqs() { return getList(3); }
    /// Only with amsgrad.
    ::mlir::OperandRange getMaxExpAvgSqs() { return getList(4); }
    ::mlir::ResultRange getNewExpAvgs() { return getNewList(1); }
    ::mlir::ResultRange getNewExpAvgSqs() { return getNewList(2); }
    ::mlir::ResultRange getNewMaxExpAvgSqs() { return getNewList(3); }
  }];
}

#endif // KILN_IR_NNOPTIMIZEROPS
