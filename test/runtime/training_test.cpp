// Training through a Model: gradients, optimizers, learning rates, the generator, and readers beside a writer.
#include <atomic>
#include <cmath>
#include <thread>

#include "training_run.h"

namespace kiln::runtime {
namespace {

INSTANTIATE_TEST_SUITE_P(Optimizers, Training, testing::Values(OptimizerKind::Adam, OptimizerKind::Sgd),
                         [](const auto &info) { return info.param == OptimizerKind::Adam ? "Adam" : "SGD"; });

//===----------------------------------------------------------------------===//
// Gradients
//===----------------------------------------------------------------------===//

TEST_P(Training, FollowsPyTorch) {
  run.epochs(3);
  for (const auto &[name, value] : run.model.state_dict())
    expect_close(value, expected.at(name + ".3"), 2e-6, name);
  run.epochs(2);
  for (const auto &[name, value] : run.model.state_dict())
    expect_close(value, expected.at(name + ".5"), 2e-6, name);
}

TEST_P(Training, GradientsByName) {
  EXPECT_TRUE(run.model.gradients().empty()); // None
  EXPECT_TRUE(run.model.gradient_statistics().empty());
  run.epochs(3);
  const StateDict gradients = run.model.gradients();
  EXPECT_EQ(gradients.keys(), (std::vector<std::string>{"head.weight", "head.bias"}));
  for (const auto &[name, value] : gradients)
    expect_close(value, expected.at(name + ".grad"), 2e-6, name);
  for (const auto &[name, statistics] : run.model.gradient_statistics()) {
    const auto numbers = values<double>(expected.at(name + ".statistics"));
    EXPECT_NEAR(statistics.mean, numbers[0], 2e-6);
    EXPECT_NEAR(statistics.std, numbers[1], 2e-6);
    EXPECT_NEAR(statistics.norm, numbers[2], 2e-6);
  }
}

TEST_P(Training, ZeroGrad) {
  run.epoch();
  run.model.zero_grad(/*set_to_none=*/false);
  ASSERT_EQ(run.model.gradients().size(), 2u);
  EXPECT_EQ(values<float>(run.model.gradients().at("head.bias")), (std::vector<float>{0, 0, 0}));
  EXPECT_EQ(text_of<KeyError>([&] { run.model.gradients().at("head.wieght"); }),
            "'head.wieght' is not among the gradients that are defined (not None); did you mean 'head.weight'?");
  run.model.zero_grad();
  EXPECT_TRUE(run.model.gradients().empty());
  // What has no gradient is left alone by the optimizer.
  const Tensor before = run.model.state_dict().at("head.bias").clone();
  run.model.call("apply", std::span<const Tensor>());
  EXPECT_TRUE(equal_bits(run.model.state_dict().at("head.bias"), before));
  run.model.call("accumulate", {run.view(run.x), run.view(run.y)});
  run.model.call("apply", std::span<const Tensor>());
  EXPECT_FALSE(equal_bits(run.model.state_dict().at("head.bias"), before));
}

TEST(Statistics, AreThoseOfPyTorch) {
  // torch.tensor([1., 2., 4.]).mean(), .std(), .norm(): 7/3, sqrt(7/3), sqrt(21)
  const TensorStatistics three = statistics(Tensor::from<float>(std::vector<float>{1, 2, 4}, {3}));
  EXPECT_DOUBLE_EQ(three.mean, 7.0 / 3);
  EXPECT_DOUBLE_EQ(three.std, std::sqrt(7.0 / 3));
  EXPECT_DOUBLE_EQ(three.norm, std::sqrt(21.0));
  const TensorStatistics one = statistics(Tensor::scalar<double>(-2));
  EXPECT_EQ(one.mean, -2);
  EXPECT_TRUE(std::isnan(one.std));
  EXPECT_EQ(one.norm, 2);
  const TensorStatistics nothing = statistics(Tensor({0}, DType::Float32));
  EXPECT_TRUE(std::isnan(nothing.mean) && std::isnan(nothing.std));
  EXPECT_EQ(nothing.norm, 0);
  // A large mean must not cost the deviation its digits.
  EXPECT_DOUBLE_EQ(statistics(Tensor::from<double>(std::vector<double>{1e9, 1e9 + 1, 1e9 + 2}, {3})).std, 1);
}

//===----------------------------------------------------------------------===//
// State of optimizers
//===----------------------------------------------------------------------===//

TEST_P(Training, StateDictIsPyTorchs) {
  run.epochs(3);
  const Value checkpoint = load_torch_value(training_path(name + ".pt"));
  expect_same_layout(run.model.optimizer_state_dict(), *checkpoint.get_if<Dict>()->find("optimizer"), "optimizer");
}

TEST_P(Training, FreshStateIsEmpty) {
  const Value state = run.model.optimizer_state_dict();
  EXPECT_TRUE(state.get_if<Dict>()->find("state")->get_if<Dict>()->empty());
  run.model.load_optimizer_state_dict(state);
}

TEST_P(Training, LoadingAndGoingOnIsAsIfNeverInterrupted) {
  run.epochs(2);
  Classifier other(GetParam());
  other.epochs(1); // something to overwrite
  other.model.load_state_dict(run.model.state_dict());
  other.model.load_optimizer_state_dict(run.model.optimizer_state_dict());
  const std::string state = run.loader->generator_state();
  other.loader->set_generator_state(state);
  run.epochs(2);
  other.epochs(2);
  for (const auto &[name, value] : run.model.state_dict())
    EXPECT_TRUE(equal_bits(other.model.state_dict().at(name), value)) << name;
  other.model.load_optimizer_state_dict(Classifier(GetParam()).model.optimizer_state_dict());
  EXPECT_TRUE(other.model.optimizer_state_dict().get_if<Dict>()->find("state")->get_if<Dict>()->empty());
}

/// Loading `change`d state of an Adam that has made a step throws E, and changes nothing.
template <class E = ValueError, class Change> std::string load_error(Change change) {
  Classifier run(OptimizerKind::Adam);
  run.epoch();
  Value state = run.model.optimizer_state_dict(), before = run.model.optimizer_state_dict();
  change(*state.get_if<Dict>());
  const std::string text = text_of<E>([&] { run.model.load_optimizer_state_dict(state); });
  expect_same_layout(run.model.optimizer_state_dict(), before, "optimizer");
  return text;
}
Dict &group(Dict &state, std::size_t index) {
  return *(*state.find("param_groups")->get_if<Value::List>())[index].get_if<Dict>();
}
Dict &values_of(Dict &state, int64_t parameter) { return *state.find("state")->get_if<Dict>()->find(parameter)->get_if<Dict>(); }

TEST(OptimizerState, LoadErrors) {
  const std::string here = "\n  optimizer: optimizer (Adam)";
  EXPECT_EQ(load_error([](Dict &state) { state.find("param_groups")->get_if<Value::List>()->pop_back(); }),
            "loaded state dict has a different number of parameter groups\n  found: 1\n  expected: 2" + here);
  EXPECT_EQ(load_error([](Dict &state) { group(state, 1).set("params", Value::List{1, 2}); }),
            "loaded state dict contains a parameter group that doesn't match the size of optimizer's group\n"
            "  parameter group: 1\n  found: 2 parameters\n  expected: 1" + here);
  EXPECT_EQ(load_error([](Dict &state) {
              group(state, 0).set("betas", Value::Tuple{{0.5, 0.999}});
              group(state, 1).set("weight_decay", 0);
              group(state, 1).set("foreach", true); // no matter
            }),
            "loaded state dict has other options than the program was compiled with\n"
            "  parameter group 0: betas is (0.5, 0.999), expected (0.9, 0.999)\n"
            "  parameter group 1: weight_decay is 0, expected 0.1\n"
            "  only lr can be changed without building the program again" + here);
  EXPECT_EQ(load_error([](Dict &state) { values_of(state, 1).set("exp_avg", Tensor({2}, DType::Float32)); }),
            "loaded state dict: exp_avg of parameter 1 ('head.bias') has shape torch.Size([2]), expected torch.Size([3])" + here);
  EXPECT_EQ(load_error<TypeError>([](Dict &state) { values_of(state, 1).set("exp_avg_sq", 1); }),
            "exp_avg_sq of parameter 1 ('head.bias') is of type int, expected Tensor" + here);
}

TEST(OptimizerState, MissingEntries) {
  const std::string here = "\n  optimizer: optimizer (Adam)";
  EXPECT_EQ(load_error<KeyError>([](Dict &state) { state = Dict{{"state", Dict()}}; }),
            "'param_groups'\n  the loaded state dict has no such entry" + here);
  EXPECT_EQ(load_error<KeyError>([](Dict &state) { values_of(state, 0) = Dict{{"step", 1.0}}; }),
            "'exp_avg'\n  the loaded state of parameter 0 ('head.weight') has no such value" + here);
  EXPECT_EQ(load_error<KeyError>([](Dict &state) { values_of(state, 0) = Dict{{"exp_avg", 1.0}}; }),
            "'step'\n  the loaded state of parameter 0 ('head.weight') has no such value" + here);
  EXPECT_EQ(load_error<TypeError>([](Dict &state) { values_of(state, 0).set("step", "x"); }),
            "step of parameter 0 ('head.weight') is 'x', expected a whole number up to 2^24" + here);
}

TEST(OptimizerState, OfAnotherOptimizer) {
  Classifier run(OptimizerKind::Adam);
  const Value sgd = Classifier(OptimizerKind::Sgd).model.optimizer_state_dict();
  EXPECT_EQ(text_of<ValueError>([&] { run.model.load_optimizer_state_dict(sgd); }),
            "loaded state dict has other options than the program was compiled with\n"
            "  parameter group 0: betas is missing, expected (0.9, 0.999)\n"
            "  parameter group 0: eps is missing, expected 1e-08\n"
            "  parameter group 1: betas is missing, expected (0.9, 0.999)\n"
            "  parameter group 1: eps is missing, expected 1e-08\n"
            "  only lr can be changed without building the program again\n  optimizer: optimizer (Adam)");
  EXPECT_EQ(text_of<ValueError>([&] { run.model.load_optimizer_state_dict(load_torch_value(training_path("one_group.pt"))); }),
            "loaded state dict has a different number of parameter groups\n  found: 1\n  expected: 2\n  optimizer: optimizer (Adam)");
  EXPECT_EQ(text_of<KeyError>([&] { run.model.optimizer_state_dict("optimizer2"); }),
            "program 'classifier' has no optimizer 'optimizer2'; it has optimizer");
  EXPECT_EQ(text_of<TypeError>([&] { run.model.load_optimizer_state_dict(3); }), "'int' object is not a dict\n  optimizer: optimizer (Adam)");
}

TEST(OptimizerState, MomentumBufferOfNone) {
  // What SGD of earlier PyTorch versions saved before a parameter's first gradient.
  Classifier run(OptimizerKind::Sgd);
  run.epoch();
  Value state = run.model.optimizer_state_dict();
  *state.get_if<Dict>()->find("state") = Dict{{int64_t{0}, Dict{{"momentum_buffer", Value()}}}};
  run.model.load_optimizer_state_dict(state);
  EXPECT_EQ(values<float>(run.model.state(5)), (std::vector<float>{0, 0}));
  EXPECT_EQ(values<float>(run.model.state(6)), std::vector<float>(6));
}

TEST(OptimizerState, OtherLayoutsOfPyTorch) {
  // One group of both parameters: what PyTorch wrote for other optimizers, into programs that say they are those.
  auto with_one_group = [](const char *type, auto change) {
    auto program = std::make_unique<TrainingProgram>(OptimizerKind::Adam);
    static constexpr uint32_t kBoth[] = {0, 1};
    static constexpr int32_t kFirst[] = {6, 7}, kSecond[] = {8, 9};
    program->groups[0].parameter_count = 2;
    program->groups[0].parameters = kBoth;
    program->slots[0][0].states = kFirst;
    program->slots[0][1].states = kSecond;
    program->optimizers[0].group_count = 1;
    program->optimizers[0].type = type;
    change(*program);
    return program;
  };
  const auto adam = with_one_group("Adam", [](TrainingProgram &) {});
  Model model(adam->program());
  model.load_optimizer_state_dict(load_torch_value(training_path("one_group.pt"))); // before its first step
  EXPECT_TRUE(model.optimizer_state_dict().get_if<Dict>()->find("state")->get_if<Dict>()->empty());
  EXPECT_EQ(text_of<ValueError>([&] { model.load_optimizer_state_dict(load_torch_value(training_path("amsgrad.pt"))); }),
            "loaded state dict has other options than the program was compiled with\n"
            "  parameter group 0: amsgrad is True, expected False\n"
            "  only lr can be changed without building the program again\n  optimizer: optimizer (Adam)");

  const auto adamw = with_one_group("AdamW", [](TrainingProgram &program) {
    program.options[0][2].number = 0.01;
    program.options[0][9].integer = 1;
  });
  Model decoupled(adamw->program());
  const Value source = load_torch_value(training_path("adamw.pt"));
  decoupled.load_optimizer_state_dict(source);
  expect_same_layout(decoupled.optimizer_state_dict(), source, "adamw");

  // Without momentum SGD keeps nothing.
  const auto plain = with_one_group("SGD", [](TrainingProgram &program) {
    program.options[0] = TrainingProgram(OptimizerKind::Sgd).options[0];
    program.options[0][0].number = 0;
    program.groups[0].option_count = 8;
    program.groups[0].slot_count = 0;
  });
  Model without(plain->program());
  const Value nothing = load_torch_value(training_path("plain_sgd.pt"));
  without.load_optimizer_state_dict(nothing);
  expect_same_layout(without.optimizer_state_dict(), nothing, "plain_sgd");
}

//===----------------------------------------------------------------------===//
// Learning rates, seeds
//===----------------------------------------------------------------------===//

TEST(LearningRate, CanBeChanged) {
  Classifier run(OptimizerKind::Sgd), same(OptimizerKind::Sgd);
  EXPECT_EQ(run.model.learning_rate(), 0.1);
  EXPECT_EQ(run.model.learning_rate("optimizer", 1), 0.05);
  run.model.set_learning_rate(0.5, "optimizer", 1);
  EXPECT_EQ(run.model.learning_rate("optimizer", 0), 0.1);
  EXPECT_EQ(run.model.learning_rate("optimizer", 1), 0.5);
  run.model.set_learning_rate(0);
  EXPECT_EQ(run.model.learning_rate("optimizer", 1), 0);
  run.epoch();
  EXPECT_TRUE(equal_bits(run.model.state_dict().at("head.weight"), same.model.state_dict().at("head.weight")));
  EXPECT_EQ(text_of<ValueError>([&] { run.model.set_learning_rate(-0.1); }), "Invalid learning rate: -0.1");
  EXPECT_EQ(text_of<ValueError>([&] { run.model.set_learning_rate(NAN); }), "Invalid learning rate: nan");
  EXPECT_EQ(text_of<IndexError>([&] { run.model.learning_rate("optimizer", 2); }),
            "list index out of range\n  parameter group 2 of optimizer, which has 2");
  EXPECT_EQ(text_of<KeyError>([&] { run.model.set_learning_rate(1, "adam"); }),
            "program 'classifier' has no optimizer 'adam'; it has optimizer");
}

TEST(Seed, StartsTheGeneratorAgain) {
  Classifier run(OptimizerKind::Adam);
  const Tensor generator = run.model.state(*run.model.program().generator());
  run.epoch(); // 6 batches
  EXPECT_EQ(values<int64_t>(generator), (std::vector<int64_t>{0, 6}));
  run.model.manual_seed(42);
  EXPECT_EQ(values<int64_t>(generator), (std::vector<int64_t>{42, 0}));
}

TEST(TrainingCalls, TargetOutOfBounds) {
  Classifier run(OptimizerKind::Adam);
  const Tensor x({2, 2}, DType::Float32), y = Tensor::from<int64_t>(std::vector<int64_t>{0, 11}, {2});
  EXPECT_EQ(text_of<IndexError>([&] { run.model.call("train_step", {x, y}); }),
            "Target 11 is out of bounds.\n  operation: nn.cross_entropy\n  source: model.cpp:20\n"
            "  expected: a class index from 0 to 2, or ignore_index");
}

//===----------------------------------------------------------------------===//
// Readers and writers
//===----------------------------------------------------------------------===//

TEST(Concurrency, ReadersSeeWholeSteps) {
  Classifier run(OptimizerKind::Sgd);
  const std::vector<Tensor> batch = {run.x, run.y}, sample = {run.x.slice(0, 0, 1, 1)};
  // What predict says after each step, one step after another.
  Classifier reference(OptimizerKind::Sgd);
  constexpr int kSteps = 200;
  std::vector<std::vector<float>> expected;
  for (int step = 0; step <= kSteps; ++step) {
    expected.push_back(values<float>(reference.model.call("predict", sample)[0]));
    reference.model.call("train_step", batch);
  }
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  std::atomic<int> strange{0};
  for (int r = 0; r < 3; ++r)
    readers.emplace_back([&, r] {
      std::size_t last = 0;
      while (!done) {
        const auto logits = values<float>(run.model.call("predict", sample)[0]);
        const auto found = std::find(expected.begin() + static_cast<std::ptrdiff_t>(last), expected.end(), logits);
        strange += found == expected.end(); // neither the last one seen nor a later one
        last = found == expected.end() ? last : static_cast<std::size_t>(found - expected.begin());
        if (r == 0)
          run.model.gradient_statistics();
        if (r == 1)
          run.model.learning_rate();
        if (r == 2)
          run.model.checkpoint();
      }
    });
  for (int step = 0; step < kSteps; ++step) {
    run.model.call("train_step", batch);
    if (step == kSteps / 2)
      run.model.set_learning_rate(0.1, "optimizer", 0); // as it is
  }
  done = true;
  for (std::thread &reader : readers)
    reader.join();
  EXPECT_EQ(strange, 0);
  EXPECT_EQ(values<float>(run.model.call("predict", sample)[0]), expected.back());
}

TEST(Concurrency, WritersTakeTurns) {
  Classifier run(OptimizerKind::Adam);
  const std::vector<Tensor> batch = {run.x, run.y};
  std::vector<std::thread> writers;
  for (int w = 0; w < 4; ++w)
    writers.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        run.model.call("train_step", batch);
        run.model.manual_seed(1);
        run.model.zero_grad();
      }
    });
  for (std::thread &writer : writers)
    writer.join();
  EXPECT_EQ(run.model.state(13).item<int64_t>(), 200); // calls
  EXPECT_EQ(values<float>(run.model.state(5)), (std::vector<float>{200, 200}));
}

} // namespace
} // namespace kiln::runtime
