// What is wrong with a model or a program: the whole message.
#include <cmath>
#include <set>

#include "expectations.h"
#include "kiln/recording.h"

using kiln::Tensor;
namespace nn = kiln::nn;

namespace {

struct NetImpl : nn::Module {
  NetImpl() {
    fc1 = register_module("fc1", nn::Linear(784, 128));
    fc2 = register_module("fc2", nn::Linear(100, 10));
  }
  Tensor forward(Tensor x) { return fc2(kiln::relu(fc1(x))); }
  nn::Linear fc1{nullptr}, fc2{nullptr};
};
KILN_MODULE(Net);

KILN_PROGRAM(wrong_layers) {
  Net net;
  program.function("predict", {{"x", {"batch", 784}}}, [&](Tensor x) { return net(x); });
}

KILN_PROGRAM(wrong_input) {
  nn::Linear linear(3, 2);
  program.function("predict", {{"x", {"batch", "length", 4}}}, [&](Tensor x) { return linear(x); });
}

KILN_PROGRAM(in_place_grows) {
  program.function("f", {{"x", {"batch", 3}}}, [&](Tensor x) {
    Tensor sum = kiln::zeros({3});
    sum += x;
    return sum;
  });
}

KILN_PROGRAM(view_of_transposed) {
  program.function("f", {{"x", {"batch", 3}}}, [&](Tensor x) { return x.t().view({-1}); });
}

KILN_PROGRAM(rank) {
  nn::Sequential model({{"norm", nn::BatchNorm1d(4)}});
  program.function("f", {{"x", {"batch", 4, 2, 2}}}, [&](Tensor x) { return model(x); });
}

struct BadStackImpl : nn::Module {
  BadStackImpl() { layers.push_back(nn::Linear(3, 3)); }
  Tensor forward(Tensor x) { return nn::ReLU()(layers[0](x)); }
  std::vector<nn::Linear> layers;
};
KILN_MODULE(BadStack);

KILN_PROGRAM(unregistered_module) {
  nn::Sequential model({{"stack", BadStack()}});
  program.function("predict", {{"x", {"batch", 3}}}, [&](Tensor x) { return model(x); });
}

struct BorrowsImpl : nn::Module {
  BorrowsImpl() { own = register_parameter("own", kiln::ones({3})); }
  Tensor forward(Tensor x) { return x * own + other->bias; }
  Tensor own;
  nn::Linear other{3, 3};
};
KILN_MODULE(Borrows);

KILN_PROGRAM(unregistered_owner) {
  Borrows model;
  program.function("predict", {{"x", {"batch", 3}}}, [&](Tensor x) { return model(x); });
}

KILN_PROGRAM(two_unnamed_models) {
  nn::Linear first(3, 3), second(3, 3);
  program.function("predict", {{"x", {"batch", 3}}}, [&](Tensor x) { return second(first(x)); });
}

KILN_PROGRAM(truth_of_a_tensor) {
  program.function("f", {{"x", {"batch"}}}, [&](Tensor x) { return x.sum() ? x : -x; });
}

KILN_PROGRAM(value_of_state) {
  nn::BatchNorm1d norm(3);
  program.function("f", {{"x", {"batch", 3}}}, [&](Tensor x) { return norm(x) * norm->running_mean[0].item<float>(); });
}

KILN_PROGRAM(decides_by_size) {
  program.function("f", {{"x", {"batch", 3}}}, [&](Tensor x) { return x.size(0) > 100 ? x + 1 : x; });
}

KILN_PROGRAM(number_from_size) {
  program.function("f", {{"x", {"batch", 3}}}, [&](Tensor x) { return x * std::sqrt(static_cast<double>(x.size(0))); });
}

KILN_PROGRAM(clamped_size) {
  program.function("f", {{"x", {"batch", 3}}}, [&](Tensor x) {
    return x.slice(0, 0, x.size(0) > 30 ? x.size(0) - 7 : 2 * x.size(0) % 9);
  });
}

KILN_PROGRAM(index_too_large) {
  program.function("f", {{"x", {"batch", 3}}}, [&](Tensor x) { return x[7]; });
}

KILN_PROGRAM(constant_from_size) {
  program.function("f", {{"x", {"batch", 3}}}, [&](Tensor x) { return x + kiln::arange(x.size(0)).unsqueeze(1); });
}

KILN_PROGRAM(broadcast_of_names) {
  program.function("f", {{"x", {"n", 3}}, {"y", {"m", 3}}}, [&](Tensor x, Tensor y) { return x + y; });
}

KILN_PROGRAM(write_to_expanded) {
  program.function("f", {{"x", {"batch", 3}}}, [&](Tensor x) { return (x * 1).expand({2, -1, 3}).add_(1); });
}

KILN_PROGRAM(write_to_part_of_expanded) {
  program.function("f", {{"x", {"batch", 3}}}, [&](Tensor x) {
    Tensor y = x * 1;
    y.expand({2, -1, 3})[0].add_(1);
    return y;
  });
}

KILN_PROGRAM(random_in_forward) {
  program.function("f", {{"x", {"batch", 3}}}, [&](Tensor x) { return x + kiln::randn({3}); });
}

KILN_PROGRAM(writes_unregistered) {
  Tensor counter = kiln::zeros({1});
  program.function("f", {{"x", {"batch", 3}}}, [&](Tensor x) {
    counter += 1;
    return x + counter;
  });
}

struct AssignsParameterImpl : nn::Module {
  AssignsParameterImpl() { weight = register_parameter("weight", kiln::ones({3})); }
  Tensor forward(Tensor x) {
    weight = weight * 2;
    return x * weight;
  }
  Tensor weight;
};
KILN_MODULE(AssignsParameter);

KILN_PROGRAM(assigns_parameter) {
  AssignsParameter model;
  program.function("f", {{"x", {"batch", 3}}}, [&](Tensor x) { return model(x); });
}

KILN_PROGRAM(buffer_changes_shape) {
  struct GrowsImpl : nn::Module {
    GrowsImpl() { seen = register_buffer("seen", kiln::zeros({3})); }
    Tensor forward(Tensor x) {
      seen = kiln::cat({seen, seen}, 0);
      return x;
    }
    Tensor seen;
  };
  nn::ModuleHolder<GrowsImpl> model;
  program.function("f", {{"x", {"batch", 3}}}, [&](Tensor x) { return model(x); });
}

KILN_PROGRAM(kept_value) {
  Tensor kept;
  program.function("f", {{"x", {"batch", 3}}}, [&](Tensor x) {
    Tensor result = kept.defined() ? x + kept : x * 2;
    kept = x;
    return result;
  });
}

KILN_PROGRAM(lazy_of_name) {
  nn::LazyLinear lazy(3);
  program.function("f", {{"x", {3, "batch"}}}, [&](Tensor x) { return lazy(x); });
}

KILN_PROGRAM(lazy_never_called) {
  nn::ModuleDict model({{"used", nn::Linear(3, 3)}, {"lazy", nn::LazyLinear(3)}});
  program.function("f", {{"x", {"batch", 3}}}, [&](Tensor x) { return model["used"](x); });
}

KILN_PROGRAM(module_made_in_function) {
  program.function("f", {{"x", {"batch", 3}}}, [&](Tensor x) { return nn::Linear(3, 3)(x); });
}

KILN_PROGRAM(replaced_later) {
  nn::Linear linear(3, 3);
  program.function("f", {{"x", {"batch", 3}}}, [&](Tensor x) { return linear(x); });
  linear->weight = kiln::zeros({3, 3});
}

KILN_PROGRAM(model_on_the_stack) {
  nn::LinearImpl linear(3, 3);
  program.function("f", {{"x", {"batch", 3}}}, [&](Tensor x) { return linear.forward(x); });
}

KILN_PROGRAM(no_functions) { nn::Linear linear(3, 3); }

KILN_PROGRAM(duplicate_function) {
  program.function("f", {{"x", {"batch"}}}, [](Tensor x) { return x; });
  program.function("f", {{"x", {"batch"}}}, [](Tensor x) { return x; });
}
KILN_PROGRAM(duplicate_input) {
  program.function("f", {{"x", {"batch"}}, {"x", {"batch"}}}, [](Tensor x, Tensor) { return x; });
}
KILN_PROGRAM(duplicate_output) {
  program.function("f", {{"x", {"batch"}}}, [](Tensor x) { return std::make_pair(x, x); }, {"y", "y"});
}
KILN_PROGRAM(no_inputs) {
  program.function("f", {}, [](Tensor x) { return x; });
}
KILN_PROGRAM(wrong_arity) {
  program.function("f", {{"x", {"batch"}}}, [](Tensor x, Tensor y) { return x + y; });
}
KILN_PROGRAM(bad_function_name) {
  program.function("predict it", {{"x", {"batch"}}}, [](Tensor x) { return x; });
}
KILN_PROGRAM(bad_dimension) {
  program.function("f", {{"x", {"2 * batch"}}}, [](Tensor x) { return x; });
}
KILN_PROGRAM(negative_dimension) {
  program.function("f", {{"x", {-1, 3}}}, [](Tensor x) { return x; });
}
KILN_PROGRAM(undefined_output) {
  program.function("f", {{"x", {"batch"}}}, [](Tensor) { return Tensor(); });
}

} // namespace

