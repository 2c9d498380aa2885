// What training keeps between calls: names that meet nobody else's, gradients that are None at run time, and warnings about them.
#include <cmath>
#include <set>

#include "expectations.h"
#include "kiln/recording.h"
#include "recorded_text.h"

using kiln::Tensor;
namespace nn = kiln::nn;
namespace optim = kiln::optim;

namespace {

struct ScaleImpl : nn::Module {
  explicit ScaleImpl(std::string name) { scale = register_parameter(std::move(name), kiln::ones({2})); }
  Tensor forward(Tensor x) { return x * scale; }
  Tensor scale;
};
KILN_MODULE(Scale);

// Takes every name that training would take, and that of a function.
struct GreedyImpl : nn::Module {
  GreedyImpl() {
    optimizer = register_module("optimizer", Scale("step"));
    gradients = register_module("gradients", Scale("defined"));
    defined = register_parameter("defined", kiln::ones({2}));
    generator = register_buffer("generator", kiln::ones({2}));
    predict = register_buffer("predict", kiln::ones({2}));
    dropout = register_module("dropout", nn::Dropout(0.5));
    to(kiln::kFloat64);
  }
  Tensor forward(Tensor x) { return dropout(optimizer(gradients(x) * defined) * generator * predict); }
  Scale optimizer{nullptr}, gradients{nullptr};
  nn::Dropout dropout{nullptr};
  Tensor defined, generator, predict;
};
KILN_MODULE(Greedy);

KILN_PROGRAM(greedy) {
  Greedy model;
  optim::Adam adam(model->parameters());
  program.function("predict", {{"x", {"batch", 2}, kiln::kFloat64}}, [&](Tensor x) {
    model->eval();
    return model(x);
  });
  program.function("train_step", {{"x", {"batch", 2}, kiln::kFloat64}}, [&](Tensor x) {
    adam.zero_grad();
    Tensor loss = model(x).sum();
    loss.backward();
    adam.step();
    return loss;
  });
}

// The gradient of `weight` is None until "backward" runs.
KILN_PROGRAM(edited_in_place) {
  nn::Linear model(nn::LinearOptions(2, 1).bias(false));
  model->to(kiln::kFloat64);
  program.function("backward", {{"x", {1, 2}, kiln::kFloat64}}, [&](Tensor x) {
    Tensor loss = model(x).sum();
    loss.backward();
    return loss;
  });
  program.function("edit", {{"x", {1, 2}, kiln::kFloat64}}, [&](Tensor x) {
    model->weight.mutable_grad().add_(1);
    return x;
  });
  program.function("edit_a_part", {{"x", {1, 2}, kiln::kFloat64}}, [&](Tensor x) {
    model->weight.grad().select(1, 0).add_(1);
    return x;
  });
  program.function("edit_and_add", {{"x", {1, 2}, kiln::kFloat64}}, [&](Tensor x) {
    model->weight.grad().add_(1);
    model(x).sum().backward();
    return x;
  });
  program.function("zero", {{"x", {1, 2}, kiln::kFloat64}}, [&](Tensor x) {
    model->zero_grad(/*set_to_none=*/false);
    return x;
  });
  program.function("clear", {{"x", {1, 2}, kiln::kFloat64}}, [&](Tensor x) {
    model->zero_grad();
    return x;
  });
}

KILN_PROGRAM(edited_but_never_computed) {
  nn::Linear model(2, 1);
  program.function("edit", {{"x", {1, 2}}}, [&](Tensor x) {
    model->weight.grad().mul_(2);
    return model(x);
  });
}

KILN_PROGRAM(edited_after_zero_grad) {
  nn::Linear model(2, 1);
  program.function("edit", {{"x", {1, 2}}}, [&](Tensor x) {
    model->zero_grad();
    model->weight.grad().mul_(2);
    return model(x);
  });
}

// Frozen parameters have no gradient, and are no error among those that are clipped.
KILN_PROGRAM(clips_frozen_too) {
  nn::Sequential model(nn::Linear(2, 2), nn::Linear(2, 1));
  model[0]->requires_grad_(false);
  optim::SGD optimizer(model[1]->parameters(), 0.1);
  program.function("train_step", {{"x", {1, 2}}}, [&](Tensor x) {
    optimizer.zero_grad();
    Tensor loss = model(x).sum();
    loss.backward();
    nn::utils::clip_grad_norm_(model->parameters(), 1.0);
    optimizer.step();
    return loss;
  });
}

// How the gradients of the program below begin anew, if they do.
enum class Reset { Never, BeforeBackward, AfterStep, InAnotherFunction, ByAssignment, InPlace };
Reset reset;

KILN_PROGRAM(accumulating) {
  nn::Linear model(2, 1);
  optim::SGD optimizer(model->parameters(), 0.1);
  program.function("train_step", {{"x", {"batch", 2}}}, [&](Tensor x) {
    if (reset == Reset::BeforeBackward)
      model->zero_grad();
    Tensor loss = model(x).sum();
    loss.backward();
    nn::utils::clip_grad_value_(model->parameters(), 1.0);
    optimizer.step();
    if (reset == Reset::AfterStep)
      optimizer.zero_grad(/*set_to_none=*/false);
    for (const Tensor &parameter : model->parameters())
      if (reset == Reset::ByAssignment)
        parameter.mutable_grad() = kiln::zeros_like(parameter);
    return loss;
  });
  program.function("other", {{"x", {"batch", 2}}}, [&](Tensor x) {
    if (reset == Reset::InAnotherFunction)
      optimizer.zero_grad();
    for (const Tensor &parameter : model->parameters())
      if (reset == Reset::InPlace)
        parameter.mutable_grad().zero_();
    return model(x);
  });
}

KILN_PROGRAM(idle_optimizer) {
  nn::Linear model(2, 1);
  optim::SGD optimizer(model->parameters(), 0.1);
  program.function("predict", {{"x", {"batch", 2}}}, [&](Tensor x) { return model(x); });
}

// A member that is not registered: train() and eval() go by it.
KILN_PROGRAM(plain_members) {
  struct BlockImpl : nn::Module {
    BlockImpl() { fc = register_module("fc", nn::Linear(3, 3)); }
    Tensor forward(Tensor x) { return kept(none(dropout(fc(x)))); }
    nn::Linear fc{nullptr};
    nn::Dropout dropout{nn::DropoutOptions(0.5)}, none{nn::DropoutOptions(0)}, kept{nn::DropoutOptions(0.25)};
  };
  struct NetImpl : nn::Module {
    NetImpl() { block = register_module("block", nn::ModuleHolder<BlockImpl>()); }
    Tensor forward(Tensor x) { return block(x); }
    nn::ModuleHolder<BlockImpl> block{nullptr};
  };
  nn::ModuleHolder<NetImpl> model;
  model->block->kept->eval(); // by hand
  for (const char *name : {"predict", "predict_again"})
    program.function(name, {{"x", {"batch", 3}}}, [&](Tensor x) {
      model->eval();
      return model(x);
    });
  program.function("train", {{"x", {"batch", 3}}}, [&](Tensor x) { return model(x); });
}

} // namespace

