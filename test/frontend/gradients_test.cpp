// Gradients of recorded functions are PyTorch's (make_training_expectations.py): the graph that a pass finds by following
// operands, where nn.detach cuts it, and what .grad and the optimizers make of it. Derivatives are taken numerically here, so
// what is tested is what is recorded.
#include <cmath>
#include <functional>
#include <limits>

#include "expectations.h"
#include "kiln/recording.h"
#include "recorded_text.h"

using kiln::Tensor;
namespace nn = kiln::nn;
namespace F = kiln::nn::functional;
namespace optim = kiln::optim;

namespace {

// The same numbers as in Python.
Tensor numbers(std::vector<int64_t> sizes, double seed) {
  Tensor result = kiln::zeros(sizes, kiln::kFloat64);
  for (int64_t i = 0; i < result.numel(); ++i)
    result.data_ptr<double>()[i] = std::sin(0.7 * static_cast<double>(i) + seed);
  return result;
}

struct PairImpl : nn::Module {
  PairImpl() {
    a = register_module("a", nn::Linear(3, 2));
    b = register_module("b", nn::Linear(2, 2));
    to(kiln::kFloat64);
    kiln::NoGradGuard no_grad;
    double seed = 1;
    for (const Tensor &parameter : parameters())
      parameter.copy_(numbers(parameter.sizes().vec(), seed++));
  }
  Tensor forward(Tensor x) { return b(kiln::tanh(a(x))); }
  nn::Linear a{nullptr}, b{nullptr};
};
KILN_MODULE(Pair);

using Tensors = std::vector<Tensor>;
struct Case {
  std::string name;
  std::function<Tensors(Pair &, Tensor, Tensor)> code;
};

const std::vector<Case> &cases() {
  static const std::vector<Case> all = {
      {"parameters",
       [](Pair &m, Tensor x, Tensor y) {
         Tensor loss = F::mse_loss(m(x), y);
         loss.backward();
         Tensors results{loss};
         for (const Tensor &parameter : m->parameters())
           results.push_back(parameter.grad());
         return results;
       }},
      {"inputs",
       [](Pair &m, Tensor x, Tensor y) {
         x.requires_grad_();
         F::mse_loss(m(x), y, kiln::kSum).backward();
         return Tensors{x.grad()};
       }},
      {"accumulate",
       [](Pair &m, Tensor x, Tensor y) {
         m(x).sum().backward();
         F::mse_loss(m(x), y).backward();
         return Tensors{m->a->weight.grad()};
       }},
      {"retain_graph",
       [](Pair &m, Tensor x, Tensor y) {
         Tensor loss = F::mse_loss(m(x), y);
         loss.backward({}, /*retain_graph=*/true);
         loss.backward();
         return Tensors{m->a->weight.grad()};
       }},
      {"detach",
       [](Pair &m, Tensor x, Tensor) {
         Tensor h = m->a(x);
         (m->b(h.detach()) * h).sum().backward();
         return Tensors{m->a->weight.grad(), m->b->weight.grad()};
       }},
      {"no_grad",
       [](Pair &m, Tensor x, Tensor) {
         Tensor target, view;
         {
           kiln::NoGradGuard no_grad;
           target = m->a(x);
           view = m->a->weight.t();
         }
         (m->a(x) * target * view.sum()).sum().backward();
         return Tensors{m->a->weight.grad()};
       }},
      {"frozen_for_a_while",
       [](Pair &m, Tensor x, Tensor) {
         m->a->requires_grad_(false);
         Tensor u = m->a(x);
         m->a->requires_grad_(true);
         ((u * m->a(x)).sum() + m->b(u).sum()).backward();
         return Tensors{m->a->weight.grad(), m->b->weight.grad()};
       }},
      {"update_in_between",
       [](Pair &m, Tensor x, Tensor) {
         Tensor first = m->a(x).square().sum();
         {
           kiln::NoGradGuard no_grad;
           m->a->weight.sub_(0.5 * m->a->weight);
         }
         Tensor second = m->a(x).square().sum();
         (first + second).backward();
         return Tensors{m->a->weight.grad(), m->a->weight.detach().clone()};
       }},
      {"in_place",
       [](Pair &m, Tensor x, Tensor) {
         Tensor h = m->a(x) * 1;
         h.select(0, 0).mul_(3);
         h.t().select(0, 1).mul_(h.t().select(0, 0).clone());
         (h * h).sum().backward();
         return Tensors{m->a->weight.grad()};
       }},
      {"views_of_a_leaf",
       [](Pair &m, Tensor, Tensor) {
         Tensor w = m->a->weight;
         (w.t().slice(0, 0, 2) * w.slice(1, 1, 3) + w.reshape({6})[5]).sum().backward();
         return Tensors{w.grad()};
       }},
      {"grad_function",
       [](Pair &m, Tensor x, Tensor y) {
         x.requires_grad_();
         Tensor h = kiln::tanh(m->a(x));
         Tensor loss = F::mse_loss(m->b(h), y);
         return kiln::autograd::grad({loss}, {x, h, m->a->weight});
       }},
      {"grad_outputs",
       [](Pair &m, Tensor x, Tensor y) {
         Tensor h = m->a(x);
         return kiln::autograd::grad({h, m->b(h)}, {m->a->weight}, {y, 2 * y});
       }},
      {"retain_grad",
       [](Pair &m, Tensor x, Tensor y) {
         Tensor h = m->a(x);
         h.retain_grad();
         F::mse_loss(m->b(h), y).backward();
         return Tensors{h.grad(), m->a->weight.grad()};
       }},
      {"where_and_compare",
       [](Pair &m, Tensor x, Tensor y) {
         Tensor h = m->a(x);
         (kiln::where(h > 0.1, h * h, -2 * h) * (y <= h)).sum().backward();
         return Tensors{m->a->weight.grad()};
       }},
      {"cross_entropy",
       [](Pair &m, Tensor x, Tensor) {
         Tensor target = kiln::tensor({1, 0, 1, 0}), weight = kiln::tensor({0.5, 2.0}, kiln::kFloat64);
         F::cross_entropy(m(x), target, F::CrossEntropyFuncOptions().weight(weight).label_smoothing(0.1)).backward();
         nn::CrossEntropyLoss(nn::CrossEntropyLossOptions().ignore_index(1).reduction(kiln::kSum))(m(x), target).backward();
         F::cross_entropy(m(x), target, F::CrossEntropyFuncOptions().reduction(kiln::kNone)).mean().backward();
         return Tensors{m->b->weight.grad()};
       }},
      {"cross_entropy_probabilities",
       [](Pair &m, Tensor x, Tensor) {
         Tensor target = kiln::tensor({0.75, 0.25, 0.0, 1.0, 1.0, 0.0, 0.5, 0.5}, kiln::kFloat64).view({4, 2}).requires_grad_();
         Tensor weight = kiln::tensor({0.5, 2.0}, kiln::kFloat64).requires_grad_();
         const auto weighted = F::CrossEntropyFuncOptions().weight(weight);
         F::cross_entropy(m(x), target, F::CrossEntropyFuncOptions(weighted).label_smoothing(0.1)).backward();
         nn::CrossEntropyLoss(nn::CrossEntropyLossOptions().reduction(kiln::kSum))(m(x), target).backward();
         F::cross_entropy(m(x), target, F::CrossEntropyFuncOptions(weighted).reduction(kiln::kNone)).mean().backward();
         F::cross_entropy(m(x)[0], target[0]).backward();
         return Tensors{m->b->weight.grad(), target.grad(), weight.grad()};
       }},
      {"leaf_made_here",
       [](Pair &m, Tensor, Tensor) {
         Tensor z = kiln::zeros({2, 2}, kiln::dtype(kiln::kFloat64).requires_grad(true));
         kiln::tanh(m->b(z)).sum().backward();
         return Tensors{z.grad()};
       }},
      {"leaf_computed_with_alone",
       [](Pair &m, Tensor x, Tensor) {
         Tensor z = kiln::tensor({0.5, -2.0}, kiln::kFloat64).requires_grad_();
         (m->b(x.slice(1, 0, 2)) * (z * 3 + 1)).sum().backward();
         return Tensors{z.grad()};
       }},
      {"zeros_in_place",
       [](Pair &m, Tensor x, Tensor) {
         m(x).sum().backward();
         m->zero_grad(/*set_to_none=*/false);
         m(x).square().sum().backward();
         return Tensors{m->a->weight.grad()};
       }},
      {"gradient_edited",
       [](Pair &m, Tensor x, Tensor) {
         m(x).sum().backward();
         Tensor held = m->a->weight.grad();
         held.mul_(0.5);
         m->b->weight.mutable_grad() = Tensor();
         m(x).sum().backward();
         return Tensors{held.clone(), m->b->weight.grad()};
       }},
      {"detached_leaf",
       [](Pair &m, Tensor x, Tensor) {
         Tensor z = m->a(x).detach().requires_grad_();
         m->b(z).square().sum().backward();
         return Tensors{z.grad()};
       }},
      {"one_input_only",
       [](Pair &m, Tensor x, Tensor y) {
         F::mse_loss(m(x), y).backward({}, {}, false, Tensors{m->a->weight});
         EXPECT_FALSE(m->b->weight.grad().defined());
         return Tensors{m->a->weight.grad()};
       }},
      {"batch_statistics",
       [](Pair &m, Tensor x, Tensor y) {
         Tensor mean = kiln::zeros({2}, kiln::kFloat64), var = kiln::ones({2}, kiln::kFloat64);
         Tensor h = F::batch_norm(m->a(x), mean, var, F::BatchNormFuncOptions().training(true));
         (h * y * mean).sum().backward();
         return Tensors{m->a->weight.grad(), mean};
       }},
      {"clip_norms",
       [](Pair &m, Tensor x, Tensor y) {
         Tensors results;
         const double inf = std::numeric_limits<double>::infinity();
         for (const auto &[max_norm, norm_type] : {std::pair(0.5, 2.0), {0.5, 1.0}, {0.5, inf}, {0.5, 3.0}, {0.5, 0.5}, {1e3, 2.0}}) {
           m->zero_grad();
           F::mse_loss(m(x), y, kiln::kSum).backward();
           results.push_back(nn::utils::clip_grad_norm_(m->parameters(), max_norm, norm_type));
           results.push_back(m->a->weight.grad());
         }
         return results;
       }},
      {"clip_none",
       [](Pair &m, Tensor x, Tensor) {
         m->a(x).square().sum().backward();
         Tensor norm = nn::utils::clip_grad_norm_(m->parameters(), 0.5);
         EXPECT_FALSE(m->b->weight.grad().defined());
         return Tensors{norm, m->a->weight.grad(), nn::utils::clip_grad_norm_(m->b->parameters(), 0.5).to(kiln::kFloat64)};
       }},
      {"clip_value",
       [](Pair &m, Tensor x, Tensor y) {
         F::mse_loss(m(x), y, kiln::kSum).backward();
         nn::utils::clip_grad_value_(m->parameters(), 0.5);
         return Tensors{m->a->weight.grad(), m->b->bias.grad()};
       }},
  };
  return all;
}

KILN_PROGRAM(gradient_cases) {
  Pair model;
  for (const Case &test : cases())
    program.function(test.name, {{"x", {4, 3}, kiln::kFloat64}, {"y", {4, 2}, kiln::kFloat64}}, [&](Tensor x, Tensor y) {
      model->zero_grad();
      return test.code(model, x, y);
    });
  optim::SGD optimizer(model->a->parameters(), 0.1);
  program.function("optimizer_between", {{"x", {4, 3}, kiln::kFloat64}, {"y", {4, 2}, kiln::kFloat64}}, [&](Tensor x, Tensor) {
    model->zero_grad();
    Tensor before = model->a(x);
    before.sum().backward();
    optimizer.step();
    optimizer.zero_grad();
    (model->a(x).square() + before.detach()).sum().backward();
    return model->a->weight.grad();
  });
}

template <class Optimizer> void train(kiln::Program &program, Pair &model, Optimizer &optimizer) {
  program.function("train_step", {{"x", {"batch", 3}, kiln::kFloat64}, {"y", {"batch", 2}, kiln::kFloat64}},
                   [&](Tensor x, Tensor y) {
                     optimizer.zero_grad();
                     Tensor loss = F::mse_loss(model(x), y);
                     loss.backward();
                     optimizer.step();
                     return loss;
                   });
}

KILN_PROGRAM(sgd) {
  Pair model;
  optim::SGD optimizer(model->parameters(), 0.1);
  train(program, model, optimizer);
}
KILN_PROGRAM(sgd_momentum) {
  Pair model;
  optim::SGD optimizer(model->parameters(), optim::SGDOptions(0.1).momentum(0.9).dampening(0.1).weight_decay(0.01));
  train(program, model, optimizer);
}
KILN_PROGRAM(sgd_nesterov) {
  Pair model;
  optim::SGD optimizer(model->parameters(), optim::SGDOptions(0.1).momentum(0.9).nesterov(true).maximize(true));
  train(program, model, optimizer);
}
KILN_PROGRAM(adam) {
  Pair model;
  optim::Adam optimizer(model->parameters(), 1e-2);
  train(program, model, optimizer);
}
KILN_PROGRAM(adam_groups) {
  Pair model;
  std::vector<optim::OptimizerParamGroup> groups;
  groups.emplace_back(model->a->parameters(), std::make_unique<optim::AdamOptions>(
                                                  optim::AdamOptions(0.1).betas({0.8, 0.9}).amsgrad(true).weight_decay(0.1)));
  optim::Adam optimizer(groups, optim::AdamOptions(0.01).weight_decay(0.1));
  optimizer.add_param_group(optim::OptimizerParamGroup(model->b->parameters()));
  train(program, model, optimizer);
}
KILN_PROGRAM(adamw) {
  Pair model;
  optim::AdamW optimizer(model->parameters(), optim::AdamWOptions(0.05).eps(1e-3).amsgrad(true).maximize(true));
  train(program, model, optimizer);
}

KILN_PROGRAM(clipped_later) {
  Pair model;
  optim::SGD optimizer(model->parameters(), 0.1);
  program.function("of_a", {{"x", {"batch", 3}, kiln::kFloat64}}, [&](Tensor x) {
    Tensor loss = model->a(x).square().sum();
    loss.backward();
    return loss;
  });
  program.function("of_both", {{"x", {"batch", 3}, kiln::kFloat64}}, [&](Tensor x) {
    Tensor loss = model(x).square().sum();
    loss.backward();
    return loss;
  });
  program.function("apply", {{"x", {1}}}, [&](Tensor) {
    Tensor norm = nn::utils::clip_grad_norm_(model->parameters(), 0.5);
    optimizer.step();
    optimizer.zero_grad();
    return norm;
  });
}

// Gradients that outlive calls: one function computes them, another one applies them.
KILN_PROGRAM(accumulated) {
  Pair model;
  optim::Adam optimizer(model->parameters(), optim::AdamOptions(0.1));
  program.function("accumulate", {{"x", {"batch", 3}, kiln::kFloat64}}, [&](Tensor x) {
    Tensor loss = model->a(x).square().sum(); // nothing of b
    loss.backward();
    return loss;
  });
  program.function("apply", {{"x", {1}}}, [&](Tensor x) {
    optimizer.step();
    optimizer.zero_grad();
    return x;
  });
}

} // namespace

