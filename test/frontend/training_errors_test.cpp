// What can be wrong in training: the whole message, which begins with PyTorch's (make_training_expectations.py).
#include "expectations.h"
#include "kiln/recording.h"

using kiln::Tensor;
namespace nn = kiln::nn;
namespace F = kiln::nn::functional;
namespace optim = kiln::optim;

namespace {

using Code = std::function<Tensor(nn::Linear &, Tensor)>;

// The code that the program below records.
Code &recorded_code() {
  static Code code;
  return code;
}
std::function<void(nn::Linear &)> &block_code() {
  static std::function<void(nn::Linear &)> code;
  return code;
}

KILN_PROGRAM(one_layer) {
  nn::Linear model(3, 2);
  program.function("f", {{"x", {"batch", 3}}}, [&](Tensor x) { return recorded_code()(model, x); });
}

KILN_PROGRAM(block_only) {
  nn::Linear model(3, 2);
  block_code()(model);
  program.function("f", {{"x", {"batch", 3}}}, [&](Tensor x) { return model(x); });
}

KILN_PROGRAM(options_change) {
  nn::Linear model(3, 2);
  optim::Adam optimizer(model->parameters(), 1e-3);
  auto step = [&](Tensor x) {
    optimizer.zero_grad();
    Tensor loss = model(x).sum();
    loss.backward();
    optimizer.step();
    return loss;
  };
  program.function("first", {{"x", {"batch", 3}}}, step);
  static_cast<optim::AdamOptions &>(optimizer.param_groups()[0].options()).eps(1e-3);
  program.function("second", {{"x", {"batch", 3}}}, step);
}

KILN_PROGRAM(group_added_late) {
  nn::Linear model(3, 2);
  optim::Adam optimizer(std::vector<Tensor>{model->weight}, 1e-3);
  program.function("first", {{"x", {"batch", 3}}}, [&](Tensor x) {
    Tensor loss = model(x).sum();
    loss.backward();
    optimizer.step();
    return loss;
  });
  optimizer.add_param_group(optim::OptimizerParamGroup({model->bias}));
}

KILN_PROGRAM(rate_set_inside) {
  nn::Linear model(3, 2);
  optim::Adam optimizer(model->parameters(), 1e-3);
  program.function("step", {{"x", {"batch", 3}}}, [&](Tensor x) {
    optimizer.param_groups()[0].options().set_lr(1e-4);
    return model(x);
  });
}

} // namespace