namespace kiln::test {
namespace {

using runtime::StateDict;

TEST(TrainingState, NamesMeetNoOthers) {
  const recording::Recording recording = recording::record_program("greedy");
  semantics::check_program(recording.program);
  std::set<std::string> paths{"predict", "train_step"};
  for (const semantics::RecordedState &state : recording.program.states)
    EXPECT_TRUE(paths.insert(state.path).second) << state.path;
  std::vector<std::string> names;
  for (const semantics::RecordedStateName &name : recording.program.state_names)
    names.push_back(name.name);
  EXPECT_EQ(names, (std::vector<std::string>{"defined", "generator", "predict", "optimizer.step", "gradients.defined"}))
      << "what state_dict calls them does not change";
  // Steps of Adam, twice: each state is what it is for.
  auto state = initial_state(recording);
  for (int step = 0; step < 2; ++step)
    interpret(function(recording, "train_step"), {kiln::ones({1, 2}, kiln::kFloat64).concrete()}, state);
  const semantics::RecordedOptimizer &adam = recording.program.optimizers[0];
  EXPECT_EQ(values(Tensor(state.at(adam.steps))), (std::vector<double>{2, 2, 2}));
  EXPECT_EQ(values(Tensor(state.at(semantics::kGradientFlags))), (std::vector<double>{1, 1, 1}));
  for (const semantics::RecordedState &each : recording.program.states)
    if (each.kind == semantics::StateKind::Generator)
      EXPECT_EQ(state.at(each.path).data<int64_t>()[1], 2);
  EXPECT_EQ(values(Tensor(state.at("generator"))), (std::vector<double>{1, 1}));
}

class EditedInPlace : public testing::Test {
protected:
  void call(const std::string &name) {
    interpret(function(recording, name), {kiln::tensor({{2.0, 3.0}}, kiln::kFloat64).concrete()}, state);
  }
  std::vector<double> gradient() { // whole numbers, but for the error of central differences
    std::vector<double> result = values(Tensor(state.at("gradients.weight")));
    for (double &value : result) {
      EXPECT_NEAR(value, std::round(value), 1e-3);
      value = std::round(value) + 0.0;
    }
    return result;
  }
  bool is_defined() { return state.at("gradients.defined").item<bool>(); }

