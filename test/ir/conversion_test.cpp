// Conversions between kiln::semantics and MLIR are inverse to each other.
#include "kiln/ir/Attributes.h"
#include "kiln/ir/Build.h"
#include "kiln/ir/Locations.h"
#include "kiln/runtime/error.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <gtest/gtest.h>

#include <cstring>

using namespace kiln;
using runtime::DType;
using runtime::Tensor;
using semantics::DimExpr;

namespace {

class Conversion : public testing::Test {
protected:
  Conversion() { context.loadDialect<ir::NNDialect, mlir::func::FuncDialect>(); }
  mlir::MLIRContext context;
};

template <class T> void expectSame(mlir::MLIRContext &context, T value) {
  semantics::Attribute back = ir::toSemanticAttribute(ir::toAttribute(semantics::Attribute(value), &context));
  ASSERT_TRUE(std::holds_alternative<T>(back));
  EXPECT_EQ(std::get<T>(back), value);
}

TEST_F(Conversion, EveryKindOfAttribute) {
  expectSame<bool>(context, true);
  expectSame<int64_t>(context, -7);
  expectSame<double>(context, 0.1);
  expectSame<std::string>(context, "text");
  expectSame<DimExpr>(context, DimExpr::symbol("n") * 2 + 1);
  expectSame<std::vector<int64_t>>(context, {1, -1});
  expectSame<std::vector<int64_t>>(context, {});
  expectSame<std::vector<double>>(context, {0.5});
  expectSame<std::vector<DimExpr>>(context, {DimExpr::symbol("n"), 3});
  expectSame<std::vector<DimExpr>>(context, {});
  for (int dtype = 0; dtype <= static_cast<int>(DType::Float64); ++dtype)
    expectSame<DType>(context, static_cast<DType>(dtype));
}

TEST_F(Conversion, AttributesWithoutCounterpart) {
  EXPECT_THROW(ir::toSemanticAttribute(mlir::UnitAttr::get(&context)), runtime::TypeError);
  EXPECT_THROW(ir::toSemanticAttribute(mlir::TypeAttr::get(mlir::IntegerType::get(&context, 3))), runtime::TypeError);
}

TEST_F(Conversion, TensorsOfEveryTypeAndSize) {
  // Small and large, of one value and of many: dense, splat and resource.
  for (int dtype = 0; dtype <= static_cast<int>(DType::Float64); ++dtype)
    for (int64_t size : {0, 1, 5, 4096})
      for (bool splat : {false, true}) {
        std::vector<int64_t> values(static_cast<std::size_t>(size));
        for (std::size_t index = 0; index < values.size(); ++index)
          values[index] = splat ? 1 : static_cast<int64_t>(index % 3);
        Tensor tensor = Tensor::from(std::span<const int64_t>(values), {size}).to(static_cast<DType>(dtype));
        mlir::ElementsAttr attribute = ir::toElementsAttr(tensor, &context);
        EXPECT_EQ(llvm::isa<mlir::DenseResourceElementsAttr>(attribute), !splat && tensor.nbytes() >= ir::kResourceBytes);
        Tensor back = ir::toTensor(attribute);
        ASSERT_EQ(back.dtype(), tensor.dtype());
        ASSERT_TRUE(std::equal(back.sizes().begin(), back.sizes().end(), tensor.sizes().begin(), tensor.sizes().end()));
        EXPECT_EQ(size == 0 ? 0 : std::memcmp(back.data(), tensor.data(), tensor.nbytes()), 0);
      }
}

TEST_F(Conversion, StridedTensorsGoInRowMajorOrder) {
  std::vector<float> values = {1, 2, 3, 4, 5, 6};
  Tensor transposed = Tensor::from(std::span<const float>(values), {2, 3}).transpose(0, 1);
  Tensor back = ir::toTensor(ir::toElementsAttr(transposed, &context));
  EXPECT_EQ(back.shape_text(), "[3, 2]");
  EXPECT_EQ(std::vector<float>(back.data<float>(), back.data<float>() + 6), (std::vector<float>{1, 4, 2, 5, 3, 6}));
}

TEST_F(Conversion, TypesCarryAnEncodingOnlyWhereNeeded) {
  semantics::TensorType symbolic = {DType::Float32, {DimExpr::symbol("batch"), 784}}, fixed = {DType::Int64, {2, 3}};
  mlir::RankedTensorType type = ir::toTensorType(symbolic, &context);
  EXPECT_TRUE(llvm::isa<ir::ShapeAttr>(type.getEncoding()));
  EXPECT_EQ(ir::toSemanticType(type), symbolic);
  EXPECT_EQ(ir::shapeText(type), "[batch, 784]");
  EXPECT_FALSE(ir::toTensorType(fixed, &context).getEncoding());
  EXPECT_EQ(ir::toSemanticType(ir::toTensorType(fixed, &context)), fixed);
  EXPECT_THROW(ir::toTensorType({DType::Float32, {-1}}, &context), runtime::ValueError);
  mlir::Type open = mlir::RankedTensorType::get({mlir::ShapedType::kDynamic}, mlir::Float32Type::get(&context));
  EXPECT_TRUE(ir::isOpenTensorType(open));
  EXPECT_FALSE(ir::isNNTensorType(open));
  EXPECT_THROW(ir::toSemanticType(open), runtime::TypeError);
}

TEST_F(Conversion, LocationsKeepPathAndLine) {
  mlir::Location first = ir::makeLocation(&context, "blocks.2.fc1", ir::SourcePosition{"/models/net.cpp", 12, 5});
  mlir::Location root = ir::makeLocation(&context, "", std::nullopt);
  EXPECT_EQ(ir::modulePathOf(first), "blocks.2.fc1");
  EXPECT_EQ(ir::sourceOf(first).getLine(), 12u);
  EXPECT_EQ(ir::describeLocation(first), "blocks.2.fc1 (net.cpp:12)");
  EXPECT_EQ(ir::modulePathOf(root), "");
  EXPECT_FALSE(ir::sourceOf(root));
  EXPECT_EQ(ir::describeLocation(root), "");
  EXPECT_FALSE(ir::modulePathOf(mlir::UnknownLoc::get(&context)));
  // As passes leave them: several fused into one.
  mlir::Location merged = mlir::FusedLoc::get(&context, {first, root});
  EXPECT_EQ(ir::modulePathOf(merged), "blocks.2.fc1");
  EXPECT_EQ(ir::sourceOf(merged).getLine(), 12u);
}

TEST_F(Conversion, OperationsByNameAreInferredOrReported) {
  mlir::OpBuilder builder(&context);
  mlir::Location location = mlir::UnknownLoc::get(&context);
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(location);
  mlir::Type f32 = builder.getF32Type();
  mlir::Type x = mlir::RankedTensorType::get({2, 3}, f32), w = mlir::RankedTensorType::get({4, 3}, f32);
  builder.setInsertionPointToEnd(module->getBody());
  auto function = mlir::func::FuncOp::create(builder, location, "f", builder.getFunctionType({x, w}, {}));
  builder.setInsertionPointToEnd(function.addEntryBlock());
  mlir::Value input = function.getArgument(0), weight = function.getArgument(1);

  auto linear = ir::createOp<ir::LinearOp>(builder, location, {input, weight, mlir::Value()});
  ASSERT_TRUE(linear);
  EXPECT_FALSE(linear.getBias());
  EXPECT_EQ(linear.getType().getShape()[1], 4);
  EXPECT_EQ(linear.getSemanticOperands().size(), 3u);
  EXPECT_EQ(linear.multiplyAdds()->text(), "24");
  auto norm = ir::createOp<ir::BatchNormOp>(builder, location, {input}, {{"training", true}, {"momentum", 0.1}, {"eps", 1e-5}});
  ASSERT_TRUE(norm);
  EXPECT_EQ(norm.getSemanticOperands().size(), 5u);
  EXPECT_FALSE(norm.getNewRunningMean());

  std::string error;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    error = diagnostic.str();
    return mlir::success();
  });
  EXPECT_FALSE(ir::createOperation(builder, location, "nn.linear", {input, input, input}));
  EXPECT_EQ(error.substr(0, 16), "'nn.linear' op l");
  EXPECT_FALSE(ir::createOperation(builder, location, "nn.read", {}));
  EXPECT_EQ(error, "there is no operation 'nn.read'");
  EXPECT_FALSE(ir::createOperation(builder, location, "nn.sum", {input}, {{"dims", std::vector<int64_t>{0}}}));
  EXPECT_EQ(error, "'nn.sum' op sum_c1: attribute 'keepdim' is missing");
}

} // namespace
