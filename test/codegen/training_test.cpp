// What training asks of compiled code beyond its kernels: states that change in place, errors that name a target, tables of
// optimizers and gradients.
#include "compiled_program.h"
#include "kernel_cases.h"

#include "kiln/codegen/Artifact.h"
#include "kiln/ir/Interpreter.h"
#include "kiln/runtime/error.h"
#include "kiln/schedule/Schedule.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>

namespace kiln::test {
namespace {

using runtime::DType;
using runtime::Tensor;

/// A model and the interpreter, side by side, from the same values of states.
class SideBySide {
public:
  SideBySide(CompiledProgram &program, const std::string &set)
      : program(program), one(program.model(set, 1)), many(program.model(set, 3)), store(program.source()) {}

  void setState(const std::string &path, const Tensor &value) {
    for (runtime::Model *model : {&one, &many})
      model->update_state([&] { model->state(index(path)).copy_(value); });
    store.set(path, value);
  }

  /// Calls the function everywhere and compares what it returns and every state.
  void call(const std::string &function, const std::vector<Tensor> &inputs, double tolerance) {
    SCOPED_TRACE(function);
    ir::InterpreterOptions options;
    options.computeInDouble = true;
    std::vector<Tensor> expected =
        ir::interpret(program.source().lookupSymbol<mlir::func::FuncOp>(function), inputs, store, options);
    std::vector<Tensor> actual = one.call(function, inputs), other = many.call(function, inputs);
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_LE(largestDifference(actual[i], expected[i]), tolerance) << "output " << i;
      EXPECT_TRUE(sameBits(actual[i], other[i])) << "output " << i << " depends on the number of threads";
    }
    for (size_t i = 0; i < one.program().states().size(); ++i) {
      std::string path(one.program().states()[i].path);
      EXPECT_LE(largestDifference(one.state(i), store.get(path)), tolerance) << path;
      EXPECT_TRUE(sameBits(one.state(i), many.state(i))) << path << " depends on the number of threads";
    }
  }

private:
  size_t index(const std::string &path) {
    for (size_t i = 0; i < one.program().states().size(); ++i)
      if (one.program().states()[i].path == path)
        return i;
    throw runtime::KeyError(path);
  }

  CompiledProgram &program;
  runtime::Model one, many;
  ir::StateStore store;
};

/// Two parameters of very different sizes, Adam over both, a counter of steps: as an optimizer's step is recorded.
std::string adamText() {
  std::string states, reads, writes;
  for (const char *slot : {"p", "m", "v"}) {
    const char *kind = slot[0] == 'p' ? "parameter trainable" : "optimizer";
    states += fmt::format("nn.state @{0}0 {1} : tensor<300x401xf32>\nnn.state @{0}1 {1} : tensor<37xf32>\n", slot, kind);
    reads += fmt::format("  %{0}0 = nn.read @{0}0 : tensor<300x401xf32>\n  %{0}1 = nn.read @{0}1 : tensor<37xf32>\n", slot);
    writes +=
        fmt::format("  nn.write @{0}0, %new{0}0 : tensor<300x401xf32>\n  nn.write @{0}1, %new{0}1 : tensor<37xf32>\n", slot);
  }
  return states + R"(
nn.state @steps optimizer : tensor<2xf32>
nn.state @lr hyperparameter : tensor<f64> = dense<0.01>
func.func @train_step(%x: tensor<300x401xf32>, %y: tensor<37xf32>) attributes {nn.entry} {
)" + reads +
         R"(
  %n = nn.read @steps : tensor<2xf32>
  %one = nn.full 1.000000e+00 shape = [] dtype = f32 : tensor<f32>
  %steps = nn.add %n, %one : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  nn.write @steps, %steps : tensor<2xf32>
  %lr = nn.read @lr : tensor<f64>
  %g0 = nn.mul %p0, %x : tensor<300x401xf32>
  %g1 = nn.sub %p1, %y : tensor<37xf32>
  %newp0, %newp1, %newm0, %newm1, %newv0, %newv1 = nn.adam parameters(%p0, %p1) gradients(%g0, %g1) exp_avgs(%m0, %m1)
      exp_avg_sqs(%v0, %v1) steps %steps lr %lr indices = [0, 1] beta1 = 9.000000e-01 beta2 = 9.990000e-01 eps = 1.000000e-08
      weight_decay = 1.000000e-02 decoupled = true amsgrad = false maximize = false
      : (tensor<300x401xf32>, tensor<37xf32>, tensor<300x401xf32>, tensor<37xf32>, tensor<300x401xf32>, tensor<37xf32>,
         tensor<300x401xf32>, tensor<37xf32>, tensor<2xf32>, tensor<f64>)
      -> (tensor<300x401xf32>, tensor<37xf32>, tensor<300x401xf32>, tensor<37xf32>, tensor<300x401xf32>, tensor<37xf32>)
)" + writes +
         "  return\n}\n";
}

