// What training records: the shape of the trace, states, optimizers, and warnings.
#include <set>

#include "expectations.h"
#include "kiln/recording.h"
#include "recorded_text.h"

using kiln::Tensor;
namespace nn = kiln::nn;
namespace F = kiln::nn::functional;
namespace optim = kiln::optim;

namespace {

KILN_PROGRAM(train_linear) {
  nn::Linear model(3, 2);
  optim::SGD optimizer(model->parameters(), optim::SGDOptions(0.1).momentum(0.9));
  program.function("train_step", {{"x", {"batch", 3}}, {"y", {"batch"}, kiln::kInt64}}, [&](Tensor x, Tensor y) {
    optimizer.zero_grad();
    Tensor loss = F::cross_entropy(model(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  });
}

KILN_PROGRAM(train_lazy) {
  nn::Sequential model(nn::LazyLinear(4), nn::BatchNorm1d(4), nn::Dropout(0.5), nn::Linear(4, 2));
  optim::Adam optimizer(model->parameters(), 1e-3); // before there are shapes
  program.function("train_step", {{"x", {"batch", 3}}, {"y", {"batch"}, kiln::kInt64}}, [&](Tensor x, Tensor y) {
    model->train();
    optimizer.zero_grad();
    Tensor loss = F::cross_entropy(model(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  });
  program.function("predict", {{"x", {"batch", 3}}}, [&](Tensor x) {
    model->eval();
    return model(x);
  });
  kiln::manual_seed(7);
}

// Two players, each with an optimizer of its own; the second's parameters are frozen while the first one's loss is computed.
KILN_PROGRAM(two_players) {
  nn::Linear generator(2, 3), critic(3, 1);
  program.register_module("generator", generator);
  program.register_module("critic", critic);
  optim::Adam generating(generator->parameters(), 1e-3),
      criticizing(critic->parameters(), optim::AdamOptions(2e-3).amsgrad(true));
  program.function("train_step", {{"z", {"batch", 2}}, {"real", {"batch", 3}}}, [&](Tensor z, Tensor real) {
    criticizing.zero_grad();
    Tensor fake = generator(z);
    Tensor loss = critic(fake.detach()).mean() - critic(real).mean();
    loss.backward();
    criticizing.step();
    critic->requires_grad_(false);
    generating.zero_grad();
    Tensor other = -critic(fake).mean();
    other.backward();
    generating.step();
    return std::make_pair(loss, other);
  });
}

KILN_PROGRAM(tied_weights) {
  struct TiedImpl : nn::Module {
    TiedImpl() {
      first = register_module("first", nn::Linear(nn::LinearOptions(3, 3).bias(false)));
      second = register_module("second", nn::Linear(nn::LinearOptions(3, 3).bias(false)));
      second->weight = first->weight;
    }
    Tensor forward(Tensor x) { return second(first(x)); }
    nn::Linear first{nullptr}, second{nullptr};
  };
  nn::ModuleHolder<TiedImpl> model;
  optim::SGD optimizer(model->parameters(), 0.1);
  program.function("train_step", {{"x", {"batch", 3}}}, [&](Tensor x) {
    model->zero_grad();
    Tensor loss = model(x).sum();
    loss.backward();
    optimizer.step();
    return loss;
  });
}

// Flags at the end of the block hold in every function.
KILN_PROGRAM(frozen_later) {
  nn::Sequential model(nn::Linear(3, 3), nn::Linear(3, 2));
  optim::SGD optimizer(model->parameters(), 0.1);
  program.function("train_step", {{"x", {"batch", 3}}}, [&](Tensor x) {
    optimizer.zero_grad();
    Tensor loss = model(x).sum();
    loss.backward();
    optimizer.step();
    kiln::GradMode::set_enabled(false); // is undone
    return loss;
  });
  program.function("gradient", {{"x", {"batch", 3}}}, [&](Tensor x) {
    x.requires_grad_();
    return kiln::autograd::grad({model(x).sum()}, {x});
  });
  model[0]->requires_grad_(false);
}

KILN_PROGRAM(warned) {
  nn::Sequential model(nn::Linear(3, 3), nn::Linear(3, 2), nn::Linear(2, 2), nn::Linear(2, 2));
  model[0]->requires_grad_(false);
  std::vector<Tensor> held = model[0]->parameters();
  for (int layer : {1, 2})
    for (const Tensor &parameter : model[layer]->parameters())
      held.push_back(parameter);
  optim::Adam optimizer(held, 1e-3), idle(model[3]->parameters());
  program.function("train_step", {{"x", {"batch", 3}}}, [&](Tensor x) {
    optimizer.zero_grad();
    Tensor h = model[1].forward(model[0].forward(x)), unused = model[3].forward(model[2].forward(h));
    Tensor loss = F::mse_loss(h, kiln::zeros({2, 1}).reshape({1, 2}));
    loss.backward();
    optimizer.step();
    return loss + unused.sum();
  });
}

// The loss and its weight are no part of the model.
KILN_PROGRAM(weighted_loss) {
  nn::Linear model(3, 2);
  nn::CrossEntropyLoss criterion(nn::CrossEntropyLossOptions().weight(kiln::tensor({1.0, 3.0})));
  program.function("loss", {{"x", {"batch", 3}}, {"y", {"batch"}, kiln::kInt64}},
                   [&](Tensor x, Tensor y) { return criterion(model(x), y); });
}

KILN_PROGRAM(flags) {
  nn::Linear model(3, 2);
  program.function("f", {{"x", {"batch", 3}}}, [&](Tensor x) {
    EXPECT_FALSE(x.requires_grad());
    EXPECT_TRUE(x.is_leaf());
    Tensor h = model(x), copy, none;
    EXPECT_TRUE(h.requires_grad() && !h.is_leaf());
    EXPECT_TRUE(h.t().requires_grad());
    EXPECT_FALSE(h.detach().requires_grad());
    EXPECT_TRUE(h.detach().is_leaf());
    EXPECT_FALSE((h > 0).requires_grad());
    {
      kiln::NoGradGuard no_grad;
      none = h * 2;
      kiln::AutoGradMode again(true);
      copy = h * 2;
    }
    EXPECT_FALSE(none.requires_grad());
    EXPECT_TRUE(copy.requires_grad());
    copy.detach_();
    EXPECT_TRUE(copy.is_leaf() && !copy.requires_grad());
    Tensor buffer = kiln::zeros({2});
    buffer[0] = model->bias[1];
    EXPECT_TRUE(buffer.requires_grad());
    EXPECT_TRUE(model->weight.is_leaf() && model->weight.requires_grad());
    EXPECT_FALSE(x.grad().defined());
    return h;
  });
}

KILN_PROGRAM(closure) {
  nn::Linear model(3, 2);
  optim::SGD optimizer(model->parameters(), 0.1);
  program.function("train_step", {{"x", {"batch", 3}}}, [&](Tensor x) {
    return optimizer.step([&] {
      optimizer.zero_grad();
      Tensor loss = model(x).sum();
      loss.backward();
      return loss;
    });
  });
}

} // namespace

namespace kiln::test {
namespace {

recording::Recording record(const std::string &name) {
  recording::Recording recording = recording::record_program(name);
  semantics::check_program(recording.program);
  return recording;
}

std::size_t count(const std::string &text, const std::string &part) {
  std::size_t result = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++result;
  return result;
}

const semantics::RecordedState &state(const recording::Recording &recording, const std::string &path) {
  for (const semantics::RecordedState &state : recording.program.states)
    if (state.path == path)
      return state;
  throw std::out_of_range(path);
}

std::string paths(const recording::Recording &recording, semantics::StateKind kind) {
  std::string result;
  for (const semantics::RecordedState &state : recording.program.states)
    if (state.kind == kind)
      result += state.path + state.initial.shape_text() + " ";
  return result;
}

TEST(Training, AStepReadsAsItIsWritten) {
  const recording::Recording recording = record("train_linear");
  EXPECT_EQ(
      text(function(recording)),
      "%2 [2, 3] = read {state=weight}\n"
      "%3 [2] = read {state=bias}\n"
      "%4 [batch, 2] = linear %0 %2 %3\n"
      "%5 [] = cross_entropy %4 %1 none {ignore_index=-100, label_smoothing=0, reduction=mean}\n"
      "%6 [2, 3] = %7 [2] = backward %5 none %2 %3\n"
      "%8 [2] = full {dtype=float32, shape=[2], value=1}\n"
      "%9 [2] = read {state=optimizer.step}\n"
      "%10 [2] = add %9 %8\n"
      "write %10 {state=optimizer.step}\n"
      "%11 [2, 3] = read {state=optimizer.momentum_buffer.weight}\n"
      "%12 [2] = read {state=optimizer.momentum_buffer.bias}\n"
      "%13 [] = read {state=optimizer.param_groups.0.lr}\n"
      "%14 [2, 3] = %15 [2] = %16 [2, 3] = %17 [2] = sgd %2 %3 %6 %7 %11 %12 %10 %13 {count=2, dampening=0, indices=[0, 1], "
      "maximize=false, momentum=0.9, nesterov=false, weight_decay=0}\n"
      "write %16 {state=optimizer.momentum_buffer.weight}\n"
      "write %17 {state=optimizer.momentum_buffer.bias}\n"
      "write %14 {state=weight}\n"
      "write %15 {state=bias}\n"
      "write %6 {state=gradients.weight}\n"
      "write %7 {state=gradients.bias}\n"
      "%18 [2] = constant {value=tensor[2]}\n"
      "write %18 {state=gradients.defined}\n"
      "return output=%5\n");
  EXPECT_TRUE(recording.diagnostics.empty());
}

TEST(Training, StatesAndOptimizersAreListed) {
  const recording::Recording recording = record("train_linear");
  EXPECT_EQ(paths(recording, semantics::StateKind::Gradient), "gradients.weight[2, 3] gradients.bias[2] gradients.defined[2] ");
  EXPECT_EQ(paths(recording, semantics::StateKind::Optimizer),
            "optimizer.step[2] optimizer.momentum_buffer.weight[2, 3] optimizer.momentum_buffer.bias[2] ");
  EXPECT_EQ(paths(recording, semantics::StateKind::Hyperparameter), "optimizer.param_groups.0.lr[] ");
  EXPECT_EQ(paths(recording, semantics::StateKind::Generator), "");
  EXPECT_EQ(state(recording, "optimizer.param_groups.0.lr").initial.item<double>(), 0.1);
  EXPECT_EQ(recording.program.state_names.size(), 2u) << "none of them is in state_dict()";
  ASSERT_EQ(recording.program.gradients.size(), 2u);
  EXPECT_EQ(recording.program.gradients[1].parameter, "bias");
  EXPECT_EQ(recording.program.gradients[1].flag, 1);
  ASSERT_EQ(recording.program.optimizers.size(), 1u);
  const semantics::RecordedOptimizer &optimizer = recording.program.optimizers[0];
  EXPECT_EQ(optimizer.name + " " + optimizer.type + " " + optimizer.steps, "optimizer SGD optimizer.step");
  std::string options;
  for (const auto &[name, value] : optimizer.groups[0].options)
    options += name + ":" + std::to_string(value.index()) + " ";
  EXPECT_EQ(options, "momentum:3 dampening:3 weight_decay:3 nesterov:1 maximize:1 foreach:0 differentiable:1 fused:0 ");
  EXPECT_EQ(optimizer.groups[0].slots[0].second[1], "optimizer.momentum_buffer.bias");
}

TEST(Training, LazyParametersBatchNormAndDropout) {
  const recording::Recording recording = record("train_lazy");
  const std::string step = text(function(recording, "train_step")), predict = text(function(recording, "predict"));
  EXPECT_EQ(state(recording, "optimizer.exp_avg.0.weight").initial.shape_text(), "[4, 3]");
  EXPECT_EQ(count(step, " = adam "), 1u) << "one operation a group";
  EXPECT_NE(step.find("write %13 {state=1.running_mean} @1\nwrite %14 {state=1.running_var} @1\n"), std::string::npos) << step;
  EXPECT_NE(step.find("= read {state=generator} @2\n"), std::string::npos) << step;
  EXPECT_EQ(count(step, "{state=generator}"), 2u);
  EXPECT_EQ(count(step, "{state=1.num_batches_tracked}"), 2u);
  EXPECT_EQ(predict.find("generator"), std::string::npos);
  const runtime::Tensor generator = state(recording, "generator").initial;
  EXPECT_EQ(values(Tensor(generator)), (std::vector<double>{7, 0})) << "the seed at the end of the block";
  EXPECT_EQ(paths(recording, semantics::StateKind::Generator), "generator[2] ");
  EXPECT_TRUE(recording.diagnostics.empty());
}

TEST(Training, TheGeneratorMovesOnWithEachCall) {
  const recording::Recording recording = record("train_lazy");
  // Up to backward: what computes the loss.
  semantics::RecordedFunction forward = function(recording, "train_step");
  std::vector<semantics::RecordedOperation> operations;
  std::set<semantics::ValueId> unknown;
  for (const semantics::RecordedOperation &operation : forward.operations) {
    bool known = operation.name != "nn.backward";
    for (semantics::ValueId operand : operation.operands)
      known = known && !unknown.count(operand);
    if (known)
      operations.push_back(operation);
    else
      unknown.insert(operation.results.begin(), operation.results.end());
  }
  forward.operations = operations;
  auto state = initial_state(recording);
  manual_seed(0);
  const runtime::Tensor x = kiln::randn({64, 3}).concrete(), y = kiln::zeros({64}, kInt64).concrete();
  const float first = interpret(forward, {x, y}, state)[0].item<float>(),
              second = interpret(forward, {x, y}, state)[0].item<float>();
  EXPECT_NE(first, second) << "another mask";
  EXPECT_EQ(values(Tensor(state.at("generator"))), (std::vector<double>{7, 2}));
  state.at("generator").data<int64_t>()[1] = 0;
  EXPECT_EQ(first, interpret(forward, {x, y}, state)[0].item<float>()) << "reproducible by seed and offset";
}

TEST(Training, SeveralLossesAndOptimizers) {
  const recording::Recording recording = record("two_players");
  const std::string step = text(function(recording));
  EXPECT_EQ(recording.program.optimizers.size(), 2u);
  EXPECT_EQ(recording.program.optimizers[0].groups[0].parameters[0], "generator.weight") << "in order of construction";
  EXPECT_EQ(recording.program.optimizers[1].name, "optimizer1");
  EXPECT_EQ(recording.program.optimizers[1].groups[0].slots.size(), 3u);
  EXPECT_EQ(count(step, " = backward "), 2u);
  // The first loss reaches the critic alone, the second one the generator alone, for the critic is frozen by then.
  for (const semantics::RecordedOperation &operation : function(recording).operations)
    if (operation.name == "nn.backward")
      EXPECT_EQ(operation.results.size(), 2u);
  EXPECT_TRUE(recording.diagnostics.empty()) << recording.diagnostics[0].message;
}

TEST(Training, ATiedWeightIsUpdatedOnce) {
  const recording::Recording recording = record("tied_weights");
  const std::string step = text(function(recording));
  EXPECT_NE(step.find("%5 [3, 3] = backward %4 none %1\n"), std::string::npos) << step;
  EXPECT_EQ(recording.program.gradients.size(), 1u);
  EXPECT_EQ(recording.program.optimizers[0].groups[0].parameters, std::vector<std::string>{"first.weight"});
}

TEST(Training, FlagsAtTheEndOfTheBlockHold) {
  const recording::Recording recording = record("frozen_later");
  ASSERT_EQ(recording.program.gradients.size(), 2u);
  EXPECT_EQ(recording.program.gradients[0].parameter, "1.weight");
  EXPECT_EQ(paths(recording, semantics::StateKind::Optimizer), "optimizer.step[4] ");
  EXPECT_NE(text(function(recording)).find("indices=[2, 3]"), std::string::npos)
      << "frozen parameters are skipped, as in PyTorch";
  EXPECT_EQ(count(text(function(recording, "gradient")), "write"), 0u) << "autograd::grad touches no .grad";
}

TEST(Training, Warnings) {
  const recording::Recording recording = record("warned");
  std::vector<std::string> messages;
  for (const recording::Diagnostic &diagnostic : recording.diagnostics) {
    messages.push_back(diagnostic.message);
    EXPECT_FALSE(diagnostic.frames.empty());
  }
  EXPECT_EQ(
      messages,
      (std::vector<std::string>{
          "Using a target size (torch.Size([1, 2])) that is different to the input size (torch.Size([batch, 2])). This will "
          "likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
          "optimizer (Adam) holds frozen parameters, which it never updates: '0.weight' and '0.bias'; give it only the "
          "parameters that require a gradient",
          "optimizer (Adam) holds parameters that get no gradient, so it never updates them: '2.weight' and '2.bias'; no loss "
          "that backward() is called on depends on them",
          "optimizer Adam never steps: no function of the program calls its step(), so its parameters stay as they are",
          "parameters that require a gradient are held by no optimizer, so training does not change them: '3.weight' and "
          "'3.bias'; give them to one, or freeze them with requires_grad_(false)"}));
}

TEST(Training, ALossBesideTheModelIsNoModel) {
  const recording::Recording recording = record("weighted_loss");
  EXPECT_EQ(recording.program.states.size(), 2u);
  EXPECT_EQ(recording.program.modules.size(), 1u);
  EXPECT_NE(text(function(recording)).find("constant {value=tensor[2]}"), std::string::npos);
  EXPECT_TRUE(recording.diagnostics.empty());
}

TEST(Training, AClosureComputesTheLoss) {
  const std::string step = text(function(record("closure")));
  EXPECT_LT(step.find(" = backward "), step.find(" = sgd ")) << step;
}

TEST(Training, TensorsKnowWhetherTheyRequireAGradient) {
  EXPECT_EQ(count(text(function(record("flags"))), " = detach "), 1u) << "of detach_(); else only where it would be followed";
}

TEST(Training, LossesPrintAsPyTorchs) {
  EXPECT_EQ(nn::Sequential(nn::CrossEntropyLoss(), nn::MSELoss())->text(), expected_text("training.txt", "printed"));
}

TEST(Training, EagerTensorsKnowTheirFlags) {
  nn::Linear linear(3, 2);
  EXPECT_TRUE(linear->weight.is_leaf());
  EXPECT_TRUE(linear->weight.t().requires_grad());
  EXPECT_FALSE(linear->weight.t().is_leaf());
  EXPECT_FALSE(linear->weight.detach().requires_grad());
  EXPECT_FALSE(linear->weight.grad().defined());
  linear->weight.mutable_grad() = kiln::ones({2, 3});
  EXPECT_TRUE(linear->weight.grad().defined());
  linear->zero_grad();
  EXPECT_FALSE(linear->weight.grad().defined());
  optim::Adam optimizer(linear->parameters(), 1e-3);
  EXPECT_EQ(optimizer.size(), 2u);
  EXPECT_EQ(static_cast<optim::AdamOptions &>(optimizer.param_groups()[0].options()).lr(), 1e-3);
  optimizer.param_groups()[0].options().set_lr(0.5);
  EXPECT_EQ(optimizer.param_groups()[0].options().get_lr(), 0.5);
}

} // namespace
} // namespace kiln::test
