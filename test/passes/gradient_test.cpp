// The gradient of every operation that has a rule: numerically over random shapes and options, and PyTorch's choice where a
// function has a corner, a tie or a NaN.
#include "gradient_check.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>
#include <string>

using namespace kiln;
using namespace kiln::passes::testing;
using semantics::DimExpr;

namespace {

const double kNaN = std::numeric_limits<double>::quiet_NaN(), kInfinity = std::numeric_limits<double>::infinity();

//===----------------------------------------------------------------------===//
// Central differences
//===----------------------------------------------------------------------===//

class GradientRule : public testing::TestWithParam<Family> {};

TEST_P(GradientRule, AgreesWithCentralDifferences) {
  constexpr uint64_t kTrials = 25;
  for (uint64_t trial = 0; trial < kTrials && !HasFailure(); ++trial) {
    Random random(trial * 7919 + 1);
    Case given = GetParam().make(random);
    SCOPED_TRACE("trial " + std::to_string(trial) + ": " + given.text());
    expectGradients(given);
  }
}

INSTANTIATE_TEST_SUITE_P(All, GradientRule, testing::ValuesIn(families()),
                         [](const testing::TestParamInfo<Family> &info) { return info.param.name; });

TEST(GradientRules, AreThereForEveryDifferentiableOperation) {
  std::set<std::string> checked = {"nn.pack_panels", "nn.packed_linear"}; // made by passes after differentiation
  for (const Family &family : families())
    checked.insert(std::string("nn.") + family.name);
  for (const semantics::Operation *operation : semantics::all_operations())
    EXPECT_TRUE(!operation->differentiable || checked.contains(operation->name)) << operation->name;
}

//===----------------------------------------------------------------------===//
// PyTorch's choices (numbers recorded from PyTorch 2.15)
//===----------------------------------------------------------------------===//

Tensor vector(std::vector<double> values) {
  return Tensor::from(std::span<const double>(values), {static_cast<int64_t>(values.size())});
}

Tensor weights(int64_t count) {
  std::vector<double> values;
  for (int64_t index = 0; index < count; ++index)
    values.push_back(static_cast<double>(index + 2));
  return vector(std::move(values));
}

void expectValues(const Tensor &actual, std::vector<double> expected) {
  ASSERT_EQ(actual.numel(), static_cast<int64_t>(expected.size()));
  for (size_t index = 0; index < expected.size(); ++index) {
    double value = actual.data<double>()[index];
    if (std::isnan(expected[index]))
      EXPECT_TRUE(std::isnan(value)) << "element " << index << ": " << value;
    else
      EXPECT_EQ(value, expected[index]) << "element " << index;
  }
}

TEST(GradientChoice, ReluIsFlatAtZeroAndPassesNaN) {
  Case relu{"nn.relu", {vector({-1, -0.0, 0, 1, kNaN, kInfinity})}, {}, {0}};
  expectValues(gradientsOf(relu, weights(6))[0], {0, 0, 0, 5, 6, 7});
}

TEST(GradientChoice, AbsIsFlatAtZeroAndNaN) {
  Case abs{"nn.abs", {vector({-2, -0.0, 0, 3, kNaN})}, {}, {0}};
  expectValues(gradientsOf(abs, weights(5))[0], {-2, 0, 0, 5, 0});
}

TEST(GradientChoice, EqualOperandsOfExtremaGetHalf) {
  std::vector<Tensor> operands = {vector({1, 2, 3, kNaN, 1}), vector({2, 2, 1, 0, kNaN})};
  std::vector<Tensor> maximum = gradientsOf({"nn.maximum", operands, {}, {0, 1}}, weights(5));
  expectValues(maximum[0], {0, 1.5, 4, 5, 6});
  expectValues(maximum[1], {2, 1.5, 0, 5, 6});
  std::vector<Tensor> minimum = gradientsOf({"nn.minimum", operands, {}, {0, 1}}, weights(5));
  expectValues(minimum[0], {2, 1.5, 0, 5, 6});
  expectValues(minimum[1], {0, 1.5, 4, 5, 6});
}

TEST(GradientChoice, RootsAndLogarithmsAreInfiniteAtZero) {
  expectValues(gradientsOf({"nn.sqrt", {vector({0, 4})}, {}, {0}}, weights(2))[0], {kInfinity, 0.75});
  expectValues(gradientsOf({"nn.log", {vector({0, 4})}, {}, {0}}, weights(2))[0], {kInfinity, 0.75});
  expectValues(gradientsOf({"nn.rsqrt", {vector({0, 4})}, {}, {0}}, weights(2))[0], {-kInfinity, -0.1875});
}

TEST(GradientChoice, WhereGivesNothingToTheOtherArm) {
  const double bits[] = {1, 0};
  Tensor condition = Tensor::from(std::span<const double>(bits), {2}).to(DType::Bool);
  std::vector<Tensor> gradients =
      gradientsOf({"nn.where", {condition, vector({kNaN, kNaN}), vector({kNaN, kNaN})}, {}, {1, 2}}, weights(2));
  expectValues(gradients[0], {2, 0});
  expectValues(gradients[1], {0, 3});
}

TEST(GradientChoice, PaddingGetsNoGradient) {
  const int64_t rows[] = {1, 0, 1};
  Case embedding{"nn.embedding",
                 {Tensor::from(std::span<const int64_t>(rows), {3}), Tensor({2, 1}, DType::Float64)},
                 {{"padding_idx", int64_t{0}}},
                 {1}};
  const double upstream[] = {2, 3, 4};
  expectValues(gradientsOf(embedding, Tensor::from(std::span<const double>(upstream), {3, 1}))[0], {0, 6});
}

TEST(GradientChoice, DroppedElementsGetNoGradient) {
  const int64_t state[] = {5, 9};
  Tensor ones = vector(std::vector<double>(64, 1.0)), generator = Tensor::from(std::span<const int64_t>(state), {2});
  semantics::Attributes attributes{{"p", 0.5}, {"training", true}, {"site", int64_t{3}}};
  Tensor mask = semantics::evaluate("nn.dropout", std::vector<Tensor>{ones, generator}, attributes)[0];
  std::vector<double> expected(mask.data<double>(), mask.data<double>() + mask.numel());
  expectValues(gradientsOf({"nn.dropout", {ones, generator}, attributes, {0}}, ones)[0], expected);
}

} // namespace