TEST(TrainingTest, OptimizersStepInPlace) {
  for (Optimize optimize : {Optimize::No, Optimize::Yes}) {
    CompiledProgram program(moduleText(adamText()), optimize);
    ASSERT_TRUE(program.ok()) << program.message();
    // Nothing lies beside the states but the two gradients.
    int64_t gradients = 64 * ((300 * 401 * 4 + 63) / 64 + (37 * 4 + 63) / 64);
    for (auto function : program.scheduled().getOps<schedule::FuncOp>())
      EXPECT_EQ(*function.getArenaBytesAttr().getConstant(), gradients);
    for (const std::string &set : runnableInstructionSets()) {
      SCOPED_TRACE(set);
      SideBySide both(program, set);
      both.setState("p0", randomTensor({300, 401}, DType::Float32, 1));
      both.setState("p1", randomTensor({37}, DType::Float32, 2));
      Tensor x = randomTensor({300, 401}, DType::Float32, 3), y = randomTensor({37}, DType::Float32, 4);
      for (int step = 0; step < 3; ++step)
        both.call("train_step", {x, y}, 1e-5);
    }
  }
}

/// Functions of random reads, computations and writes of few states: whatever may go wrong with values that are computed in the
/// state.
class RandomFunction {
public:
  explicit RandomFunction(uint32_t seed) : random(seed) {}

  std::string text(const std::string &name) {
    body.clear();
    values = {"%x"};
    for (int i = 0; i < 14; ++i)
      addOperation();
    std::string first = any(), second = any();
    return fmt::format("func.func @{0}(%x: {1}) -> ({1}, {1}) attributes {{nn.entry}} {{\n{2}  return {3}, {4} : {1}, {1}\n}}\n",
                       name, kType, body, first, second);
  }

  static constexpr const char *kType = "tensor<4x4xf32>", *kFlat = "tensor<16xf32>", *kRow = "tensor<4xf32>";

private:
  uint32_t below(uint32_t limit) { return random() % limit; }
  std::string any() { return values[values.size() - 1 - below(std::min<uint32_t>(values.size(), 6))]; }
  /// A new value by `format` of its name, up to two operands and the types.
  void add(const std::string &text) {
    body += text;
    values.push_back(fmt::format("%v{}", count++));
  }

  void addOperation() {
    std::string v = fmt::format("%v{}", count), a = any(), b = any();
    char state = static_cast<char>('a' + below(3));
    switch (below(10)) {
    case 0:
    case 1:
      return add(fmt::format("  {} = nn.read @{} : {}\n", v, state, kType));
    case 2:
    case 3:
    case 4:
      body += fmt::format("  nn.write @{}, {} : {}\n", state, a, kType);
      return;
    case 5:
      return add(fmt::format("  {} = nn.add {}, {} : {}\n", v, a, b, kType));
    case 6:
      return add(fmt::format("  {} = nn.tanh {} : {}\n", v, a, kType));
    case 7: // by way of another shape
      return add(fmt::format("  {0}f = nn.reshape {1} to [16] : ({2}) -> {3}\n  {0}g = nn.neg {0}f : {3}\n"
                             "  {0} = nn.reshape {0}g to [4, 4] : ({3}) -> {2}\n",
                             v, a, kType, kFlat));
    case 8: // a transposition that is folded, with what reads other elements than it writes
      return add(fmt::format("  {0}t = nn.permute {1} dims = [1, 0] : ({3}) -> {3}\n"
                             "  {0}m = nn.matmul {2}, {0}t : ({3}, {3}) -> {3}\n  {0} = nn.tanh {0}m : {3}\n",
                             v, a, b, kType));
    default: // a broadcast
      return add(fmt::format("  {0}r = nn.mean {1} dims = [0] keepdim = false : ({3}) -> {4}\n"
                             "  {0} = nn.sub {2}, {0}r : ({3}, {4}) -> {3}\n",
                             v, a, b, kType, kRow));
    }
  }

  std::mt19937 random;
  std::string body;
  std::vector<std::string> values;
  int count = 0;
};

