// Recorded programs become modules: the whole text of a small one, and an error for each way a record can be wrong.
#include "kiln/ir/Import.h"

#include "kiln/ir/Ops.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <gtest/gtest.h>

using namespace kiln;
using runtime::DType;
using runtime::Tensor;
using semantics::DimExpr;

namespace {

/// Frame N is line N of model.cpp.
struct NumberedLines : ir::SourceResolver {
  std::optional<ir::SourcePosition> resolve(const semantics::Frames &frames) override {
    if (frames.empty())
      return std::nullopt;
    return ir::SourcePosition{"model.cpp", static_cast<unsigned>(frames[0]), 3};
  }
};

/// predict(x) = relu(linear(x, weight)), one state under two names.
semantics::RecordedProgram smallProgram() {
  semantics::RecordedProgram program;
  program.name = "digits";
  std::vector<float> values = {1, 2, 3, 4, 5, 6};
  program.states.push_back(
      {"fc.weight", semantics::StateKind::Parameter, true, Tensor::from(std::span<const float>(values), {2, 3})});
  program.state_names = {{"fc.weight", "fc.weight", true}, {"tied", "fc.weight", false}};
  program.modules = {{-1, "", "", "Net", "", "", ""},
                     {0, "fc", "fc", "Linear", "in_features=3, out_features=2, bias=False", "[batch, 2]", "6 * batch"},
                     {0, "drop", "drop", "DropConnect", "", "", "", /*is_dropout=*/true}};
  semantics::RecordedFunction predict;
  predict.name = "predict";
  predict.inputs = {{"x", 0}};
  predict.outputs = {{"output", 3}};
  const DimExpr batch = DimExpr::symbol("batch");
  predict.values = {
      {DType::Float32, {batch, 3}}, {DType::Float32, {2, 3}}, {DType::Float32, {batch, 2}}, {DType::Float32, {batch, 2}}};
  predict.operations = {{"nn.read", {}, {{"state", std::string("fc.weight")}}, {1}, "fc", {11}},
                        {"nn.linear", {0, 1, semantics::kAbsent}, {}, {2}, "fc", {11}},
                        {"nn.relu", {2}, {}, {3}, "", {12}}};
  predict.frames = {30};
  program.functions.push_back(predict);
  return program;
}

struct Outcome {
  std::string text, errors;
};

Outcome import(const semantics::RecordedProgram &program) {
  mlir::MLIRContext context;
  Outcome outcome;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    llvm::raw_string_ostream stream(outcome.errors);
    stream << diagnostic.getLocation() << ": " << diagnostic.str() << "\n";
    return mlir::success();
  });
  NumberedLines resolver;
  if (mlir::OwningOpRef<mlir::ModuleOp> module = ir::importProgram(program, context, resolver)) {
    llvm::raw_string_ostream stream(outcome.text);
    module->print(stream, mlir::OpPrintingFlags().enableDebugInfo(true, false).useLocalScope());
  }
  return outcome;
}

TEST(Import, GivesTheWholeModule) {
  Outcome outcome = import(smallProgram());
  EXPECT_EQ(outcome.errors, "");
  EXPECT_EQ(outcome.text, R"(module attributes {nn.program = "digits"} {
  nn.module "" type "Net" loc(fused<"">[unknown])
  nn.module "fc" type "Linear" extra_repr "in_features=3, out_features=2, bias=False" output_shape "[batch, 2]" multiply_adds "6 * batch" loc(fused<"fc">[unknown])
  nn.module "drop" type "DropConnect" {nn.dropout_module} loc(fused<"drop">[unknown])
  nn.state @fc.weight parameter trainable : tensor<2x3xf32> = dense<[[1.000000e+00, 2.000000e+00, 3.000000e+00], [4.000000e+00, 5.000000e+00, 6.000000e+00]]> loc(fused<"fc">[unknown])
  nn.state_name "fc.weight" of @fc.weight loc(unknown)
  nn.state_name "tied" of @fc.weight non_persistent loc(unknown)
  func.func @predict(%arg0: tensor<?x3xf32, #nn.shape<batch, 3>> {nn.name = "x"} loc(fused<"">["model.cpp":30:3])) -> (tensor<?x2xf32, #nn.shape<batch, 2>> {nn.name = "output"}) attributes {nn.entry} {
    %0 = nn.read @fc.weight : tensor<2x3xf32> loc(fused<"fc">["model.cpp":11:3])
    %1 = nn.linear %arg0, %0 : (tensor<?x3xf32, #nn.shape<batch, 3>>, tensor<2x3xf32>) -> tensor<?x2xf32, #nn.shape<batch, 2>> loc(fused<"fc">["model.cpp":11:3])
    %2 = nn.relu %1 : tensor<?x2xf32, #nn.shape<batch, 2>> loc(fused<"">["model.cpp":12:3])
    return %2 : tensor<?x2xf32, #nn.shape<batch, 2>> loc(fused<"">["model.cpp":30:3])
  } loc(fused<"">["model.cpp":30:3])
} loc(unknown))");
}

