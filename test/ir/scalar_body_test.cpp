// The scalar body of every elementwise operation, run by the interpreter, against the operation's reference kernel: on special
// values and in every element type that has a body.
#include "kiln/ir/Build.h"
#include "kiln/ir/Interpreter.h"
#include "kiln/ir/Registration.h"
#include "kiln/runtime/error.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/Verifier.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

using namespace kiln;
using runtime::DType;
using runtime::Tensor;

namespace {

const double kNaN = std::numeric_limits<double>::quiet_NaN(), kInfinity = std::numeric_limits<double>::infinity();

struct Case {
  std::string name;
  int operandCount;
  semantics::Attributes attributes;
};

std::vector<Case> allCases() {
  std::vector<Case> cases;
  for (const char *name : {"eq", "ne", "lt", "le", "gt", "ge"})
    cases.push_back({std::string("nn.") + name, 2, {}});
  cases.push_back({"nn.where", 3, {}});
  cases.push_back({"nn.detach", 1, {}});
  for (const char *name : {"relu", "sigmoid", "tanh", "neg", "exp", "log", "sqrt", "rsqrt", "abs"})
    cases.push_back({std::string("nn.") + name, 1, {}});
  for (const char *name : {"add", "sub", "mul", "div", "maximum", "minimum"})
    cases.push_back({std::string("nn.") + name, 2, {}});
  for (int dtype = 0; dtype <= static_cast<int>(DType::Float64); ++dtype)
    cases.push_back({"nn.cast", 1, {{"dtype", static_cast<DType>(dtype)}}});
  return cases;
}

/// Pairs of special values: operand 0 and operand 1.
std::vector<double> specialValues(DType dtype, bool second) {
  std::vector<double> base = runtime::is_floating_point(dtype)
                                 ? std::vector<double>{0.0, -0.0, 1.0, -1.5, 0.3, 3.7, 100.0, -88.0, kInfinity, -kInfinity, kNaN}
                                 : std::vector<double>{0, 1, -1, 5, 7, 127};
  std::vector<double> values;
  for (double a : base)
    for (double b : base)
      values.push_back(second ? b : a);
  return values;
}

class ScalarBody : public testing::TestWithParam<DType> {
protected:
  ScalarBody() {
    mlir::DialectRegistry registry;
    ir::registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  /// A module with function "f": a fused region with the scalar body of `semantic`, on operands of its own shape.
  mlir::OwningOpRef<mlir::ModuleOp> fusedForm(const Case &test, llvm::ArrayRef<mlir::Type> types) {
    mlir::OpBuilder builder(&context);
    mlir::Location location = mlir::UnknownLoc::get(&context);
    mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(location);
    builder.setInsertionPointToEnd(module->getBody());
    auto function = mlir::func::FuncOp::create(builder, location, "f", builder.getFunctionType(types, {}));
    mlir::Block *body = function.addEntryBlock();
    builder.setInsertionPointToEnd(body);
    llvm::SmallVector<mlir::Value> operands(body->args_begin(), body->args_end());
    mlir::Operation *op = ir::createOperation(builder, location, test.name, operands, test.attributes);
    if (!op)
      return nullptr;
    auto scalar = llvm::cast<ir::ScalarBodyInterface>(op);
    EXPECT_TRUE(scalar.hasScalarBody());
    llvm::SmallVector<mlir::Attribute> maps(types.size(), mlir::AffineMapAttr::get(builder.getMultiDimIdentityMap(1)));
    auto fused =
        ir::FusedOp::create(builder, location, llvm::cast<mlir::RankedTensorType>(op->getResult(0).getType()), mlir::StringAttr(),
                            mlir::DictionaryAttr(), mlir::ValueRange(), operands, builder.getArrayAttr(maps));
    mlir::Block &block = fused.getBody().emplaceBlock();
    for (mlir::Type type : types)
      block.addArgument(ir::scalarTypeOf(llvm::cast<mlir::RankedTensorType>(type).getElementType()), location);
    builder.setInsertionPointToEnd(&block);
    mlir::Value result = scalar.buildScalarBody(builder, location, block.getArguments());
    ir::YieldOp::create(builder, location, result);
    op->erase();
    builder.setInsertionPointToEnd(body);
    mlir::func::ReturnOp::create(builder, location, fused.getOutput());
    function.setType(builder.getFunctionType(types, fused.getOutput().getType()));
    EXPECT_TRUE(mlir::succeeded(mlir::verify(*module)));
    return module;
  }

  mlir::MLIRContext context;
};

/// Equal, with the sign of zeros, or so near that only the rounding of intermediate steps differs; NaN is NaN.
bool isNear(double got, double expected, DType dtype) {
  if (std::isnan(expected) || std::isnan(got))
    return std::isnan(expected) && std::isnan(got);
  if (got == expected)
    return std::signbit(got) == std::signbit(expected);
  // Functions in double and in float may differ before the result is rounded: by one last place after it.
  const double relative = dtype == DType::Float16    ? 1e-3
                          : dtype == DType::BFloat16 ? 8e-3
                          : dtype == DType::Float32  ? 4e-7
                                                     : 1e-15;
  return std::fabs(got - expected) <= relative * std::fabs(expected) + std::numeric_limits<float>::min();
}

TEST_P(ScalarBody, AgreesWithTheReferenceKernel) {
  const DType dtype = GetParam();
  int compared = 0, refused = 0;
  mlir::ScopedDiagnosticHandler quiet(&context, [](mlir::Diagnostic &) { return mlir::success(); });
  for (const Case &test : allCases()) {
    std::vector<Tensor> operands;
    std::vector<mlir::Type> types;
    for (int index = 0; index < test.operandCount; ++index) {
      std::vector<double> values = specialValues(dtype, index == 1);
      const bool isCondition = test.name == "nn.where" && index == 0;
      operands.push_back(Tensor::from(std::span<const double>(values), {static_cast<int64_t>(values.size())})
                             .to(isCondition ? DType::Bool : dtype));
      types.push_back(ir::toTensorType(semantics::type_of(operands.back()), &context));
    }
    mlir::OwningOpRef<mlir::ModuleOp> module = fusedForm(test, types);
    if (!module) {
      ++refused;
      // bool has no relu, neg, abs and sub; integers no div.
      EXPECT_TRUE(test.name == "nn.div" ? runtime::is_integral(dtype) : dtype == DType::Bool) << test.name;
      continue;
    }
    Tensor expected = semantics::evaluate(test.name, operands, test.attributes)[0];
    ir::StateStore states;
    Tensor got = ir::interpret(module->lookupSymbol<mlir::func::FuncOp>("f"), operands, states)[0];
    ASSERT_EQ(got.dtype(), expected.dtype()) << test.name;
    Tensor wideGot = got.to(DType::Float64), wideExpected = expected.to(DType::Float64),
           wideInput = operands[0].to(DType::Float64);
    for (int64_t index = 0; index < got.numel(); ++index)
      EXPECT_TRUE(isNear(wideGot.data<double>()[index], wideExpected.data<double>()[index], expected.dtype()))
          << test.name << " of " << wideInput.data<double>()[index] << ", element " << index << ": got "
          << wideGot.data<double>()[index] << ", expected " << wideExpected.data<double>()[index];
    ++compared;
  }
  // Every type has a body for each operation that takes it.
  EXPECT_EQ(compared, static_cast<int>(allCases().size()) - refused);
}

std::string nameOf(const testing::TestParamInfo<DType> &info) { return std::string(runtime::name(info.param)); }

INSTANTIATE_TEST_SUITE_P(Types, ScalarBody,
                         testing::Values(DType::Bool, DType::UInt8, DType::Int8, DType::Int16, DType::Int32, DType::Int64,
                                         DType::Float16, DType::BFloat16, DType::Float32, DType::Float64),
                         nameOf);

} // namespace
