// Named dimensions of size 0 and 1, which PyTorch treats as cases of their own: what is compiled either does the same or refuses
// the call.
#include "expectations.h"
#include "kiln/recording.h"
#include "recorded_text.h"

using kiln::Tensor;
namespace nn = kiln::nn;

namespace {

KILN_PROGRAM(squeezes_name) {
  program.function("one", {{"x", {"batch", 3}}}, [](Tensor x) { return x.squeeze(0); });
  program.function("all", {{"x", {"batch", 1, "length"}}}, [](Tensor x) { return x.squeeze() + 1; });
  program.function("other", {{"x", {"batch", 1, "length"}}}, [](Tensor x) { return x.squeeze(1) + 1; });
}

KILN_PROGRAM(decides_by_one) {
  program.function("f", {{"x", {"batch", 3}}}, [](Tensor x) { return x.size(0) == 1 ? x * 2 : x + 1; });
  program.function("empty", {{"x", {"batch", 3}}}, [](Tensor x) { return x.size(0) == 0 ? kiln::zeros({1, 3}) : x + 1; });
}

// The lists of operations differ, what they compute does not.
KILN_PROGRAM(same_by_other_means) {
  program.function("contiguous", {{"x", {"n", 3}}}, [](Tensor x) { return x.t().contiguous().reshape({-1}) * 2; });
  program.function("slices", {{"x", {"n", 3}}}, [](Tensor x) {
    return x.size(0) > 1 ? kiln::cat({x.slice(0, 0, 1), x.slice(0, 1)}, 0) : x;
  });
  program.function("expand", {{"x", {"n", 3}}}, [](Tensor x) {
    return x + (x.size(0) == 1 ? kiln::ones({1, 3}) : kiln::ones({1, 3}).expand({x.size(0), 3}));
  });
}

KILN_PROGRAM(writes_what_may_be_a_copy) {
  program.function("f", {{"x", {"n", 3}}}, [](Tensor x) {
    Tensor y = x * 1;
    y.t().reshape({-1}).add_(1); // a view for n = 1 only
    return y;
  });
}

KILN_PROGRAM(training_batch_norm) {
  nn::BatchNorm1d norm(3);
  program.function("train", {{"x", {"batch", 3}}}, [&](Tensor x) { return norm(x); });
}

// One step of training with the loss that `f` computes of the model's output.
template <class F> auto trained(nn::Linear &model, kiln::optim::SGD &optimizer, F f) {
  return [&model, &optimizer, f](Tensor x) {
    optimizer.zero_grad();
    Tensor loss = f(model(kiln::nn::functional::dropout(x)));
    loss.backward();
    optimizer.step();
    return loss;
  };
}

KILN_PROGRAM(trains_by_other_means) {
  nn::Linear model(3, 1);
  kiln::optim::SGD optimizer(model->parameters(), 0.1);
  program.function("contiguous", {{"x", {"n", 3}}},
                   trained(model, optimizer, [](Tensor y) { return y.t().contiguous().reshape({-1}).mean(0); }));
}

// The losses are equal for n = 1, their gradients are not.
KILN_PROGRAM(trains_by_one) {
  nn::Linear model(3, 1);
  kiln::optim::SGD optimizer(model->parameters(), 0.1);
  program.function("detached", {{"x", {"n", 3}}},
                   trained(model, optimizer, [](Tensor y) { return y.size(0) == 1 ? (y + y.detach()).sum() : (y + y).sum(); }));
  program.function("none", {{"x", {"n", 3}}}, [&](Tensor x) {
    Tensor loss = model(x).sum();
    loss.backward();
    if (x.size(0) == 1)
      optimizer.zero_grad();
    return loss;
  });
  // Gradients of what is computed twice.
  program.function("twice", {{"x", {"n", 3}}}, [&](Tensor x) {
    Tensor a = model(x), b = model(x);
    Tensor loss = (a * b * b).sum();
    return kiln::autograd::grad({loss}, {x.size(0) == 1 ? a : b})[0];
  });
  program.function("twice_alike", {{"x", {"n", 3}}}, [&](Tensor x) {
    Tensor a = model(x), b = model(x);
    Tensor loss = x.size(0) == 1 ? (a * b * b).sum() : (b * a * a).sum();
    return kiln::autograd::grad({loss}, {x.size(0) == 1 ? a : b})[0];
  });
}

KILN_PROGRAM(ambiguous_view) {
  program.function("f", {{"x", {"batch", 2, 3}}}, [](Tensor x) { return x.view({x.size(0), -1}); });
  program.function("first", {{"x", {"batch", 3}}}, [](Tensor x) { return x[0]; });
  program.function("share", {{"x", {"batch", 3}}}, [](Tensor x) { return x.view({x.size(0), x.numel() / x.size(0)}); });
}

std::string conditions(const kiln::semantics::RecordedFunction &function) {
  std::string text;
  for (const kiln::semantics::RecordedCondition &condition : function.conditions)
    text += condition.expression.text() + ": " + condition.message + "\n";
  return text;
}

} // namespace