/// smallProgram, and a function that takes a step by the gradient of the sum of predict's output.
semantics::RecordedProgram trainingProgram() {
  semantics::RecordedProgram program = smallProgram();
  using semantics::StateKind;
  const Tensor likeWeight({2, 3}, DType::Float32);
  program.states.insert(program.states.end(), {{"gradients.fc.weight", StateKind::Gradient, true, likeWeight},
                                               {"gradients.defined", StateKind::Gradient, false, Tensor({1}, DType::Bool)},
                                               {"optimizer.momentum_buffer.fc.weight", StateKind::Optimizer, false, likeWeight},
                                               {"optimizer.step", StateKind::Optimizer, false, Tensor({1}, DType::Float32)},
                                               {"lr", StateKind::Hyperparameter, false, Tensor::scalar(0.5)},
                                               {"generator", StateKind::Generator, false, Tensor({2}, DType::Int64)}});
  program.gradients = {{"fc.weight", "gradients.fc.weight", 0}};
  program.optimizers = {{"optimizer",
                         "SGD",
                         "optimizer.step",
                         {{{"fc.weight"},
                           "lr",
                           {{"momentum", 0.9}, {"foreach", std::monostate()}, {"nesterov", false}},
                           {{"momentum_buffer", {"optimizer.momentum_buffer.fc.weight"}}, {"other", {""}}}}}}};
  semantics::RecordedFunction &function = program.functions[0];
  function.values.insert(function.values.end(), {{DType::Float32, {}}, {DType::Float32, {2, 3}}});
  function.operations.push_back(
      {"nn.sum", {3}, {{"dims", std::vector<int64_t>{}}, {"keepdim", false}}, {4}, "", {13}});
  function.operations.push_back({"nn.backward", {4, semantics::kAbsent, 1}, {}, {5}, "", {14}});
  function.operations.push_back({"nn.write", {5}, {{"state", std::string("gradients.fc.weight")}}, {}, "", {14}});
  return program;
}

TEST(Import, GradientsAndOptimizers) {
  EXPECT_NO_THROW(semantics::check_program(trainingProgram()));
  Outcome outcome = import(trainingProgram());
  EXPECT_EQ(outcome.errors, "");
  for (const char *line :
       {"nn.state @gradients.fc.weight gradient : tensor<2x3xf32> = dense<0.000000e+00>",
        "nn.state @lr hyperparameter : tensor<f64> = dense<5.000000e-01>",
        "nn.state @generator generator : tensor<2xi64> = dense<0>",
        "nn.gradient of @fc.weight in @gradients.fc.weight flag 0",
        "nn.optimizer \"optimizer\" type \"SGD\" steps @optimizer.step groups [{parameters = [@fc.weight], lr = @lr, options = "
        "{momentum = 9.000000e-01 : f64, foreach = unit, nesterov = false}, slots = {momentum_buffer = "
        "[@optimizer.momentum_buffer.fc.weight], other = [unit]}}]",
        "%4 = nn.backward %3 to %0 : (tensor<f32>, tensor<2x3xf32>) -> tensor<2x3xf32> loc(fused<\"\">[\"model.cpp\":14:3])",
        "nn.write @gradients.fc.weight, %4 : tensor<2x3xf32>"})
    EXPECT_NE(outcome.text.find(line), std::string::npos) << line << "\nin\n" << outcome.text;
}

TEST(Import, BackwardWithoutALoss) {
  semantics::RecordedProgram program = trainingProgram();
  program.functions[0].operations[4].operands = {4};
  EXPECT_EQ(import(program).errors,
            "loc(fused<\"\">[\"model.cpp\":14:3]): 'nn.backward' takes a loss, a gradient that may be absent, and targets\n");
  program.functions[0].operations[4].operands = {3, semantics::kAbsent, 1};
  EXPECT_NE(import(program).errors.find("backward_c1: grad can be implicitly created only for scalar outputs"), std::string::npos);
}