namespace kiln::test {
namespace {

void expect_message(const std::string &program, const std::string &expected) {
  EXPECT_EQ(message_of([&] { recording::record_program(program); }), expected) << program;
}

TEST(RecordingErrors, ShapesNameTheModulesOnBothSides) {
  expect_message("wrong_layers",
                 "addmm: mat1 and mat2 shapes cannot be multiplied (batchx128 and 100x10)\n"
                 "linear from 100 to 10 features needs an input whose last dimension is 100, but the input is [batch, 128]\n"
                 "in module 'fc2' (Linear(in_features=100, out_features=10, bias=True))\n"
                 "operands of linear: float32[batch, 128], float32[10, 100], float32[10]\n"
                 "[batch, 128] comes from module 'fc1' (Linear(in_features=784, out_features=128, bias=True)), through relu");
  expect_message("wrong_input",
                 "addmm: mat1 and mat2 shapes cannot be multiplied ((batch * length)x4 and 3x2)\n"
                 "linear from 3 to 2 features needs an input whose last dimension is 3, but the input is [batch, length, 4]\n"
                 "in the model (Linear(in_features=3, out_features=2, bias=True))\n"
                 "operands of linear: float32[batch, length, 4], float32[2, 3], float32[2]\n"
                 "[batch, length, 4] comes from input 'x'");
  expect_message("in_place_grows", "output with shape [3] doesn't match the broadcast shape [batch, 3]");
  expect_message("view_of_transposed",
                 "view size is not compatible with input tensor's size and stride (at least one dimension spans "
                 "across two contiguous subspaces). Use .reshape(...) instead.");
  expect_message("rank", "expected 2D or 3D input (got 4D input)\n"
                         "in module 'norm' (BatchNorm1d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, "
                         "track_running_stats=True))");
  expect_message(
      "broadcast_of_names",
      "The size of tensor a (n) must match the size of tensor b (m) at non-singleton dimension 0\n"
      "the shapes are [n, 3] and [m, 3]; sizes known only at run time must be the same expression on both sides, or 1\n"
      "operands of add: float32[n, 3], float32[m, 3]\n"
      "[n, 3] comes from input 'x'\n"
      "[m, 3] comes from input 'y'");
}

TEST(RecordingErrors, WhatIsNotRegistered) {
  const std::string advice =
      "\nits parameters would be in no state_dict, and no optimizer would find them\nregister it in the constructor of the "
      "module that "
      "uses it: layer = register_module(\"layer\", layer), or put it into a registered nn::ModuleList, nn::ModuleDict or "
      "nn::Sequential; name a model of its own with program.register_module";
  expect_message("unregistered_module",
                 "module Linear(in_features=3, out_features=3, bias=True) is used in the forward of 'stack' "
                 "(BadStack) but never registered" +
                     advice);
  expect_message("unregistered_owner",
                 "parameter 'bias' of module Linear(in_features=3, out_features=3, bias=True) is used in the "
                 "forward of Borrows, but the module was never registered" +
                     advice);
  expect_message("two_unnamed_models",
                 "program 'two_unnamed_models' uses models that are not part of one another: Linear, Linear\n"
                 "name each one: program.register_module(\"name\", model), or register it in the module that uses it");
  expect_message("writes_unregistered",
                 "a tensor [1] of float32 that is not registered is written in place while recording\n"
                 "the compiled function would not keep the new value: register the tensor with register_buffer "
                 "or register_parameter");
}

TEST(RecordingErrors, WritesToExpandedTensors) {
  expect_message("write_to_expanded",
                 "unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please "
                 "clone() the tensor before performing the operation.");
  expect_message("write_to_part_of_expanded",
                 "a part of an expanded tensor is written in place, which Kiln can't compile\n"
                 "write to the tensor before it is expanded, or clone() the expanded one");
}

TEST(RecordingErrors, ValuesAreNotKnown) {
  const std::string message =
      "the value of a symbolic tensor is not known while recording\na recorded function is compiled for all inputs: an `if`, a "
      "loop or "
      "item() on a tensor's value would be decided now, once and for ever\ncompute with tensors instead (maximum, minimum, "
      "multiplying by "
      "a mask), decide by sizes or constructor arguments, or return the tensor and decide in the host program";
  expect_message("truth_of_a_tensor", message);
  expect_message("value_of_state", message);
  const std::string random =
      " can't be recorded\nthe numbers would be drawn while recording and be the same at every call of the compiled "
      "function: make the tensor outside and register it as a buffer, or use dropout for noise";
  expect_message("random_in_forward", "randn" + random);
}

TEST(RecordingErrors, DecisionsBySizes) {
  expect_message("decides_by_size",
                 "function 'f' computes something else for other sizes of its inputs\n"
                 "with batch = 1009: full; with batch = 2: nothing more\n"
                 "a recorded function is compiled for all sizes: the code must not decide by a size that is known "
                 "only at run time; give the dimension a number, or compute without the decision");
  const std::string allowed =
      "shapes, and numbers in arithmetic, may be sums, products, quotients and remainders of sizes, and a number divided by one of "
      "these; the elements of a tensor that is made while recording may not depend on them";
  expect_message("number_from_size", "'value' of full depends on a size that is known only at run time, in a way that can't be compiled\n"
                                     "with batch = 1009 it is 31.76476034853718; with batch = 30018 it is 173.25703448922354\n" +
                                         allowed);
  expect_message("clamped_size", "'end' of slice depends on a size that is known only at run time, in a way that can't be compiled\n"
                                 "with batch = 1009 it is 1002; with batch = 30018 it is 30011\n" +
                                     allowed);
  expect_message("index_too_large", "select(): index 7 out of range for tensor of size [2, 3] at dimension 0\n"
                                    "this happens with batch = 2: function 'f' must work for every size of its named dimensions");
  expect_message(
      "constant_from_size",
      "'value' of constant depends on a size that is known only at run time, in a way that can't be compiled\n"
      "with batch = 1009 it is a tensor [1009, 1]; with batch = 30018 it is a tensor [30018, 1]\n" +
          allowed);
}

TEST(RecordingErrors, StateKeepsItsShape) {
  expect_message(
      "assigns_parameter",
      "cannot assign 'torch.FloatTensor' as parameter 'weight' (torch.nn.Parameter or None expected)\n"
      "a parameter can't be replaced while recording: keep the value in a variable of its own, or write into the parameter in "
      "place\nin the model (AssignsParameter())");
  expect_message("buffer_changes_shape", "buffer 'seen' is float32[3], but is assigned float32[6] while recording\n"
                                         "a compiled model's state keeps its shape and type\nin the model (Grows())");
  expect_message("kept_value",
                 "a tensor of float32 with 2 dimensions that an earlier run of a recorded function made is used here\n"
                 "a value of one run can't be kept for the next, for instance in a member: register a buffer for what is to be "
                 "remembered, and assign to it\n"
                 "this happens with batch = 30018: function 'f' must work for every size of its named dimensions");
  expect_message("replaced_later",
                 "'weight' was replaced after a function had been recorded with it\n"
                 "complete the models (tie weights, convert types, replace layers) before the first program.function");
}

TEST(RecordingErrors, LazyLayers) {
  expect_message(
      "lazy_of_name",
      "LazyLinear can't learn in_features from its first input [3, batch]: the last size is batch, which is known only at run "
      "time\ngive the input's last dimension a number, or use nn::Linear\n"
      "in the model (LazyLinear(in_features=0, out_features=3, bias=True))");
  expect_message("lazy_never_called", "'lazy.weight' of LazyLinear has no shape: no recorded function calls this lazy module\n"
                                      "call it in a function, or give its in_features");
}

TEST(RecordingErrors, Models) {
  expect_message("module_made_in_function", "a value of a recording can't be registered as 'weight'\n"
                                            "construct modules, and make their tensors, outside of recorded functions");
  expect_message("model_on_the_stack",
                 "the model Linear is not held by a shared_ptr, so it would be gone before the program is finished\n"
                 "make it with KILN_MODULE's holder or std::make_shared instead of on the stack");
}

TEST(RecordingErrors, Declarations) {
  expect_message("no_functions", "program 'no_functions' has no functions\ndeclare one: program.function(\"predict\", {{\"x\", "
                                 "{\"batch\", 784}}}, [&](Tensor x) { return model(x); })");
  expect_message("duplicate_function",
                 "function 'f' already exists in program 'duplicate_function'\ngive each function a name of its own");
  expect_message("duplicate_input", "function 'f' has two inputs 'x'\ngive each input a name of its own");
  expect_message("duplicate_output", "function 'f' has two outputs 'y'\ngive each output a name of its own");
  expect_message("no_inputs", "function 'f' has no inputs\nname each input and its dimensions: {{\"x\", {\"batch\", 784}}}");
  expect_message("wrong_arity",
                 "function 'f' declares 1 input, but the code takes 2 tensors\ndeclare one {name, {dimensions}} for each");
  expect_message("bad_function_name",
                 "function name 'predict it' is no identifier\n"
                 "the generated header declares a function of this name: use letters, digits and underscores");
  expect_message("bad_dimension",
                 "dimension '2 * batch' of input 'x' is no name\nuse letters, digits and underscores, or a number");
  expect_message("negative_dimension", "dimension -1 of input 'x' is negative\n"
                                       "give a size that is known only at run time a name, such as \"batch\"");
  expect_message("undefined_output",
                 "Expected a proper Tensor but got None (or an undefined Tensor in C++) for argument #0 'self' of a "
                 "returned output\na parameter registered without a tensor is undefined, and .grad before backward(): ask defined() first");
}

} // namespace
} // namespace kiln::test
