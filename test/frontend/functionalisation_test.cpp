// Views and in-place writes inside a recording: the recorded program computes what the same code computes eagerly, which the
// eager tests compare with PyTorch.
#include <functional>

#include "expectations.h"
#include "kiln/recording.h"
#include "recorded_text.h"

using kiln::Tensor;
namespace nn = kiln::nn;

namespace {

// Code that runs twice: on concrete tensors, and inside a recording.
struct Case {
  std::string name;
  std::function<Tensor(Tensor)> code;
};

const std::vector<Case> &cases() {
  static const std::vector<Case> all = {
      {"write_row",
       [](Tensor x) {
         Tensor y = x.clone();
         y[1] += 1;
         return y;
       }},
      {"write_through_transposed_view",
       [](Tensor x) {
         Tensor y = x * 1;
         Tensor columns = y.t();
         columns[2] *= 3;
         return y + columns.t();
       }},
      {"later_views_see_the_write",
       [](Tensor x) {
         Tensor y = x * 1;
         Tensor before = y.view({-1}), copy = y.clone();
         y.slice(1, 0, 2).fill_(7);
         return before.view({-1, 4}) + copy;
       }},
      {"views_of_views",
       [](Tensor x) {
         Tensor y = x * 1;
         Tensor inner = y.view({-1, 2, 2}).select(2, 1).slice(1, 0, 1);
         inner -= 10;
         y.add_(inner.reshape({-1, 1}));
         return y;
       }},
      {"strided_write",
       [](Tensor x) {
         Tensor y = x * 1;
         y.slice(1, {}, {}, 2).mul_(-1);
         return y;
       }},
      {"write_to_a_literal",
       [](Tensor x) {
         Tensor weights = kiln::tensor({1.0, 2.0, 3.0, 4.0});
         Tensor half = weights.slice(0, 0, 2);
         half += x[0].slice(0, 0, 2);
         return x * weights;
       }},
      {"accumulate_into_zeros",
       [](Tensor x) {
         Tensor sum = kiln::zeros({4});
         for (int i = 0; i < 2; ++i)
           sum += x[i];
         return x + sum;
       }},
      {"dropout_in_evaluation_is_an_alias",
       [](Tensor x) {
         Tensor y = x * 1;
         Tensor same = kiln::dropout(y, 0.5, false);
         same += 1;
         return y;
       }},
      {"copy_and_assignment_to_a_view",
       [](Tensor x) {
         Tensor y = kiln::zeros_like(x);
         y[0] = x[1];
         y.slice(0, 1, 2).copy_(x.slice(0, 0, 1));
         return y;
       }},
      {"relu_in_place",
       [](Tensor x) {
         Tensor y = x - 0.5;
         y.relu_().mul_(2);
         return y;
       }},
      {"detach_shares",
       [](Tensor x) {
         Tensor y = x * 1;
         y.detach().neg_();
         return y;
       }},
      {"chunks",
       [](Tensor x) {
         Tensor y = x * 1;
         std::vector<Tensor> halves = y.chunk(2, 1);
         halves[0] += halves[1];
         halves[1] *= halves[0];
         return y;
       }},
      {"unsqueeze_and_expand",
       [](Tensor x) {
         Tensor y = x * 1;
         Tensor wide = y.unsqueeze(0).expand({3, -1, -1});
         y += 1;
         return wide.sum(0);
       }},
  };
  return all;
}

KILN_PROGRAM(in_place_cases) {
  for (const Case &test : cases())
    program.function(test.name, {{"x", {"rows", 4}}}, [&](Tensor x) { return test.code(x); });
}

// Buffers and parameters written in forward.
struct StatisticsImpl : nn::Module {
  StatisticsImpl() {
    total = register_buffer("total", kiln::zeros({3}));
    mean = register_buffer("mean", kiln::zeros({3}));
    weight = register_parameter("weight", kiln::ones({2, 3}));
  }
  Tensor forward(Tensor x) {
    total += x.sum(0);
    Tensor before = mean;                // the tensor, not the name
    mean = 0.9 * mean + 0.1 * x.mean(0); // replaces what is registered, as in Python
    before += 100;                       // no longer reaches the buffer
    kiln::NoGradGuard no_grad;
    weight[1] *= 2; // through a view
    return x * mean + total + weight.t().sum(1) + before;
  }
  Tensor total, mean, weight;
};
KILN_MODULE(Statistics);

KILN_PROGRAM(state_writes) {
  Statistics model;
  program.function("update", {{"x", {"batch", 3}}}, [&](Tensor x) { return model(x); });
  program.function("read", {{"x", {"batch", 3}}}, [&](Tensor x) { return x + model->total; });
}

KILN_PROGRAM(identity) {
  program.function("same", {{"x", {"batch", 3}}}, [&](Tensor x) { return nn::Identity()(x); });
}

} // namespace

namespace kiln::test {
namespace {

TEST(Functionalisation, RecordedCodeComputesWhatItComputesEagerly) {
  const recording::Recording recording = recording::record_program("in_place_cases");
  semantics::check_program(recording.program);
  EXPECT_TRUE(recording.diagnostics.empty());
  for (const Case &test : cases())
    for (int64_t rows : {2, 5}) {
      manual_seed(0);
      const Tensor x = kiln::randn({rows, 4});
      const Tensor untouched = x.clone();
      std::map<std::string, runtime::Tensor> state;
      const Tensor found(interpret(function(recording, test.name), {x.concrete()}, state)[0]);
      expect_close(found, test.code(x), test.name);
      expect_identical(x, untouched, test.name);
    }
}

TEST(Functionalisation, WritesScatterIntoTheBase) {
  const recording::Recording recording = recording::record_program("in_place_cases");
  EXPECT_EQ(text(function(recording, "write_row")), "%1 [rows, 4] = reshape %0 {shape=[rows, 4]}\n"
                                                    "%2 [] = full {dtype=float32, shape=[], value=1}\n"
                                                    "%3 [1, 4] = slice %1 {dim=0, end=2, start=1, step=1}\n"
                                                    "%4 [4] = reshape %3 {shape=[4]}\n"
                                                    "%5 [4] = add %4 %2\n"
                                                    "%6 [1, 4] = reshape %5 {shape=[1, 4]}\n"
                                                    "%7 [rows, 4] = slice_scatter %1 %6 {dim=0, end=2, start=1, step=1}\n"
                                                    "return output=%7\n");
}

TEST(Functionalisation, StateIsWrittenInProgramOrder) {
  const recording::Recording recording = recording::record_program("state_writes");
  semantics::check_program(recording.program);
  Statistics eager;
  auto state = initial_state(recording);
  manual_seed(0);
  for (int step = 0; step < 3; ++step) {
    const Tensor x = kiln::randn({4, 3});
    const Tensor found(interpret(function(recording, "update"), {x.concrete()}, state)[0]);
    expect_close(found, eager(x), "output");
    for (const auto &[name, value] : eager->state_dict())
      expect_close(Tensor(state.at(name)), Tensor(value), name);
  }
  const Tensor x = kiln::zeros({1, 3});
  expect_close(Tensor(interpret(function(recording, "read"), {x.concrete()}, state)[0])[0], eager->total,
               "another function reads it");
}

TEST(Functionalisation, AModuleWithoutStateNeedsNoRegistration) {
  EXPECT_EQ(text(function(recording::record_program("identity"))), "return output=%0\n");
}

} // namespace
} // namespace kiln::test