namespace kiln::test {
namespace {

TEST(SpecialSizes, ThatDoSomethingElseAreConditions) {
  const recording::Recording squeezes = recording::record_program("squeezes_name");
  auto message = [](const std::string &dim, const std::string &size, const std::string &name) {
    return "'" + dim + "' must not be " + size + ": with " + dim + " = " + size +
           " the model's code computes something else than with other sizes, for which '" + name + "' is compiled\n";
  };
  const std::string not_one = "-batch + 2 * max(batch - 1, 0): ";
  EXPECT_EQ(conditions(function(squeezes, "one")), not_one + message("batch", "1", "one"));
  EXPECT_EQ(conditions(function(squeezes, "all")),
            not_one + message("batch", "1", "all") + "-length + 2 * max(length - 1, 0): " + message("length", "1", "all"));
  EXPECT_EQ(conditions(function(squeezes, "other")), "");
  EXPECT_EQ(squeezes.diagnostics.size(), 3u);
  for (const recording::Diagnostic &diagnostic : squeezes.diagnostics)
    EXPECT_FALSE(diagnostic.frames.empty());
  const recording::Recording decides = recording::record_program("decides_by_one");
  EXPECT_EQ(conditions(function(decides, "f")), not_one + message("batch", "1", "f"));
  EXPECT_EQ(conditions(function(decides, "empty")), "batch - 1: " + message("batch", "0", "empty"));
  EXPECT_EQ(conditions(function(recording::record_program("writes_what_may_be_a_copy"))),
            "-n + 2 * max(n - 1, 0): " + message("n", "1", "f"));
}

TEST(SpecialSizes, ThatDoTheSameAreNone) {
  const recording::Recording recording = recording::record_program("same_by_other_means");
  EXPECT_EQ(conditions(function(recording, "contiguous")), "");
  EXPECT_EQ(conditions(function(recording, "expand")), "");
  EXPECT_EQ(conditions(function(recording, "slices")), "");
}

TEST(SpecialSizes, GradientsAreComparedToo) {
  EXPECT_EQ(conditions(function(recording::record_program("trains_by_other_means"))), "");
  const recording::Recording recording = recording::record_program("trains_by_one");
  for (const char *name : {"detached", "none", "twice"})
    EXPECT_EQ(conditions(function(recording, name)).find("-n + 2 * max(n - 1, 0): 'n' must not be 1: "), 0u) << name;
  EXPECT_EQ(conditions(function(recording, "twice_alike")), "");
}

// What PyTorch refuses, with its text.
TEST(SpecialSizes, ErrorsBecomeConditions) {
  EXPECT_EQ(conditions(function(recording::record_program("training_batch_norm"))).substr(0, 101),
            "-batch + 2 * max(batch - 1, 0): Expected more than 1 value per channel when training, got input size ");
  const recording::Recording recording = recording::record_program("ambiguous_view");
  EXPECT_EQ(
      conditions(function(recording, "f")),
      "batch - 1: cannot reshape tensor of 0 elements into shape [0, -1] because the unspecified dimension size -1 can be any "
      "value and is ambiguous\nthis happens with batch = 0\n");
  EXPECT_EQ(conditions(function(recording, "first")), "batch - 1: select(): index 0 out of range for tensor of size [0, 3] at "
                                                      "dimension 0\nthis happens with batch = 0\n");
  EXPECT_EQ(conditions(function(recording, "share")),
            "batch - 1: integer division by zero in the model's code\nthis happens with batch = 0\n");
}

} // namespace
} // namespace kiln::test
