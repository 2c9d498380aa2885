// Gradients of single operations against central differences: building, differentiating and interpreting a case.
#include "gradient_check.h"

#include "kiln/ir/Build.h"
#include "kiln/ir/Interpreter.h"
#include "kiln/ir/Registration.h"
#include "kiln/passes/Passes.h"
#include "kiln/passes/Pipelines.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

using namespace mlir;

namespace kiln::passes::testing {

using semantics::DimExpr;

//===----------------------------------------------------------------------===//
// Random values
//===----------------------------------------------------------------------===//

namespace {

int64_t product(const std::vector<int64_t> &sizes) {
  int64_t result = 1;
  for (int64_t size : sizes)
    result *= size;
  return result;
}

Tensor generate(const std::vector<int64_t> &sizes, DType dtype, const std::function<double()> &next) {
  std::vector<double> values(static_cast<size_t>(product(sizes)));
  for (double &value : values)
    value = next();
  return Tensor::from(std::span<const double>(values), sizes).to(dtype);
}

} // namespace

std::vector<int64_t> Random::shape(int64_t rank) {
  std::vector<int64_t> sizes;
  for (int64_t dim = 0; dim < rank; ++dim)
    sizes.push_back(integer(0, 20) == 0 ? 0 : integer(1, 4));
  return sizes;
}

std::vector<int64_t> Random::broadcastable(const std::vector<int64_t> &target) {
  std::vector<int64_t> sizes(target.begin() + integer(0, static_cast<int64_t>(target.size())), target.end());
  for (int64_t &size : sizes)
    if (integer(0, 2) == 0)
      size = 1;
  return sizes;
}

Tensor Random::values(const std::vector<int64_t> &sizes, double low, double high) {
  return generate(sizes, DType::Float64, [&] { return real(low, high); });
}

Tensor Random::spaced(const std::vector<int64_t> &sizes, double offset) {
  return generate(sizes, DType::Float64, [&] { return offset + 0.2 * static_cast<double>(integer(-8, 8)); });
}

Tensor Random::integers(const std::vector<int64_t> &sizes, int64_t low, int64_t high) {
  return generate(sizes, DType::Int64, [&] { return static_cast<double>(integer(low, high)); });
}

Tensor Random::bools(const std::vector<int64_t> &sizes) {
  return generate(sizes, DType::Bool, [&] { return coin() ? 1.0 : 0.0; });
}

std::string Case::text() const {
  std::string result = operation;
  for (const Tensor &operand : operands)
    result += " " + (operand.defined() ? operand.shape_text() : std::string("-"));
  return result;
}

//===----------------------------------------------------------------------===//
// A case as a module
//===----------------------------------------------------------------------===//

namespace {

/// A size as a symbol named after it: equal sizes are equal symbols. 0 and 1 mean something to broadcasting and stay, and so does
/// 2, the size of a generator's state.
DimExpr symbolOf(const DimExpr &size) {
  std::optional<int64_t> constant = size.constant();
  return constant && *constant >= 3 ? DimExpr::symbol("s" + std::to_string(*constant)) : size;
}

class CaseModule {
public:
  /// Functions @loss and @gradients of the operands that are there and the weights.
  CaseModule(const Case &given, bool symbolic) : given(given), symbolic(symbolic) {
    DialectRegistry registry;
    ir::registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    context.disableMultithreading();
    module = ModuleOp::create(UnknownLoc::get(&context));
    build("loss", /*withGradients=*/false);
    build("gradients", /*withGradients=*/true);
  }

  semantics::TensorType resultType() const { return result; }
  bool isValid() const { return !failed && succeeded(verify(*module)); }

  LogicalResult run(llvm::function_ref<void(PassManager &)> addPasses) {
    PassManager manager(&context);
    addPasses(manager);
    return manager.run(*module);
  }

  std::vector<Tensor> interpret(StringRef name, std::vector<Tensor> operands, const Tensor &weights) {
    std::vector<Tensor> inputs;
    for (const Tensor &operand : operands)
      if (operand.defined())
        inputs.push_back(operand);
    inputs.push_back(weights);
    ir::StateStore states(*module);
    return ir::interpret(module->lookupSymbol<func::FuncOp>(name), inputs, states);
  }

private:
  semantics::TensorType typeOf(const Tensor &tensor) const {
    semantics::TensorType type = semantics::type_of(tensor);
    if (symbolic)
      for (DimExpr &size : type.sizes)
        size = symbolOf(size);
    return type;
  }

  semantics::Attributes attributes() const {
    semantics::Attributes result;
    for (auto [name, value] : given.attributes) {
      if (symbolic && std::holds_alternative<DimExpr>(value))
        value = symbolOf(std::get<DimExpr>(value));
      if (symbolic && std::holds_alternative<std::vector<DimExpr>>(value))
        for (DimExpr &size : std::get<std::vector<DimExpr>>(value))
          size = symbolOf(size);
      result.set(name, value);
    }
    return result;
  }

