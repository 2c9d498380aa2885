// What the measurements call: a prediction, and a training step for each optimizer.
#pragma once

#include <kiln/kiln.h>

#include <vector>

/// Declares `predict`, `train_adamw` and `train_sgd` of a classifier for inputs of these dimensions. A step is PyTorch's:
/// gradients to None, forward pass in training mode, cross-entropy, backward pass, update. KILN_BENCH_PREDICT_ONLY leaves the
/// steps out.
template <class Model> void declare_functions(kiln::Program &program, Model &model, std::vector<kiln::Dim> dims) {
  using kiln::Tensor;
  program.function("predict", {{"x", dims}}, [&](Tensor x) {
    model->eval();
    return model(x);
  });
#ifndef KILN_BENCH_PREDICT_ONLY
  auto declare_step = [&](const char *name, kiln::optim::Optimizer &optimizer) {
    program.function(name, {{"x", dims}, {"y", {"batch"}, kiln::kInt64}}, [&](Tensor x, Tensor y) {
      model->train();
      optimizer.zero_grad();
      Tensor loss = kiln::nn::functional::cross_entropy(model(x), y);
      loss.backward();
      optimizer.step();
      return loss;
    });
  };
  kiln::optim::AdamW adamw(model->parameters(), 1e-4);
  declare_step("train_adamw", adamw);
  kiln::optim::SGD sgd(model->parameters(), kiln::optim::SGDOptions(1e-4).momentum(0.9));
  declare_step("train_sgd", sgd);
#endif
}
