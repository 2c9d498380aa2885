// The order of backward, clipping, zero_grad and step: what can be meant is not warned of. What can't be is in test/features/errors.
#include <functional>
#include <limits>

#include "expectations.h"
#include "kiln/recording.h"

using kiln::Tensor;
namespace nn = kiln::nn;
namespace optim = kiln::optim;

namespace {

struct Setting {
  nn::Linear model{3, 2}, other{2, 3};
  optim::SGD optimizer{model->parameters(), 0.1}, other_optimizer{other->parameters(), 0.1};
  Tensor loss(Tensor x) { return model(x).square().mean(); }
  void clip(double most = 1) { nn::utils::clip_grad_norm_(model->parameters(), most); }
};

void assign_gradients(const Tensor &loss, const std::vector<Tensor> &parameters) {
  const std::vector<Tensor> gradients = kiln::autograd::grad({loss}, parameters);
  for (std::size_t i = 0; i < parameters.size(); ++i)
    parameters[i].mutable_grad() = gradients[i];
}
using Code = std::function<void(Setting &, Tensor)>;

std::vector<Code> &functions() {
  static std::vector<Code> codes;
  return codes;
}

KILN_PROGRAM(ordered) {
  Setting setting;
  program.register_module("model", setting.model);
  program.register_module("other", setting.other);
  for (std::size_t i = 0; i < functions().size(); ++i)
    program.function("f" + std::to_string(i), {{"x", {"batch", 3}}}, [&, i](Tensor x) {
      functions()[i](setting, x);
      return x + 1;
    });
  program.function("other", {{"x", {"batch", 3}}}, [&](Tensor x) { // keeps the other optimizer busy
    setting.other_optimizer.zero_grad();
    setting.optimizer.zero_grad();
    setting.other(setting.model(x)).sum().backward();
    setting.other_optimizer.step();
    setting.optimizer.step();
    return x + 1;
  });
}

// Programs that never call backward().

KILN_PROGRAM(assigned_elsewhere) {
  nn::Linear model(3, 2);
  optim::SGD optimizer(model->parameters(), 0.1);
  program.function("assign", {{"x", {"batch", 3}}}, [&](Tensor x) {
    model->weight.mutable_grad() = kiln::ones({2, 3});
    model->bias.mutable_grad() = kiln::ones({2});
    return model(x);
  });
  program.function("apply", {{"x", {"batch", 3}}}, [&](Tensor x) {
    optimizer.step();
    return x + 1;
  });
}

KILN_PROGRAM(assigned_and_thrown_away) {
  nn::Linear model(3, 2);
  optim::SGD optimizer(model->parameters(), 0.1);
  program.function("train_step", {{"x", {"batch", 3}}}, [&](Tensor x) {
    model->weight.mutable_grad() = kiln::ones({2, 3});
    model->bias.mutable_grad() = kiln::ones({2});
    optimizer.step();
    optimizer.zero_grad();
    return model(x);
  });
}

} // namespace

