// A program that trains, as the compiler would emit one: descriptors by hand, kernels in C++.
//
// A linear classifier, logits = x weight^T + bias, with the initial values and options of make_training_data.py. Parameters
// "head.weight" [3, 2] and "head.bias" [3], each a group of its own in "optimizer" (Adam or SGD with momentum); the buffer "calls" []
// int64 that is not persistent; gradients, their flags, the optimizer's values, learning rates, and a generator.
//   predict(x: [batch, 2]) -> logits: [batch, 3]                   with the prepared value "transposed"
//   train_step(x: [batch, 2], y: [batch] int64) -> loss: []        zero_grad, cross entropy, backward, step; calls += 1; draws once
//   accumulate(x: [batch, 2], y: [batch] int64) -> loss: []        backward alone: adds to the gradients
//   apply() -> ()                                                  step alone: parameters whose gradient is not None
#pragma once

#include <array>
#include <atomic>

#include "kiln/runtime/model.h"

namespace kiln::runtime::test {

enum class OptimizerKind { Adam, Sgd };

/// Everything a descriptor points to, so that tests can change any of it.
struct TrainingProgram {
  explicit TrainingProgram(OptimizerKind kind = OptimizerKind::Adam);
  TrainingProgram(const TrainingProgram &) = delete;

  Program program() const { return Program::from(&descriptor); }

  float weight[6] = {0.5f, -0.25f, 0.125f, 0.75f, -0.5f, 0.25f};
  float bias[3] = {0, 0.25f, -0.25f};
  double rates[2];
  int64_t random[2] = {0, 0}, calls = 0;
  double betas[2] = {0.9, 0.999};

  std::array<kiln_state, 14> states;
  std::array<kiln_state_name, 3> state_names;
  std::array<kiln_prepared, 1> prepared;
  std::array<kiln_prepare, 1> prepares;
  std::array<kiln_function, 4> functions;
  std::array<kiln_argument, 2> inputs;
  std::array<kiln_argument, 2> outputs;
  std::array<kiln_module, 2> modules;
  std::array<kiln_site, 1> sites;
  std::array<kiln_gradient, 2> gradients;
  std::array<std::array<kiln_option, 11>, 2> options; // of the two groups
  std::array<std::array<kiln_slot, 2>, 2> slots;
  std::array<kiln_parameter_group, 2> groups;
  std::array<kiln_optimizer, 1> optimizers;
  kiln_program descriptor;
};

} // namespace kiln::runtime::test
