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

} // namespace

} // namespace kiln::semantics