namespace kiln::test {
namespace {

std::string warnings_of(const std::string &program) {
  std::string text;
  for (const recording::Diagnostic &diagnostic : recording::record_program(program).diagnostics)
    text += diagnostic.message + "\n";
  return text;
}

std::string warnings(std::vector<Code> codes) {
  functions() = std::move(codes);
  return warnings_of("ordered");
}

TEST(TrainingOrder, GradientsOfSeveralCallsMayBeClippedAndUsedInAnother) {
  const Code accumulate = [](Setting &s, Tensor x) { s.loss(x).backward(); };
  const Code apply = [](Setting &s, Tensor) {
    s.clip();
    s.optimizer.step();
    s.optimizer.zero_grad();
  };
  EXPECT_EQ(warnings({accumulate, apply}), "");
  EXPECT_EQ(warnings({[](Setting &s, Tensor x) { // uses what the call before has computed
              s.clip();
              s.optimizer.step();
              s.optimizer.zero_grad();
              s.loss(x).backward();
            }}),
            "");
}

TEST(TrainingOrder, OneFunctionMayDoItAllSeveralTimes) {
  EXPECT_EQ(warnings({[](Setting &s, Tensor x) {
              for (int step = 0; step < 2; ++step) {
                s.optimizer.zero_grad();
                for (int part = 0; part < 2; ++part)
                  s.loss(x).backward();
                s.clip();
                s.optimizer.step();
              }
            }}),
            "");
  EXPECT_EQ(warnings({[](Setting &s, Tensor x) {
              s.optimizer.step([&] {
                s.optimizer.zero_grad();
                Tensor loss = s.loss(x);
                loss.backward();
                s.clip();
                return loss;
              });
            }}),
            "");
}

TEST(TrainingOrder, GradientsMayBeThrownAwayAndComputedAnew) {
  EXPECT_EQ(warnings({[](Setting &s, Tensor x) { // as a discriminator's, that the generator's loss has reached
              s.optimizer.zero_grad(), s.other_optimizer.zero_grad();
              s.other(s.model(x)).sum().backward();
              s.other_optimizer.step();
              s.optimizer.zero_grad();
              s.loss(x).backward();
              s.optimizer.step();
            }}),
            "");
  EXPECT_EQ(warnings({[](Setting &s, Tensor x) { // a part of them
              s.optimizer.zero_grad();
              s.loss(x).backward();
              nn::utils::clip_grad_value_(s.model->bias, 0.1);
              s.model->bias.mutable_grad() = Tensor();
              s.optimizer.step();
            }}),
            "");
  EXPECT_EQ(warnings({[](Setting &s, Tensor x) { // replaced by the model's own
              s.optimizer.zero_grad();
              s.loss(x).backward();
              const Tensor kept = s.model->weight.grad();
              s.optimizer.zero_grad();
              s.model->weight.mutable_grad() = kept * 0.5;
              s.model->bias.mutable_grad() = kiln::zeros({2});
              s.optimizer.step();
            }}),
            "");
}

TEST(TrainingOrder, OneLossMayBeClippedAndAnotherNot) {
  EXPECT_EQ(warnings({[](Setting &s, Tensor x) {
              s.optimizer.zero_grad();
              s.loss(x).backward();
              s.clip();
              s.model(x).sum().backward();
              s.optimizer.step();
            }}),
            "");
}

TEST(TrainingOrder, ANormMayBeAskedForAnywhere) {
  EXPECT_EQ(warnings({[](Setting &s, Tensor x) {
              const double everything = std::numeric_limits<double>::infinity();
              s.optimizer.zero_grad();
              s.clip(everything);
              s.loss(x).backward();
              s.optimizer.step();
              s.clip(everything);
            }}),
            "");
}

TEST(TrainingOrder, ZerosAreNoGradientsEither) {
  EXPECT_EQ(warnings({[](Setting &s, Tensor x) {
              s.optimizer.zero_grad();
              s.loss(x).backward();
              s.optimizer.zero_grad(/*set_to_none=*/false);
              s.optimizer.step();
            }}),
            "zero_grad() discards what backward() has computed before step() of SGD uses it; call zero_grad() before backward(), "
            "or after step()\n");
}

TEST(TrainingOrder, AssignedGradientsNeedNoBackward) {
  EXPECT_EQ(warnings({[](Setting &s, Tensor x) {
              const auto gradients = autograd::grad({s.loss(x)}, {s.model->weight});
              s.model->weight.mutable_grad() = gradients[0];
              s.model->bias.mutable_grad() = kiln::ones({2});
              s.optimizer.step();
            }}),
            "");
}

TEST(TrainingOrder, AnotherFunctionMayUseWhatOneAssigns) {
  EXPECT_EQ(warnings_of("assigned_elsewhere"), "");
  EXPECT_EQ(warnings_of("assigned_and_thrown_away"), "");
}

TEST(TrainingOrder, OneUpdateMayServeSeveralModels) {
  const auto zero = [](Setting &s) { s.optimizer.zero_grad(), s.other_optimizer.zero_grad(); };
  const auto update = [](Setting &s) {
    s.clip();
    nn::utils::clip_grad_norm_(s.other->parameters(), 1);
    s.optimizer.step(), s.other_optimizer.step();
  };
  EXPECT_EQ(warnings({[=](Setting &s, Tensor x) { // a loss of one of them
              zero(s);
              s.loss(x).backward();
              update(s);
            }}),
            "");
  EXPECT_EQ(warnings({[=](Setting &s, Tensor x) { // and of the other
              zero(s);
              s.loss(x).backward();
              update(s);
              zero(s);
              s.other(s.model(x).detach()).sum().backward();
              update(s);
            }}),
            "");
}

TEST(TrainingOrder, OneUpdateMayServeSeveralModelsWhoseGradientsAreAssigned) {
  const auto zero = [](Setting &s) { s.optimizer.zero_grad(), s.other_optimizer.zero_grad(); };
  const auto update = [](Setting &s) { s.optimizer.step(), s.other_optimizer.step(); };
  const auto assign = [](Setting &s, Tensor x) { assign_gradients(s.other(s.model(x).detach()).sum(), s.other->parameters()); };
  EXPECT_EQ(warnings({[=](Setting &s, Tensor x) {
              zero(s);
              s.loss(x).backward();
              update(s);
              zero(s);
              assign(s, x);
              update(s);
            }}),
            "");
  EXPECT_EQ(warnings({[=](Setting &s, Tensor x) {
                        zero(s);
                        s.loss(x).backward();
                        update(s);
                      },
                      [=](Setting &s, Tensor x) {
                        zero(s);
                        assign(s, x);
                        update(s);
                      }}),
            "");
  EXPECT_EQ(warnings({[=](Setting &s, Tensor x) { // None is no gradient
              zero(s);
              s.loss(x).backward();
              update(s);
              zero(s);
              s.other->weight.mutable_grad() = s.other->bias.mutable_grad() = Tensor();
              s.optimizer.step();
            }}),
            "step() of SGD has no gradients to use: those that backward() has computed are used or thrown away already; call "
            "backward() before it\n");
}

// As a generator's loss in its discriminator.
TEST(TrainingOrder, WhatALossLeavesInAnotherModelMayBeThrownAway) {
  const auto backward = [](Setting &s, Tensor x) {
    s.optimizer.zero_grad(), s.other_optimizer.zero_grad();
    s.other(s.model(x)).sum().backward();
  };
  const auto update = [](Setting &s) { s.optimizer.step(), s.other_optimizer.step(); };
  EXPECT_EQ(warnings({[=](Setting &s, Tensor x) {
              backward(s, x);
              s.other_optimizer.zero_grad();
              update(s);
            }}),
            "");
  EXPECT_EQ(warnings({[=](Setting &s, Tensor x) {
              backward(s, x);
              s.other_optimizer.zero_grad();
              s.clip(), nn::utils::clip_grad_norm_(s.other->parameters(), 1);
              update(s);
            }}),
            "");
  const std::string discarded =
      "zero_grad() discards what backward() has computed before step() of SGD uses it; call zero_grad() "
      "before backward(), or after step()\n";
  EXPECT_EQ(warnings({[=](Setting &s, Tensor x) { // all of it
              backward(s, x);
              s.optimizer.zero_grad(), s.other_optimizer.zero_grad();
              update(s);
            }}),
            discarded + discarded);
  EXPECT_EQ(warnings({[=](Setting &s, Tensor x) { // a loss of its own
              backward(s, x);
              s.other_optimizer.zero_grad();
              s.other(s.model(x).detach()).sum().backward();
              s.other_optimizer.zero_grad();
              update(s);
            }}),
            discarded);
}

TEST(TrainingOrder, ClippedGradientsMayBeScaled) {
  EXPECT_EQ(warnings({[](Setting &s, Tensor x) { s.loss(x).backward(); },
                      [](Setting &s, Tensor) {
                        s.clip();
                        for (const Tensor &parameter : s.model->parameters())
                          parameter.mutable_grad().mul_(0.5);
                        s.optimizer.step();
                        s.optimizer.zero_grad();
                      }}),
            "");
}

TEST(TrainingOrder, AStepHasNothingToUse) {
  const std::string used = "step() of SGD has no gradients to use: those that backward() has computed are used or thrown away already; "
                           "call backward() before it\n";
  EXPECT_EQ(warnings({[](Setting &s, Tensor x) {
              s.optimizer.zero_grad();
              s.loss(x).backward();
              s.optimizer.step();
              s.optimizer.zero_grad();
              s.optimizer.step();
            }}),
            used);
  EXPECT_EQ(warnings({[](Setting &s, Tensor x) {
              s.optimizer.zero_grad();
              s.loss(x).backward();
              for (const Tensor &parameter : s.model->parameters())
                parameter.mutable_grad() = Tensor();
              s.optimizer.step();
            }}),
            used);
  EXPECT_EQ(warnings({[](Setting &s, Tensor x) { s.loss(x).backward(); },
                      [](Setting &s, Tensor) {
                        s.optimizer.zero_grad();
                        s.optimizer.step();
                      }}),
            "step() of SGD has no gradients to use: zero_grad() has discarded those of earlier calls, and this function calls no "
            "backward(); call zero_grad() after step()\n");
  EXPECT_EQ(warnings({[](Setting &s, Tensor x) { s.loss(x).backward(); },
                      [](Setting &s, Tensor) { // a zero_grad() that comes after it is not the reason
                        for (const Tensor &parameter : s.model->parameters())
                          parameter.mutable_grad() = Tensor();
                        s.optimizer.step();
                        s.optimizer.zero_grad();
                      }}),
            "");
  EXPECT_EQ(warnings({[](Setting &s, Tensor x) {
              s.optimizer.zero_grad();
              s.optimizer.step();
              assign_gradients(s.loss(x), s.model->parameters());
            }}),
            "step() of SGD has no gradients to use: they are assigned only later; call it after their assignment\n");
}

TEST(TrainingOrder, ClippingComesBeforeGradientsAreAssigned) {
  EXPECT_EQ(warnings({[](Setting &s, Tensor x) {
              s.optimizer.zero_grad();
              s.clip();
              assign_gradients(s.loss(x), s.model->parameters());
              s.optimizer.step();
            }}),
            "clip_grad_norm_() is called before gradients are assigned, so step() of SGD uses gradients that are not clipped; "
            "call it between their assignment and step()\n");
  EXPECT_EQ(warnings({[](Setting &s, Tensor x) {
                        s.optimizer.zero_grad();
                        s.clip();
                        assign_gradients(s.loss(x), s.model->parameters());
                      },
                      [](Setting &s, Tensor) { s.optimizer.step(); }}),
            "clip_grad_norm_() finds no gradients to clip; call it between their assignment and step()\n");
}

TEST(TrainingOrder, ALoopIsWarnedOfOnce) {
  EXPECT_EQ(warnings({[](Setting &s, Tensor x) {
              for (int64_t step = 0, steps = x.dim(); step < steps; ++step) { // a count that no compiler unrolls
                s.loss(x).backward();
                s.optimizer.zero_grad();
                s.optimizer.step();
              }
            }}),
            "zero_grad() discards what backward() has computed before step() of SGD uses it; call zero_grad() before backward(), "
            "or after step()\n");
}

TEST(TrainingOrder, ClippingComesBeforeTheOnlyBackward) {
  EXPECT_EQ(warnings({[](Setting &s, Tensor x) {
                        s.optimizer.zero_grad();
                        s.clip();
                        s.loss(x).backward();
                      },
                      [](Setting &s, Tensor) { s.optimizer.step(); }}),
            "clip_grad_norm_() finds no gradients to clip; call it between backward() and step()\n");
}

} // namespace
} // namespace kiln::test