TEST(TrainingTest, StatesAreWhatTheProgramSays) {
  constexpr int kFunctions = 150;
  std::string text;
  for (const char *state : {"a", "b", "c"})
    text += fmt::format("nn.state @{} buffer : {}\n", state, RandomFunction::kType);
  for (int i = 0; i < kFunctions; ++i)
    text += RandomFunction(i).text(fmt::format("f{}", i));
  codegen::ArtifactOptions options;
  options.cpu.instructionSets = {0}; // where values lie does not depend on the instruction set
  for (Optimize optimize : {Optimize::No, Optimize::Yes}) {
    CompiledProgram program(moduleText(text), optimize, /*embedWeights=*/true, options);
    ASSERT_TRUE(program.ok()) << program.message();
    SideBySide both(program, "v2");
    for (int i = 0; i < kFunctions; ++i) {
      for (const char *state : {"a", "b", "c"})
        both.setState(state, randomTensor({4, 4}, DType::Float32, 10 * i + state[0]));
      both.call(fmt::format("f{}", i), {randomTensor({4, 4}, DType::Float32, i)}, 1e-5);
    }
  }
}

TEST(TrainingTest, TargetOutOfBoundsIsAnError) {
  CompiledProgram program(moduleText(R"(
func.func @loss(%x: tensor<4x10xf32>, %t: tensor<4xi64>) -> tensor<f32> attributes {nn.entry} {
  %y = nn.cross_entropy %x, %t ignore_index = 77 label_smoothing = 0.000000e+00 reduction = "mean"
      : (tensor<4x10xf32>, tensor<4xi64>) -> tensor<f32> loc(fused<"criterion">["model.cpp":12:5])
  return %y : tensor<f32>
}
func.func @gradient(%g: tensor<f32>, %x: tensor<4x10xf32>, %t: tensor<4xi64>) -> tensor<4x10xf32> attributes {nn.entry} {
  %y = nn.cross_entropy_backward %g, %x, %t ignore_index = 77 label_smoothing = 0.000000e+00 reduction = "mean"
      : (tensor<f32>, tensor<4x10xf32>, tensor<4xi64>) -> tensor<4x10xf32>
  return %y : tensor<4x10xf32>
})"),
                          Optimize::Yes);
  ASSERT_TRUE(program.ok()) << program.message();
  runtime::Model model(runtime::Program::load(program.path()));
  Tensor x = randomTensor({4, 10}, DType::Float32, 1), cotangent = Tensor::scalar<float>(1);
  auto message = [&](const char *function, std::vector<Tensor> inputs) -> std::string {
    try {
      model.call(function, inputs);
    } catch (const runtime::IndexError &error) {
      return error.what();
    }
    return "";
  };
  for (int64_t wrong : {int64_t(11), int64_t(10), int64_t(-1), int64_t(-100)}) {
    Tensor targets = Tensor::from<int64_t>(std::vector<int64_t>{3, wrong, 9, 12}, {4});
    std::string expected = fmt::format("Target {} is out of bounds.", wrong);
    std::string forward = message("loss", {x, targets});
    EXPECT_EQ(forward.rfind(expected, 0), 0u) << forward;
    EXPECT_NE(forward.find("module: criterion"), std::string::npos) << forward;
    EXPECT_NE(forward.find("source: model.cpp:12"), std::string::npos) << forward;
    EXPECT_EQ(message("gradient", {cotangent, x, targets}).rfind(expected, 0), 0u);
  }
  Tensor fine = Tensor::from<int64_t>(std::vector<int64_t>{0, 77, 9, 77}, {4}); // 77 is ignored
  EXPECT_EQ(message("loss", {x, fine}), "");
  EXPECT_EQ(message("gradient", {cotangent, x, fine}), "");
}

constexpr const char *kTrained = R"(
nn.state @w parameter trainable : tensor<3xf32> = dense<2.0>
nn.state @b parameter trainable : tensor<2xf32>
nn.state @gradients.w gradient : tensor<3xf32> = dense<0.0>
nn.state @gradients.b gradient : tensor<2xf32>
nn.state @gradients.defined gradient : tensor<2xi1>
nn.state @optimizer.exp_avg.w optimizer : tensor<3xf32>
nn.state @optimizer.step optimizer : tensor<2xf32>
nn.state @optimizer.param_groups.0.lr hyperparameter : tensor<f64> = dense<1.0e-3>
nn.state @generator generator : tensor<2xi64> = dense<[7, 0]>
nn.state_name "w" of @w
nn.state_name "b" of @b
nn.gradient of @w in @gradients.w flag 1
nn.gradient of @b in @gradients.b flag 0
nn.optimizer "optimizer" type "Adam" steps @optimizer.step groups [
  {parameters = [@w, @b], lr = @optimizer.param_groups.0.lr,
   options = {betas = array<f64: 0.9, 0.999>, eps = 1.000000e-08 : f64, amsgrad = false, foreach = unit, count = 3 : i64},
   slots = {exp_avg = [@optimizer.exp_avg.w, unit]}}]