namespace kiln::test {
namespace {

std::string torch_text(const std::string &name) { return expected_text("training.txt", name); }

std::string recorded(const Code &code) {
  recorded_code() = code;
  return message_of([] { recording::record_program("one_layer"); });
}
std::string in_block(const std::function<void(nn::Linear &)> &code) {
  block_code() = code;
  return message_of([] { recording::record_program("block_only"); });
}

TEST(TrainingErrors, Backward) {
  EXPECT_EQ(recorded([](nn::Linear &model, Tensor x) {
              Tensor out = model(x);
              out.backward();
              return out;
            }),
            torch_text("loss_not_a_scalar") +
                "\nthe tensor has sizes [batch, 2]: go backward from its mean() or sum(), or pass a "
                "gradient of its sizes");
  const std::string history =
      "\nit depends on no parameter that requires a gradient, or was computed under no_grad or from detached "
      "tensors";
  EXPECT_EQ(recorded([](nn::Linear &, Tensor x) {
              x.sum().backward();
              return x;
            }),
            torch_text("nothing_requires_grad") + history);
  EXPECT_EQ(recorded([](nn::Linear &model, Tensor x) {
              model->requires_grad_(false);
              model(x).sum().backward();
              return x;
            }),
            torch_text("nothing_requires_grad") + history);
  EXPECT_EQ(recorded([](nn::Linear &model, Tensor x) {
              Tensor loss = model(x).square().sum();
              loss.backward();
              loss.backward();
              return loss;
            }),
            torch_text("backward_twice") + "\nin C++: loss.backward({}, /*retain_graph=*/true), or compute the loss anew");
  EXPECT_EQ(
      recorded([](nn::Linear &model, Tensor x) {
        model(x).backward(kiln::ones({4}));
        return x;
      }),
      "Mismatch in shape: grad_output[0] has a shape of torch.Size([4]) and output[0] has a shape of torch.Size([batch, 2]).");
  EXPECT_EQ(
      recorded([](nn::Linear &model, Tensor x) {
        model(x).sum().backward({}, {}, /*create_graph=*/true);
        return x;
      }),
      "backward with create_graph = true is not supported: gradients of gradients can't be compiled\nleave create_graph out, "
      "or write the gradient as an expression of your own");
  EXPECT_EQ(recorded([](nn::Linear &model, Tensor x) {
              model(x).sum().backward({}, {}, false, std::vector<Tensor>());
              return x;
            }),
            torch_text("no_inputs"));
  EXPECT_EQ(
      message_of([] { kiln::ones({}, kiln::requires_grad()).backward(); }),
      "backward is called outside of a recorded function\ngradients are compiled, not computed here: call it in the code of a "
      "program.function(...)");
}

// Only what PyTorch's nodes keep is gone after the first time.
TEST(TrainingErrors, BackwardTwiceIsFineWhereNothingWasSaved) {
  recorded_code() = [](nn::Linear &model, Tensor x) {
    Tensor loss = (model->weight.t() + 1).sum();
    loss.backward();
    loss.backward();
    Tensor shared = model(x).tanh(), first = shared.sum(), second = shared.mean();
    kiln::autograd::backward({first, second}); // one pass over what they share
    return loss;
  };
  EXPECT_NO_THROW(recording::record_program("one_layer"));
}

TEST(TrainingErrors, GradFunction) {
  EXPECT_EQ(recorded([](nn::Linear &model, Tensor x) {
              x.requires_grad_();
              return kiln::autograd::grad({model->weight.square().sum()}, {x})[0];
            }),
            torch_text("unused_input"));
  EXPECT_EQ(recorded([](nn::Linear &model, Tensor x) { return kiln::autograd::grad({model(x).sum()}, {x})[0]; }),
            torch_text("input_without_grad"));
  recorded_code() = [](nn::Linear &model, Tensor x) {
    x.requires_grad_();
    const auto gradients = kiln::autograd::grad({model->weight.square().sum()}, {x}, {}, {}, false, /*allow_unused=*/true);
    EXPECT_FALSE(gradients[0].defined());
    return x;
  };
  recording::record_program("one_layer");
}

TEST(TrainingErrors, Leaves) {
  const std::string advice = "\nwrite to a parameter under a kiln::NoGradGuard, or compute a new tensor";
  EXPECT_EQ(recorded([](nn::Linear &model, Tensor x) {
              model->weight.mul_(2);
              return x;
            }),
            torch_text("leaf_in_place") + advice);
  EXPECT_EQ(recorded([](nn::Linear &, Tensor x) {
              x.requires_grad_();
              x.slice(1, 0, 1).mul_(2);
              return x;
            }),
            torch_text("view_of_leaf_in_place") + advice);
  EXPECT_EQ(recorded([](nn::Linear &model, Tensor x) { return model(x).requires_grad_(false); }), torch_text("flag_of_computed"));
  EXPECT_EQ(recorded([](nn::Linear &, Tensor x) {
              x.retain_grad();
              return x;
            }),
            torch_text("retain_grad_without"));
  EXPECT_EQ(recorded([](nn::Linear &, Tensor x) { return kiln::where(x, x, x); }), torch_text("where_condition"));
  EXPECT_EQ(
      recorded([](nn::Linear &model, Tensor x) {
        Tensor out = model(x);
        kiln::NoGradGuard no_grad;
        out.mul_(2);
        return out;
      }),
      "a tensor that a gradient flows through is written in place under no_grad\nits gradient would be the one of the values "
      "before: write to a clone() of it, or let gradients be recorded");
}

TEST(TrainingErrors, OptimizersCheckTheirOptions) {
  nn::Linear model(3, 2);
  const std::vector<Tensor> parameters = model->parameters();
  auto message = [&](auto make) { return message_of(make); };
  EXPECT_EQ(message([] { optim::Adam(std::vector<Tensor>(), 1e-3); }), torch_text("empty_list"));
  EXPECT_EQ(message([&] { optim::Adam(parameters, -1); }), torch_text("learning_rate"));
  EXPECT_EQ(message([&] { optim::Adam(parameters, optim::AdamOptions().eps(-1)); }), torch_text("epsilon"));
  EXPECT_EQ(message([&] { optim::Adam(parameters, optim::AdamOptions().betas({0.9, 1.5})); }), torch_text("beta"));
  EXPECT_EQ(message([&] { optim::AdamW(parameters, optim::AdamWOptions().weight_decay(-0.5)); }), torch_text("weight_decay"));
  EXPECT_EQ(message([&] { optim::SGD(parameters, -1); }), torch_text("sgd_learning_rate"));
  EXPECT_EQ(message([&] { optim::SGD(parameters, optim::SGDOptions().momentum(-0.5)); }), torch_text("momentum"));
  EXPECT_EQ(message([&] { optim::SGD(parameters, optim::SGDOptions().nesterov(true)); }), torch_text("nesterov"));
  EXPECT_EQ(message([&] { optim::Adam(std::vector<Tensor>{model->weight.t()}, 1e-3); }),
            torch_text("non_leaf") + "\nit is computed from other tensors: give the optimizer those");
  EXPECT_EQ(message([&] {
              optim::Adam({optim::OptimizerParamGroup(parameters), optim::OptimizerParamGroup(parameters)});
            }),
            torch_text("two_groups"));
  EXPECT_EQ(message([&] {
              optim::Adam(std::vector<Tensor>{model->weight, model->weight});
            }),
            "optimizer contains a parameter group with duplicate parameters");
  EXPECT_EQ(message([&] {
              std::vector<optim::OptimizerParamGroup> groups;
              groups.emplace_back(parameters, std::make_unique<optim::SGDOptions>(0.1));
              optim::Adam optimizer(groups);
            }),
            "a parameter group of Adam has options of another optimizer\ngive it optim::AdamOptions");
  EXPECT_EQ(
      message([&] { optim::Adam(parameters, 1e-3).step(); }),
      "optimizer.step() is called outside of a recorded function\nupdates are compiled, not computed here: call it in the code "
      "of a program.function(...)");
}

TEST(TrainingErrors, OptimizersBelongToThePrograms) {
  EXPECT_EQ(in_block([](nn::Linear &) { optim::Adam(std::vector<Tensor>{kiln::ones({3}, kiln::requires_grad())}); }),
            "can't optimize a tensor that no module has registered\na compiled function keeps what it updates only where it is "
            "state: register the tensor with register_parameter, and give the optimizer the registered one");
  EXPECT_EQ(
      recorded([](nn::Linear &model, Tensor x) {
        optim::Adam optimizer(model->parameters(), 1e-3);
        return x;
      }),
      "optimizer Adam is constructed inside a recorded function\nits state would begin anew at every call: construct it in the "
      "KILN_PROGRAM block");
  EXPECT_EQ(
      message_of([] { recording::record_program("options_change"); }),
      "options of optimizer Adam change from one recorded step to the next\nall options but the learning rate are compiled in: "
      "make another optimizer, or set them before the first program.function");
  EXPECT_EQ(message_of([] { recording::record_program("group_added_late"); }),
            "a parameter group is added after a recorded function has stepped the optimizer\nadd all groups before the first "
            "program.function");
  EXPECT_EQ(message_of([] { recording::record_program("rate_set_inside"); }),
            "function 'step' sets the learning rate of an optimizer\nthat would happen once, while recording: set it in the "
            "KILN_PROGRAM block, and let the host program change it between calls");
}

TEST(TrainingErrors, Clipping) {
  nn::Linear model(3, 2);
  EXPECT_EQ(message_of([&] { nn::utils::clip_grad_norm_(model->parameters(), 1.0, 2.0, /*error_if_nonfinite=*/true); }),
            "clip_grad_norm_ with error_if_nonfinite = true is not supported: whether the norm is finite is known only when a "
            "compiled function runs\nleave it out, return the norm from the function, and look at it in the host program");
  EXPECT_EQ(message_of([&] { nn::utils::clip_grad_norm_(model->weight, 1.0, 0.0); }),
            "clip_grad_norm_ with norm_type = 0.0 is not supported\nuse a positive norm, such as 1, 2 or infinity");
  EXPECT_EQ(nn::utils::clip_grad_norm_(model->parameters(), 1.0).item<float>(), 0) << "all are None";
  model->weight.mutable_grad() = kiln::full({2, 3}, 2.0);
  EXPECT_FLOAT_EQ(nn::utils::clip_grad_norm_(model->weight, 1.0, 1.0).item<float>(), 12) << "outside of a recording too";
  EXPECT_FLOAT_EQ(model->weight.grad()[0][0].item<float>(), 2 / 12.000001f);
  nn::utils::clip_grad_value_(model->weight, 0.125);
  EXPECT_EQ(model->weight.grad()[1][2].item<float>(), 0.125f);
}

TEST(TrainingErrors, Losses) {
  const Tensor scores = kiln::zeros({2, 3});
  auto cross_entropy = [&](const Tensor &target, const F::CrossEntropyFuncOptions &options = {}) {
    const std::string message = message_of([&] { F::cross_entropy(target.dim() == 0 ? target : scores, target, options); });
    return message.substr(0, message.find('\n'));
  };
  EXPECT_EQ(cross_entropy(kiln::tensor({0, 11})), torch_text("target_range"));
  EXPECT_EQ(cross_entropy(kiln::zeros({2})), torch_text("target_type"));
  EXPECT_EQ(cross_entropy(kiln::tensor({0, 1, 2})), torch_text("target_batch"));
  const Tensor probabilities = kiln::zeros({2, 3});
  EXPECT_EQ(cross_entropy(probabilities.to(kiln::kInt64)), torch_text("target_probabilities_type"));
  EXPECT_EQ(cross_entropy(probabilities, F::CrossEntropyFuncOptions().ignore_index(1)), torch_text("target_probabilities_ignored"));
  EXPECT_EQ(cross_entropy(probabilities, F::CrossEntropyFuncOptions().weight(kiln::ones({2}))),
            torch_text("target_probabilities_weight"));
  EXPECT_EQ(cross_entropy(probabilities, F::CrossEntropyFuncOptions().label_smoothing(2)),
            torch_text("target_probabilities_smoothing"));
  EXPECT_EQ(cross_entropy(kiln::zeros({})), torch_text("target_probabilities_scalar"));
}

// Which of both forms of a target is meant, nobody knows: the advice names both, in Kiln's words.
TEST(TrainingErrors, TargetsOfCrossEntropyInBothForms) {
  auto cross_entropy = [](const Tensor &target) {
    return message_of([&] { F::cross_entropy(kiln::zeros({2, 3}), target); });
  };
  auto dtype_advice = [](const std::string &found) {
    return "\nclass indices are of dtype int64 (Long) or uint8 (Byte), but the target is " + found +
           ": declare the input with kInt64, as in {\"y\", {\"batch\"}, kInt64}, or convert it with to(kInt64)";
  };
  EXPECT_EQ(cross_entropy(kiln::zeros({2})), "expected target dtype to be Long or Byte, but got Float" + dtype_advice("float32"));
  EXPECT_EQ(cross_entropy(kiln::zeros({2}, kiln::kInt32)), "expected target dtype to be Long or Byte, but got Int" + dtype_advice("int32"));
  EXPECT_EQ(cross_entropy(kiln::zeros({2, 5})),
            "0D or 1D target tensor expected, multi-target not supported\nthe input is [2, 3], so the target must be [2] of class "
            "indices (int64), or [2, 3] of class probabilities (float32), but it is [2, 5]");
  EXPECT_EQ(cross_entropy(kiln::zeros({4, 3})),
            "Expected input batch_size (2) to match target batch_size (4).\nthe input is [2, 3], so the target must be [2] of class "
            "indices (int64), or [2, 3] of class probabilities (float32), but it is [4, 3]");
}

} // namespace
} // namespace kiln::test