  void build(StringRef name, bool withGradients) {
    Location location = UnknownLoc::get(&context);
    std::vector<std::optional<semantics::TensorType>> semanticTypes;
    SmallVector<Type> types;
    for (const Tensor &operand : given.operands) {
      semanticTypes.push_back(operand.defined() ? std::optional(typeOf(operand)) : std::nullopt);
      if (operand.defined())
        types.push_back(ir::toTensorType(typeOf(operand), &context));
    }
    result = semantics::infer(given.operation, semanticTypes, attributes())[0];
    types.push_back(ir::toTensorType(result, &context));

    OpBuilder builder(&context);
    builder.setInsertionPointToEnd(module->getBody());
    auto function = func::FuncOp::create(builder, location, name, builder.getFunctionType(types, {}));
    function->setAttr(ir::NNDialect::kEntryAttrName, builder.getUnitAttr());
    builder.setInsertionPointToStart(function.addEntryBlock());
    SmallVector<Value> operands, targets;
    unsigned next = 0;
    for (const Tensor &operand : given.operands)
      operands.push_back(operand.defined() ? function.getArgument(next++) : Value());
    Operation *op = ir::createOperation(builder, location, given.operation, operands, attributes());
    if (!op) {
      failed = true;
      return;
    }
    Value weighted = ir::MulOp::create(builder, location, op->getResult(0), function.getArgument(next));
    Value loss = ir::createOp<ir::SumOp>(builder, location, {weighted}, {{"dims", std::vector<int64_t>()}, {"keepdim", false}});
    SmallVector<Value> results = {loss};
    if (withGradients) {
      for (size_t target : given.targets)
        targets.push_back(operands[target]);
      auto backward = ir::BackwardOp::create(builder, location, loss, Value(), targets);
      results.assign(backward.getGradients().begin(), backward.getGradients().end());
    }
    func::ReturnOp::create(builder, location, results);
    function.setType(builder.getFunctionType(types, ValueRange(results).getTypes()));
  }

  const Case &given;
  bool symbolic;
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  semantics::TensorType result;
  bool failed = false;
};

double item(const Tensor &tensor) { return tensor.to(DType::Float64).data<double>()[0]; }

/// By changing one element after the other. A third of all digits of float64 is right.
Tensor centralDifferences(CaseModule &module, const Case &given, size_t target, const Tensor &weights) {
  constexpr double step = 1e-5;
  Tensor gradient(std::vector<int64_t>(given.operands[target].sizes().begin(), given.operands[target].sizes().end()),
                  DType::Float64);
  for (int64_t index = 0; index < gradient.numel(); ++index) {
    auto lossAt = [&](double change) {
      std::vector<Tensor> operands = given.operands;
      operands[target] = operands[target].clone();
      operands[target].data<double>()[index] += change;
      return item(module.interpret("loss", operands, weights)[0]);
    };
    gradient.data<double>()[index] = (lossAt(step) - lossAt(-step)) / (2 * step);
  }
  return gradient;
}

double largest(const Tensor &tensor) {
  double result = 0;
  for (int64_t index = 0; index < tensor.numel(); ++index)
    result = std::max(result, std::abs(tensor.data<double>()[index]));
  return result;
}

void expectClose(const Tensor &actual, const Tensor &expected, const std::string &what) {
  ASSERT_EQ(actual.shape_text(), expected.shape_text()) << what;
  ASSERT_EQ(actual.dtype(), DType::Float64) << what;
  const Tensor dense = actual.contiguous();
  const double tolerance = 1e-6 * std::max(1.0, largest(expected));
  for (int64_t index = 0; index < dense.numel(); ++index)
    EXPECT_NEAR(dense.data<double>()[index], expected.data<double>()[index], tolerance) << what << ", element " << index;
}

void differentiate(PassManager &manager) { manager.addNestedPass<func::FuncOp>(createDifferentiatePass()); }

void optimize(PassManager &manager) {
  OptimizationOptions options;
  buildOptimizationPipeline(manager, options);
}

Tensor weightsOf(const CaseModule &module, const Case &given) {
  std::vector<int64_t> sizes;
  for (const DimExpr &size : module.resultType().sizes) {
    std::map<std::string, int64_t> symbols;
    for (const std::string &symbol : size.symbols())
      symbols[symbol] = std::stoll(symbol.substr(1));
    sizes.push_back(size.evaluate(symbols));
  }
  Random random(given.operands.size() + 17);
  return random.values(sizes, 0.5, 1.5);
}

} // namespace

void expectGradients(const Case &given) {
  std::vector<bool> variants = {false};
  if (given.symbolic)
    variants.push_back(true);
  for (bool symbolic : variants)
    for (auto [title, passes] : {std::pair("differentiated", &differentiate), std::pair("optimised", &optimize)}) {
      const std::string what = given.text() + (symbolic ? ", symbolic, " : ", ") + title;
      CaseModule module(given, symbolic);
      ASSERT_TRUE(module.isValid()) << what;
      const Tensor weights = weightsOf(module, given);
      std::vector<Tensor> expected;
      for (size_t target : given.targets)
        expected.push_back(centralDifferences(module, given, target, weights));
      ASSERT_TRUE(succeeded(module.run(passes))) << what;
      ASSERT_TRUE(module.isValid()) << what;
      std::vector<Tensor> actual = module.interpret("gradients", given.operands, weights);
      ASSERT_EQ(actual.size(), expected.size());
      for (size_t number = 0; number < actual.size(); ++number)
        expectClose(actual[number], expected[number], what + ", operand " + std::to_string(given.targets[number]));
    }
}

std::vector<Tensor> gradientsOf(const Case &given, const Tensor &weights) {
  CaseModule module(given, /*symbolic=*/false);
  if (!module.isValid() || failed(module.run(differentiate)))
    return {};
  return module.interpret("gradients", given.operands, weights);
}

} // namespace kiln::passes::testing