func.func @f(%x: tensor<3xf32>) -> tensor<3xf32> attributes {nn.entry} {
  %w = nn.read @w : tensor<3xf32>
  %y = nn.add %x, %w : tensor<3xf32>
  return %y : tensor<3xf32>
})";

TEST(TrainingTest, DescribesOptimizersAndGradients) {
  CompiledProgram compiled(moduleText(kTrained), Optimize::Yes);
  ASSERT_TRUE(compiled.ok()) << compiled.message();
  runtime::Program program = runtime::Program::load(compiled.path());
  auto path = [&](uint32_t state) { return std::string(program.states()[state].path); };

  ASSERT_EQ(program.gradients().size(), 2u);
  EXPECT_EQ(path(program.gradients()[1].parameter), "w"); // in the order of their flags
  EXPECT_EQ(path(program.gradients()[1].state), "gradients.w");
  EXPECT_EQ(program.gradients()[1].flag, 1u);
  ASSERT_TRUE(program.gradient_flags() && program.generator());
  EXPECT_EQ(path(*program.gradient_flags()), "gradients.defined");
  EXPECT_EQ(path(*program.generator()), "generator");
  EXPECT_EQ(program.states()[*program.generator()].kind, runtime::StateKind::Generator);

  ASSERT_EQ(program.optimizers().size(), 1u);
  const runtime::OptimizerDescription &optimizer = program.optimizers()[0];
  EXPECT_EQ(optimizer.name, "optimizer");
  EXPECT_EQ(optimizer.type, "Adam");
  EXPECT_EQ(path(optimizer.steps), "optimizer.step");
  ASSERT_EQ(optimizer.groups.size(), 1u);
  const runtime::ParameterGroup &group = optimizer.groups[0];
  EXPECT_EQ(path(group.learning_rate), "optimizer.param_groups.0.lr");
  ASSERT_EQ(group.parameters.size(), 2u);
  EXPECT_EQ(path(group.parameters[1]), "b");
  ASSERT_EQ(group.options.size(), 5u);
  EXPECT_EQ(group.options[0].first, "betas");
  EXPECT_EQ(group.options[0].second, runtime::OptionValue(std::vector<double>{0.9, 0.999}));
  EXPECT_EQ(group.options[1].second, runtime::OptionValue(1e-8));
  EXPECT_EQ(group.options[2].second, runtime::OptionValue(false));
  EXPECT_EQ(group.options[3].second, runtime::OptionValue());
  EXPECT_EQ(group.options[4].second, runtime::OptionValue(int64_t(3)));
  ASSERT_EQ(group.slots.size(), 1u);
  EXPECT_EQ(group.slots[0].name, "exp_avg");
  EXPECT_EQ(path(group.slots[0].states[0]), "optimizer.exp_avg.w");
  EXPECT_EQ(group.slots[0].states[1], -1);

  // What begins as zeros takes no place in the artifact; what does not, does.
  for (const runtime::State &state : program.states())
    EXPECT_EQ(state.initial == nullptr, state.kind == runtime::StateKind::Gradient || state.kind == runtime::StateKind::Optimizer)
        << state.path;
}

TEST(TrainingTest, FingerprintsTellOptimizersApart) {
  auto fingerprint = [](std::string text, const char *from = "", const char *to = "") {
    if (*from)
      text.replace(text.find(from), std::strlen(from), to);
    CompiledProgram program(moduleText(text), Optimize::Yes);
    EXPECT_TRUE(program.ok()) << program.message();
    return codegen::computeFingerprint(program.scheduled());
  };
  std::string base = fingerprint(kTrained);
  EXPECT_EQ(base, fingerprint(kTrained, "eps = 1.000000e-08", "eps = 1.000000e-06"));
  EXPECT_EQ(base, fingerprint(kTrained, "dense<1.0e-3>", "dense<1.0e-2>"));
  EXPECT_NE(base, fingerprint(kTrained, "\"Adam\"", "\"AdamW\""));
  EXPECT_NE(base, fingerprint(kTrained, "exp_avg = [", "momentum_buffer = ["));
}

} // namespace
} // namespace kiln::test