  recording::Recording recording = recording::record_program("edited_in_place");
  std::map<std::string, runtime::Tensor> state = initial_state(recording);
};

TEST_F(EditedInPlace, ANoneStaysZeros) {
  for (const char *name : {"edit", "edit_a_part", "zero", "clear"}) {
    call(name);
    EXPECT_EQ(gradient(), (std::vector<double>{0, 0})) << name;
    EXPECT_FALSE(is_defined()) << name;
  }
  call("backward");
  EXPECT_EQ(gradient(), (std::vector<double>{2, 3})) << "of this call alone";
  call("clear");
  call("edit_and_add");
  EXPECT_EQ(gradient(), (std::vector<double>{2, 3}));
  EXPECT_TRUE(is_defined());
}

TEST_F(EditedInPlace, WhatIsThereChanges) {
  call("backward");
  call("edit");
  EXPECT_EQ(gradient(), (std::vector<double>{3, 4}));
  call("edit_a_part");
  EXPECT_EQ(gradient(), (std::vector<double>{4, 4}));
  call("edit_and_add");
  EXPECT_EQ(gradient(), (std::vector<double>{7, 8}));
  call("zero");
  EXPECT_EQ(gradient(), (std::vector<double>{0, 0}));
  EXPECT_TRUE(is_defined());
}

TEST(TrainingState, AGradientThatIsAlwaysNoneCantBeEdited) {
  EXPECT_EQ(message_of([] { recording::record_program("edited_but_never_computed"); }),
            "Expected a proper Tensor but got None (or an undefined Tensor in C++): function 'edit' writes to .grad of 'weight' in "
            "place, which is None in every call\nno function of the program leaves a gradient there: call backward() first, or "
            "assign one with mutable_grad()");
  EXPECT_EQ(message_of([] { recording::record_program("edited_after_zero_grad"); }),
            "Expected a proper Tensor but got None (or an undefined Tensor in C++) for argument #0 'self' of an in-place "
            "operation\n"
            "a parameter registered without a tensor is undefined, and .grad before backward(): ask defined() first");
  EXPECT_NO_THROW(recording::record_program("clips_frozen_too"));
}

TEST(TrainingState, GradientsThatAddUpAreWarnedOf) {
  auto warnings = [](Reset way) {
    reset = way;
    std::string text;
    for (const recording::Diagnostic &diagnostic : recording::record_program("accumulating").diagnostics) {
      text += diagnostic.message;
      EXPECT_FALSE(diagnostic.frames.empty());
    }
    return text;
  };
  EXPECT_EQ(warnings(Reset::Never),
            "optimizer (SGD) steps with gradients that add up from call to call, for no function of the program zeroes them: "
            "'weight' and 'bias'; call zero_grad() before backward(), or let the host call it between steps");
  for (Reset way : {Reset::BeforeBackward, Reset::AfterStep, Reset::InAnotherFunction, Reset::ByAssignment, Reset::InPlace})
    EXPECT_EQ(warnings(way), "") << static_cast<int>(way);
}

TEST(TrainingState, OptimizersThatNeverStepAreWarnedOf) {
  const recording::Recording recording = recording::record_program("idle_optimizer");
  ASSERT_EQ(recording.diagnostics.size(), 1u);
  EXPECT_EQ(recording.diagnostics[0].message, "optimizer SGD never steps: no function of the program calls its step(), so its "
                                              "parameters stay as they are");
  EXPECT_FALSE(recording.diagnostics[0].frames.empty());
}

TEST(TrainingState, ADropoutThatEvalDoesNotReachIsWarnedOf) {
  const recording::Recording recording = recording::record_program("plain_members");
  ASSERT_EQ(recording.diagnostics.size(), 1u) << "once for the module";
  const recording::Diagnostic &warning = recording.diagnostics[0];
  EXPECT_EQ(warning.message,
            "module Dropout(p=0.5, inplace=False) is used in the forward of 'block' (Block) but never registered, so eval() does not "
            "reach it: it stays in training mode, and its output is different at every call; register it with register_module");
  EXPECT_EQ(warning.module_path, "block");
  ASSERT_EQ(warning.notes.size(), 1u);
  EXPECT_EQ(warning.notes[0].message, "it is constructed here");
  EXPECT_FALSE(warning.notes[0].frames.empty());
}

} // namespace
} // namespace kiln::test
