// Buffers that are assigned tensors which something else refers to as well: the numbers are PyTorch's for the same code.
#include <functional>

#include "expectations.h"
#include "kiln/recording.h"
#include "recorded_text.h"

using kiln::Tensor;
namespace nn = kiln::nn;

namespace {

struct TwoBuffersImpl : nn::Module {
  TwoBuffersImpl() {
    buf = register_buffer("buf", kiln::tensor({1.0, 2.0, 3.0}));
    b2 = register_buffer("b2", kiln::tensor({10.0, 20.0, 30.0}));
  }
  Tensor buf, b2;
};
KILN_MODULE(TwoBuffers);

struct Case {
  std::string name;
  std::function<Tensor(TwoBuffers &, Tensor)> code;
  std::vector<double> output, buf, b2; // after calls with [1, 2, 4] and [2, 4, 8]
};

const std::vector<Case> &cases() {
  static const std::vector<Case> all = {
      {"same_tensor",
       [](TwoBuffers &m, Tensor x) {
         m->buf = m->b2;
         m->b2 += x;
         return m->buf * 2;
       },
       {26, 52, 84},
       {13, 26, 42},
       {13, 26, 42}},
      {"view_of_temporary",
       [](TwoBuffers &m, Tensor x) {
         Tensor y = x * 1;
         m->buf = y.view({3});
         y += 1;
         return m->buf + 0;
       },
       {3, 5, 9},
       {3, 5, 9},
       {10, 20, 30}},
      {"one_tensor_in_two_buffers",
       [](TwoBuffers &m, Tensor x) {
         Tensor y = x * 2;
         m->buf = y;
         m->b2 = y;
         y += 1;
         return m->buf + m->b2;
       },
       {10, 18, 34},
       {5, 9, 17},
       {5, 9, 17}},
      {"swap",
       [](TwoBuffers &m, Tensor x) {
         Tensor old = m->buf;
         m->buf = m->b2;
         m->b2 = old;
         m->buf += x;
         return m->buf - m->b2;
       },
       {-8, -16, -23},
       {3, 6, 11},
       {11, 22, 34}},
      {"old_handle",
       [](TwoBuffers &m, Tensor x) {
         Tensor old = m->buf;
         m->buf = x * 3;
         old += 100;
         return m->buf + old;
       },
       {109, 118, 136},
       {6, 12, 24},
       {10, 20, 30}},
      {"back_again",
       [](TwoBuffers &m, Tensor x) {
         Tensor old = m->buf;
         m->buf = x * 1;
         m->buf += 5;
         m->buf = old;
         m->buf += x;
         return m->buf + 0;
       },
       {4, 8, 15},
       {4, 8, 15},
       {10, 20, 30}},
      {"row_of_temporary",
       [](TwoBuffers &m, Tensor x) {
         Tensor y = x.unsqueeze(0) * kiln::tensor({{1.0}, {2.0}});
         m->buf = y[1];
         y += 1;
         return m->buf + 0;
       },
       {5, 9, 17},
       {5, 9, 17},
       {10, 20, 30}},
      {"constant",
       [](TwoBuffers &m, Tensor x) {
         Tensor c = kiln::tensor({1.0, 1.0, 1.0});
         m->buf = c;
         c += x;
         m->buf *= 2;
         return c + 0;
       },
       {6, 10, 18},
       {6, 10, 18},
       {10, 20, 30}},
  };
  return all;
}

#define ALIASING_PROGRAM(number)                                                                                                 \
  KILN_PROGRAM(aliasing_##number) {                                                                                              \
    TwoBuffers model;                                                                                                            \
    program.function("f", {{"x", {3}}}, [&](Tensor x) { return cases()[number].code(model, x); });                               \
  }
ALIASING_PROGRAM(0)
ALIASING_PROGRAM(1)
ALIASING_PROGRAM(2)
ALIASING_PROGRAM(3)
ALIASING_PROGRAM(4)
ALIASING_PROGRAM(5)
ALIASING_PROGRAM(6)
ALIASING_PROGRAM(7)
#undef ALIASING_PROGRAM

// Sharing that outlives the call, which another function shows.
KILN_PROGRAM(sharing_shows) {
  TwoBuffers model;
  program.function("tie", {{"x", {3}}}, [&](Tensor x) {
    model->buf = model->b2;
    return x + model->buf;
  });
  program.function("step", {{"x", {3}}}, [&](Tensor x) {
    model->b2 += x;
    return x;
  });
}

KILN_PROGRAM(sharing_ends) {
  TwoBuffers model;
  program.function("tie", {{"x", {3}}}, [&](Tensor x) {
    model->buf = model->b2;
    return x + model->buf;
  });
  program.function("step", {{"x", {3}}}, [&](Tensor x) {
    model->b2 = model->b2 + x; // another tensor
    return x + model->buf;
  });
}

KILN_PROGRAM(tied_buffers) {
  TwoBuffers first, second;
  second->buf = first->buf;
  nn::ModuleDict model({{"first", first}, {"second", second}});
  program.function("f", {{"x", {3}}}, [&](Tensor x) {
    first->buf = x * 2;
    return x;
  });
}

KILN_PROGRAM(foreign_tensor) {
  TwoBuffers model;
  Tensor table = kiln::ones({3});
  program.function("f", {{"x", {3}}}, [&](Tensor x) {
    model->buf = table;
    model->buf += x;
    return x;
  });
}

} // namespace

namespace kiln::test {
namespace {

TEST(StateAliasing, ANameStandsForTheTensorItIsAssigned) {
  for (std::size_t i = 0; i < cases().size(); ++i) {
    const Case &test = cases()[i];
    const recording::Recording recording = recording::record_program("aliasing_" + std::to_string(i));
    semantics::check_program(recording.program);
    auto state = initial_state(recording);
    TwoBuffers eager;
    Tensor output, expected;
    for (double factor : {1.0, 2.0}) {
      const Tensor x = kiln::tensor({1.0, 2.0, 4.0}) * factor;
      output = Tensor(interpret(function(recording), {x.concrete()}, state)[0]);
      expected = test.code(eager, x);
    }
    EXPECT_EQ(values(output), test.output) << test.name;
    EXPECT_EQ(values(Tensor(state.at("buf"))), test.buf) << test.name;
    EXPECT_EQ(values(Tensor(state.at("b2"))), test.b2) << test.name;
    EXPECT_EQ(values(expected), test.output) << test.name << ", not recorded";
    EXPECT_EQ(values(eager->buf), test.buf) << test.name << ", not recorded";
    EXPECT_EQ(values(eager->b2), test.b2) << test.name << ", not recorded";
  }
}

TEST(StateAliasing, SharingThatAnotherCallWouldShowIsRefused) {
  EXPECT_EQ(
      message_of([] { recording::record_program("sharing_shows"); }),
      "function 'tie' leaves one tensor in 'buf' and 'b2', and function 'step' writes 'b2' in place, which 'buf' would show\n"
      "a compiled model keeps each in memory of its own: assign a copy, clone()");
  EXPECT_EQ(recording::record_program("sharing_ends").program.functions.size(), 2u);
  EXPECT_EQ(message_of([] { recording::record_program("tied_buffers"); }),
            "buffer 'buf' is assigned while recording, but its tensor is registered as 'buf' too\n"
            "the two would part: write into the tensor in place, with copy_(), or register clone()s");
  EXPECT_EQ(message_of([] { recording::record_program("foreign_tensor"); }),
            "a tensor [3] of float32 that is not registered is written in place while recording\n"
            "the compiled function would not keep the new value: register the tensor with register_buffer or register_parameter");
}

} // namespace
} // namespace kiln::test
