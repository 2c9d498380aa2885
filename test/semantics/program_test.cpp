// check_program: a good program passes, each broken rule has its message.
#include <gtest/gtest.h>

#include <functional>

#include "kiln/semantics/program.h"

namespace kiln::semantics {

namespace {

const DimExpr batch = DimExpr::symbol("batch");

// y = relu(linear(x, weight)); count is written back.
RecordedProgram good_program() {
  RecordedProgram program;
  program.name = "net";
  program.states = {{"fc.weight", StateKind::Parameter, true, Tensor({4, 3}, DType::Float32)},
                    {"count", StateKind::Buffer, false, Tensor({}, DType::Int64)}};
  program.state_names = {{"fc.weight", "fc.weight", true},
                         {"tied.weight", "fc.weight", true},
                         {"count", "count", false}};
  program.modules = {{-1, "", "", "Net", "", "", ""}, {0, "fc", "fc", "Linear", "", "", ""}};
  RecordedFunction function;
  function.name = "predict";
  function.values = {{DType::Float32, {batch, 3}},
                     {DType::Float32, {4, 3}},
                     {DType::Float32, {batch, 4}},
                     {DType::Float32, {batch, 4}},
                     {DType::Int64, {}}};
  function.inputs = {{"x", 0}};
  function.outputs = {{"output", 3}};
  function.operations = {{"nn.read", {}, {{"state", std::string("fc.weight")}}, {1}, "fc", {}},
                         {"nn.linear", {0, 1, kAbsent}, {}, {2}, "fc", {}},
                         {"nn.relu", {2}, {}, {3}, "", {}},
                         {"nn.read", {}, {{"state", std::string("count")}}, {4}, "", {}},
                         {"nn.write", {4}, {{"state", std::string("count")}}, {}, "", {}}};
  program.functions = {function};
  return program;
}

// The message for the program after `damage`.
std::string error_after(const std::function<void(RecordedProgram &, RecordedFunction &)> &damage) {
  RecordedProgram program = good_program();
  damage(program, program.functions[0]);
  try {
    check_program(program);
  } catch (const runtime::ValueError &error) {
    return error.what();
  }
  return "no error";
}

TEST(CheckProgram, AcceptsAGoodProgram) { EXPECT_NO_THROW(check_program(good_program())); }

TEST(CheckProgram, Names) {
  EXPECT_EQ(error_after([](auto &p, auto &) { p.name = ""; }),
            "program '': the name of a program is empty");
  EXPECT_EQ(error_after([](auto &p, auto &) { p.functions.push_back(p.functions[0]); }),
            "program 'net': two functions are named 'predict'");
  EXPECT_EQ(error_after([](auto &p, auto &) { p.states[1].path = "fc.weight"; }),
            "program 'net': two states are named 'fc.weight'");
  EXPECT_EQ(error_after([](auto &p, auto &) { p.state_names[1].name = "count"; }),
            "program 'net': two state names are named 'count'");
  EXPECT_EQ(error_after([](auto &p, auto &) { p.state_names[1].state = "gone"; }),
            "program 'net': state name 'tied.weight' stands for 'gone', which is no state");
  EXPECT_EQ(error_after([](auto &, auto &f) { f.inputs[0].name = ""; }),
            "function 'predict' of program 'net': the name of an input is empty");
}

TEST(CheckProgram, States) {
  EXPECT_EQ(error_after([](auto &p, auto &) { p.states[0].initial = Tensor(); }),
            "program 'net': state 'fc.weight' has no contiguous initial value");
  EXPECT_EQ(error_after([](auto &p, auto &) {
              p.states[0].initial = Tensor({3, 4}, DType::Float32).transpose(0, 1);
            }),
            "program 'net': state 'fc.weight' has no contiguous initial value");
  EXPECT_EQ(error_after([](auto &, auto &f) {
              f.operations[0].attributes.set("state", std::string("gone"));
            }),
            "function 'predict' of program 'net', operation 0 (nn.read) in module 'fc': 'gone' is "
            "no state of the program");
  EXPECT_EQ(error_after([](auto &, auto &f) { f.operations[4].operands[0] = 2; }),
            "function 'predict' of program 'net', operation 4 (nn.write): writes float32[batch, 4] "
            "to state 'count', which is int64[]");
}

TEST(CheckProgram, Modules) {
  EXPECT_EQ(error_after([](auto &p, auto &) { p.modules[1].parent = 1; }),
            "program 'net': module 'fc' has parent 1, but parents come before their children");
  EXPECT_EQ(error_after([](auto &p, auto &) { p.modules[1].path = ""; }),
            "program 'net': two modules have the path ''");
}

TEST(CheckProgram, Values) {
  EXPECT_EQ(error_after([](auto &, auto &f) { f.operations[2].operands[0] = 17; }),
            "function 'predict' of program 'net', operation 2 (nn.relu): operand 0 is value 17, "
            "but there are 5 values");
  EXPECT_EQ(error_after([](auto &, auto &f) { std::swap(f.operations[1], f.operations[2]); }),
            "function 'predict' of program 'net', operation 1 (nn.relu): operand 0 is value 2, "
            "which nothing before it defines");
  EXPECT_EQ(error_after([](auto &, auto &f) { f.operations[2].results[0] = 2; }),
            "function 'predict' of program 'net', operation 2 (nn.relu): result 0 is value 2, "
            "which is defined already");
  EXPECT_EQ(
      error_after([](auto &, auto &f) { f.outputs[0].value = -1; }),
      "function 'predict' of program 'net': output 'output' is value -1, but there are 5 values");
}

TEST(CheckProgram, Types) {
  EXPECT_EQ(error_after([](auto &, auto &f) { f.values[3].sizes[1] = 5; }),
            "function 'predict' of program 'net', operation 2 (nn.relu): result 0 is recorded as "
            "float32[batch, 5], but "
            "float32[batch, 4] is inferred");
  EXPECT_EQ(error_after([](auto &, auto &f) { f.operations[2].results = {}; }),
            "function 'predict' of program 'net', operation 2 (nn.relu): has 0 results, but 1 are "
            "inferred");
  EXPECT_EQ(error_after([](auto &, auto &f) { f.operations[2].name = "nn.unknown"; }),
            "function 'predict' of program 'net', operation 2 (nn.unknown): there is no operation "
            "'nn.unknown'");
  EXPECT_EQ(error_after([](auto &, auto &f) { f.values[0].sizes[1] = 2; }).substr(0, 131),
            "function 'predict' of program 'net', operation 1 (nn.linear) in module 'fc': mm: mat1 "
            "and mat2 shapes cannot be multiplied "
            "(batchx2");
}

//===----------------------------------------------------------------------===//
// Training
//===----------------------------------------------------------------------===//

// good_program with a gradient of fc.weight that is kept, and an optimizer of it.
RecordedProgram training_program() {
  RecordedProgram program = good_program();
  const Tensor like_weight({4, 3}, DType::Float32);
  program.states.insert(
      program.states.end(),
      {{"gradients.fc.weight", StateKind::Gradient, false, like_weight},
       {"gradients.defined", StateKind::Gradient, false, Tensor({1}, DType::Bool)},
       {"optimizer.exp_avg.fc.weight", StateKind::Optimizer, false, like_weight},
       {"optimizer.step", StateKind::Optimizer, false, Tensor({1}, DType::Float32)},
       {"optimizer.param_groups.0.lr", StateKind::Hyperparameter, false, Tensor({}, DType::Float64)},
       {"generator", StateKind::Generator, false, Tensor({2}, DType::Int64)}});
  program.gradients = {{"fc.weight", "gradients.fc.weight", 0}};
  program.optimizers = {{"optimizer",
                         "Adam",
                         "optimizer.step",
                         {{{"fc.weight"},
                           "optimizer.param_groups.0.lr",
                           {{"betas", std::vector<double>{0.9, 0.999}}, {"foreach", std::monostate()}},
                           {{"exp_avg", {"optimizer.exp_avg.fc.weight"}},
                            {"max_exp_avg_sq", {""}}}}}}};
  return program;
}

std::string training_error(const std::function<void(RecordedProgram &)> &damage) {
  RecordedProgram program = training_program();
  damage(program);
  try {
    check_program(program);
  } catch (const runtime::ValueError &error) {
    return error.what();
  }
  return "no error";
}

TEST(CheckProgram, Gradients) {
  EXPECT_NO_THROW(check_program(training_program()));
  EXPECT_EQ(training_error([](auto &p) { p.gradients[0].parameter = "count"; }),
            "program 'net': the parameter of a gradient is 'count', a state of kind buffer, but "
            "needs one of kind parameter");
  EXPECT_EQ(training_error([](auto &p) { p.gradients[0].state = "gone"; }),
            "program 'net': the gradient of 'fc.weight' is 'gone', which is no state of the program");
  EXPECT_EQ(training_error([](auto &p) { p.gradients[0].state = "gradients.defined"; }),
            "program 'net': the gradient of 'fc.weight' is 'gradients.defined' of type bool[1], but "
            "needs float32[4, 3]");
  EXPECT_EQ(training_error([](auto &p) { p.gradients[0].flag = 1; }),
            "program 'net': the gradient of 'fc.weight' has flag 1, but each of the 1 gradients has "
            "a flag of its own");
  EXPECT_EQ(training_error([](auto &p) { p.gradients.push_back(p.gradients[0]); }),
            "program 'net': the flags of gradients is 'gradients.defined' of type bool[1], but needs "
            "bool[2]");
  EXPECT_EQ(training_error([](auto &p) { p.states.back().initial = Tensor({2}, DType::Float32); }),
            "program 'net': the generator's seed and offset is 'generator' of type float32[2], but "
            "needs int64[2]");
}

TEST(CheckProgram, Optimizers) {
  EXPECT_EQ(training_error([](auto &p) { p.optimizers.push_back(p.optimizers[0]); }),
            "program 'net': two optimizers are named 'optimizer'");
  EXPECT_EQ(training_error([](auto &p) { p.optimizers[0].steps = "optimizer.exp_avg.fc.weight"; }),
            "program 'net': optimizer 'optimizer': its steps is 'optimizer.exp_avg.fc.weight' of "
            "type float32[4, 3], but needs float32[1]");
  EXPECT_EQ(training_error([](auto &p) { p.optimizers[0].groups[0].learning_rate = "optimizer.step"; }),
            "program 'net': optimizer 'optimizer': the learning rate of group 0 is 'optimizer.step', "
            "a state of kind optimizer, but needs one of kind hyperparameter");
  EXPECT_EQ(training_error([](auto &p) {
              p.optimizers[0].groups.push_back(p.optimizers[0].groups[0]);
            }),
            "program 'net': optimizer 'optimizer': some parameters appear in more than one parameter "
            "group: 'fc.weight'");
  EXPECT_EQ(training_error([](auto &p) { p.optimizers[0].groups[0].slots[0].second = {}; }),
            "program 'net': optimizer 'optimizer': slot 'exp_avg' of group 0 has 0 states for 1 "
            "parameters");
  EXPECT_EQ(training_error([](auto &p) {
              p.optimizers[0].groups[0].slots[0].second = {"optimizer.step"};
            }),
            "program 'net': optimizer 'optimizer': slot 'exp_avg' of 'fc.weight' is 'optimizer.step' "
            "of type float32[1], but needs float32[4, 3]");
}

TEST(CheckProgram, Backward) {
  // loss = mean(relu(linear(x, weight))); its gradient with respect to the weight.
  auto program_with = [](std::vector<ValueId> operands, std::vector<ValueId> results) {
    RecordedProgram program = good_program();
    RecordedFunction &function = program.functions[0];
    function.values.insert(function.values.end(),
                           {{DType::Float32, {}}, {DType::Float32, {4, 3}}});
    function.operations.push_back({"nn.mean",
                                   {3},
                                   {{"dims", std::vector<int64_t>{}}, {"keepdim", false}},
                                   {5},
                                   "",
                                   {}});
    function.operations.push_back({"nn.backward", operands, {}, results, "", {}});
    return program;
  };
  auto error = [&](std::vector<ValueId> operands, std::vector<ValueId> results = {6}) {
    try {
      check_program(program_with(operands, results));
    } catch (const runtime::ValueError &error) {
      const std::string where =
          "function 'predict' of program 'net', operation 6 (nn.backward): ";
      EXPECT_EQ(std::string(error.what()).substr(0, where.size()), where);
      return std::string(error.what()).substr(where.size());
    }
    return std::string("no error");
  };
  EXPECT_EQ(error({5, kAbsent, 1}), "no error");
  EXPECT_EQ(error({5, 5, 1}), "no error");
  EXPECT_EQ(error({3, kAbsent, 1}), "grad can be implicitly created only for scalar outputs\nthe loss "
                                    "is [batch, 4]; reduce it to one number, or pass a gradient");
  EXPECT_EQ(error({5, 1, 1}),
            "nn.backward needs a gradient of the loss's type float32[], but got float32[4, 3]");
  EXPECT_EQ(error({4, kAbsent, 1}), "nn.backward needs a floating-point loss, but got int64[]");
  EXPECT_EQ(error({5, kAbsent, 4}),
            "nn.backward needs floating-point targets, but target 0 is int64[]");
  EXPECT_EQ(error({5, kAbsent}),
            "nn.backward takes a loss, a gradient that may be absent, and targets");
  EXPECT_EQ(error({5, kAbsent, 1}, {}), "has 0 results, but 1 are inferred");
}

} // namespace

} // namespace kiln::semantics