TEST(Import, LargeValuesShareTheRecordedStorage) {
  semantics::RecordedProgram program;
  std::vector<float> values(300);
  for (std::size_t index = 0; index < values.size(); ++index)
    values[index] = static_cast<float>(index);
  Tensor tensor = Tensor::from(std::span<const float>(values), {300});
  program.states.push_back({"table", semantics::StateKind::Buffer, false, tensor});
  mlir::MLIRContext context;
  NumberedLines resolver;
  mlir::OwningOpRef<mlir::ModuleOp> module = ir::importProgram(program, context, resolver);
  ASSERT_TRUE(module);
  auto state = *module->getOps<ir::StateOp>().begin();
  auto resource = llvm::dyn_cast<mlir::DenseResourceElementsAttr>(*state.getInitial());
  ASSERT_TRUE(resource);
  EXPECT_EQ(resource.getData().data(), tensor.data());
}

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

std::string errorsAfter(const std::function<void(semantics::RecordedProgram &)> &change) {
  semantics::RecordedProgram program = smallProgram();
  change(program);
  Outcome outcome = import(program);
  EXPECT_EQ(outcome.text, "");
  return outcome.errors;
}

TEST(ImportError, OperandsThatDoNotFit) {
  EXPECT_EQ(errorsAfter([](auto &program) { program.functions[0].values[0].sizes[1] = 4; }),
            "loc(fused<\"fc\">[\"model.cpp\":11:3]): 'nn.linear' op linear_c1: mm: mat1 and mat2 shapes cannot be multiplied "
            "(batchx4 and 3x2)\n"
            "linear from 3 to 2 features needs an input whose last dimension is 3, but the input is [batch, 4]\n");
}

TEST(ImportError, AValueThatIsUsedBeforeItIsComputed) {
  EXPECT_EQ(errorsAfter([](auto &program) { program.functions[0].operations[2].operands = {3}; }),
            "loc(fused<\"\">[\"model.cpp\":12:3]): function 'predict': 'nn.relu' uses value 3, which is not computed before\n");
}

TEST(ImportError, AnUnknownOperation) {
  EXPECT_EQ(errorsAfter([](auto &program) { program.functions[0].operations[2].name = "nn.fft"; }),
            "loc(fused<\"\">[\"model.cpp\":12:3]): there is no operation 'nn.fft'\n");
}

TEST(ImportError, AnUnknownAttribute) {
  EXPECT_EQ(errorsAfter([](auto &program) { program.functions[0].operations[2].attributes.set("slope", 0.5); }),
            "loc(fused<\"\">[\"model.cpp\":12:3]): 'nn.relu' op has no attribute 'slope'\n");
}

TEST(ImportError, AStateThatIsNotDeclared) {
  EXPECT_EQ(errorsAfter([](auto &program) { program.functions[0].operations[0].attributes.set("state", std::string("gone")); }),
            "loc(fused<\"fc\">[\"model.cpp\":11:3]): 'nn.read' names state 'gone', which the program does not have\n");
}

TEST(ImportError, AStateDeclaredTwice) {
  EXPECT_EQ(errorsAfter([](auto &program) { program.states.push_back(program.states[0]); }),
            "loc(fused<\"fc\">[unknown]): state 'fc.weight' is declared twice\n");
}

TEST(ImportError, AnOutputThatIsNeverComputed) {
  EXPECT_EQ(errorsAfter([](auto &program) { program.functions[0].operations.pop_back(); }),
            "loc(fused<\"\">[\"model.cpp\":30:3]): function 'predict': output 'output' is never computed\n");
}

TEST(ImportError, AFunctionNamedAsAState) {
  EXPECT_EQ(errorsAfter([](auto &program) { program.functions[0].name = "fc.weight"; }),
            "loc(fused<\"\">[\"model.cpp\":30:3]): function 'fc.weight' has the name of a parameter or buffer of the model; give "
            "one of "
            "them another name\n");
}

TEST(ImportError, ATypeThatIsNotTheInferredOne) {
  EXPECT_EQ(
      errorsAfter([](auto &program) { program.functions[0].values[2].sizes[1] = 5; }),
      "loc(fused<\"fc\">[\"model.cpp\":11:3]): function 'predict': recorded with type 'tensor<?x5xf32, #nn.shape<batch, 5>>', is "
      "'tensor<?x2xf32, #nn.shape<batch, 2>>'\n");
}

} // namespace