namespace kiln::test {
namespace {

constexpr double kTolerance = 1e-7; // of central differences

void expect_torch(const std::string &name, const std::vector<runtime::Tensor> &found) {
  for (std::size_t i = 0; i < found.size(); ++i) {
    const std::string key = name + "." + std::to_string(i);
    expect_close(Tensor(found[i]), expected_tensor("training.safetensors", key), key, kTolerance);
  }
}

TEST(Gradients, ArePyTorchs) {
  const recording::Recording recording = recording::record_program("gradient_cases");
  semantics::check_program(recording.program);
  for (const semantics::RecordedFunction &function : recording.program.functions) {
    auto state = initial_state(recording);
    expect_torch(function.name, interpret(function, {numbers({4, 3}, 0.25).concrete(), numbers({4, 2}, 0.5).concrete()}, state));
  }
}

TEST(Gradients, OptimizersStepAsPyTorchs) {
  for (const std::string name : {"sgd", "sgd_momentum", "sgd_nesterov", "adam", "adam_groups", "adamw"}) {
    const recording::Recording recording = recording::record_program(name);
    semantics::check_program(recording.program);
    auto state = initial_state(recording);
    for (double step : {0.0, 1.0, 2.0})
      interpret(function(recording), {numbers({4, 3}, step).concrete(), numbers({4, 2}, 0.5).concrete()}, state);
    expect_torch(name, {state.at("a.weight"), state.at("a.bias"), state.at("b.weight"), state.at("b.bias")});
  }
}

TEST(Gradients, AreClippedWhereTheyAreNotNone) {
  const recording::Recording recording = recording::record_program("clipped_later");
  semantics::check_program(recording.program);
  EXPECT_TRUE(recording.diagnostics.empty()) << recording.diagnostics[0].message;
  auto state = initial_state(recording);
  std::vector<runtime::Tensor> results;
  for (int step = 0; step < 3; ++step) {
    interpret(function(recording, step < 2 ? "of_a" : "of_both"), {numbers({4, 3}, step).concrete()}, state);
    results.push_back(interpret(function(recording, "apply"), {kiln::zeros({1}).concrete()}, state)[0]);
  }
  for (const char *parameter : {"a.weight", "a.bias", "b.weight", "b.bias"})
    results.push_back(state.at(parameter));
  expect_torch("clipped_later", results);
}

TEST(Gradients, OutliveTheCall) {
  const recording::Recording recording = recording::record_program("accumulated");
  semantics::check_program(recording.program);
  auto state = initial_state(recording);
  auto accumulate = [&](double seed) { interpret(function(recording, "accumulate"), {numbers({4, 3}, seed).concrete()}, state); };
  auto apply = [&] { interpret(function(recording, "apply"), {kiln::zeros({1}).concrete()}, state); };
  auto steps = [&] { return values(Tensor(state.at("optimizer.step"))); };
  apply();
  EXPECT_EQ(steps(), (std::vector<double>{0, 0, 0, 0}));
  accumulate(0);
  accumulate(1);
  EXPECT_EQ(values(Tensor(state.at("gradients.defined"))), (std::vector<double>{1, 1}));
  apply();
  EXPECT_EQ(values(Tensor(state.at("gradients.defined"))), (std::vector<double>{0, 0}));
  EXPECT_EQ(values(Tensor(state.at("gradients.a.bias"))), (std::vector<double>{0, 0}));
  apply();
  accumulate(2);
  apply();
  EXPECT_EQ(steps(), (std::vector<double>{2, 2, 0, 0}));
  expect_torch("accumulated", {state.at("a.weight"), state.at("a.bias"), state.at("b.weight"), state.at("b.bias")});
}

} // namespace
} // namespace kiln::test
