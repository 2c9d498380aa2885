// Zeros of either sign, NaN, and numbers that an integer type cannot hold: what compiled code makes of them is PyTorch 2.15's, in
// whole vectors and in what is left over.
#include "compiled_program.h"
#include "kernel_cases.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace kiln::test {
namespace {

using runtime::DType;
using runtime::Tensor;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN(), kInfinity = std::numeric_limits<double>::infinity();

std::string vectorType(const std::string &element) { return "tensor<?x" + element + ", #nn.shape<n>>"; }

std::string binary(const std::string &op, const std::string &element) {
  std::string type = vectorType(element);
  return moduleText("func.func @f(%x: " + type + ", %y: " + type + ") -> " + type + " attributes {nn.entry} {\n  %z = nn." + op +
                    " %x, %y : " + type + "\n  return %z : " + type + "\n}");
}

/// `values`, `copies` of each in a row, as `dtype`.
Tensor repeated(const std::vector<double> &values, int copies, DType dtype) {
  std::vector<double> all;
  for (double value : values)
    all.insert(all.end(), copies, value);
  return Tensor::from<double>(all, {static_cast<int64_t>(all.size())}).to(dtype);
}

/// Equal with the sign of zeros; NaN is NaN.
void expectSame(const Tensor &actual, const std::vector<double> &expected, int copies) {
  Tensor wide = actual.to(DType::Float64);
  for (size_t i = 0; i < expected.size(); ++i)
    for (int copy = 0; copy < copies; ++copy) {
      double value = wide.data<double>()[i * copies + copy];
      if (std::isnan(expected[i]))
        EXPECT_TRUE(std::isnan(value)) << i;
      else
        EXPECT_TRUE(value == expected[i] && std::signbit(value) == std::signbit(expected[i]))
            << "element " << i << ": " << value << ", expected " << expected[i];
    }
}

struct FloatCase {
  const char *element;
  DType dtype;
};

class SpecialValuesTest : public testing::TestWithParam<FloatCase> {};

TEST_P(SpecialValuesTest, ReluKeepsWhatIsNotNegative) {
  auto [element, dtype] = GetParam();
  std::string type = vectorType(element);
  CompiledProgram program(moduleText("func.func @f(%x: " + type + ") -> " + type + " attributes {nn.entry} {\n  %y = nn.relu %x : " +
                                     type + "\n  return %y : " + type + "\n}"),
                          Optimize::Yes);
  ASSERT_TRUE(program.ok()) << program.message();
  // torch.relu(torch.tensor([0., -0., 1., -1., inf, -inf, nan])), of any length.
  const std::vector<double> values = {0.0, -0.0, 1, -1, kInfinity, -kInfinity, kNaN};
  const std::vector<double> expected = {0.0, -0.0, 1, 0, kInfinity, 0, kNaN};
  for (const std::string &set : runnableInstructionSets())
    for (int copies : {1, 64}) {
      SCOPED_TRACE(set + ", " + std::to_string(copies));
      expectSame(program.model(set, 1).call("f", {repeated(values, copies, dtype)})[0], expected, copies);
    }
}

TEST_P(SpecialValuesTest, OfEqualZerosTheSecondIsChosen) {
  auto [element, dtype] = GetParam();
  // What torch.maximum and torch.minimum give in whole vectors; in what is left over PyTorch takes the first of equal zeros.
  const std::vector<double> left = {0.0, -0.0, 1, kNaN, 2, -kInfinity}, right = {-0.0, 0.0, kNaN, 1, -3, kInfinity};
  const std::vector<double> largest = {-0.0, 0.0, kNaN, kNaN, 2, kInfinity}, smallest = {-0.0, 0.0, kNaN, kNaN, -3, -kInfinity};
  for (bool isMaximum : {true, false}) {
    CompiledProgram program(binary(isMaximum ? "maximum" : "minimum", element), Optimize::Yes);
    ASSERT_TRUE(program.ok()) << program.message();
    for (const std::string &set : runnableInstructionSets())
      for (int copies : {1, 64}) {
        SCOPED_TRACE(set + ", " + std::to_string(copies) + (isMaximum ? " maximum" : " minimum"));
        expectSame(program.model(set, 1).call("f", {repeated(left, copies, dtype), repeated(right, copies, dtype)})[0],
                   isMaximum ? largest : smallest, copies);
      }
  }
}

TEST_P(SpecialValuesTest, ConversionToIntegersKeepsLowBits) {
  auto [element, dtype] = GetParam();
  // x.to(dtype) for these, of any length.
  const std::vector<double> values = {-1, -1.5, 256, 300, 255.5, -0.5, -0.0, kNaN, kInfinity, -kInfinity};
  constexpr double kMin32 = -0x1p31, kMin64 = -0x1p63;
  struct Target {
    const char *element;
    std::vector<double> expected;
  };
  const bool isCoarse = dtype == DType::BFloat16; // 255.5 is 256 there
  const double last = isCoarse ? 256 : 255;
  const std::vector<Target> targets = {
      {"ui8", {255, 255, 0, 44, isCoarse ? 0.0 : 255, 0, 0, 0, 0, 0}},
      {"i8", {-1, -1, 0, 44, isCoarse ? 0.0 : -1, 0, 0, 0, 0, 0}},
      {"i16", {-1, -1, 256, 300, last, 0, 0, 0, 0, 0}},
      {"i32", {-1, -1, 256, 300, last, 0, 0, kMin32, kMin32, kMin32}},
      {"i64", {-1, -1, 256, 300, last, 0, 0, kMin64, kMin64, kMin64}},
      {"i1", {1, 1, 1, 1, 1, 1, 0, 1, 1, 1}}};
  for (const Target &target : targets) {
    std::string from = vectorType(element), to = vectorType(target.element);
    CompiledProgram program(moduleText("func.func @f(%x: " + from + ") -> " + to + " attributes {nn.entry} {\n  %y = nn.cast %x to " +
                                       target.element + " : (" + from + ") -> " + to + "\n  return %y : " + to + "\n}"),
                            Optimize::Yes);
    ASSERT_TRUE(program.ok()) << program.message();
    for (const std::string &set : runnableInstructionSets())
      for (int copies : {1, 64}) {
        SCOPED_TRACE(std::string(element) + " to " + target.element + ", " + set + ", " + std::to_string(copies));
        expectSame(program.model(set, 1).call("f", {repeated(values, copies, dtype)})[0], target.expected, copies);
      }
  }
}

TEST_P(SpecialValuesTest, SoftmaxOfInfinities) {
  auto [element, dtype] = GetParam();
  // torch.softmax of each row; infinitely small scores before them change nothing.
  const std::vector<std::vector<double>> rows = {{1e4, -1e4, 0, 3e4},           {kInfinity, 1, 2, 3}, {-kInfinity, 1, 1, -kInfinity},
                                                 {1, 2, kNaN, 3},               {-kInfinity, -kInfinity, -kInfinity, -kInfinity},
                                                 {-kInfinity, -kInfinity, -kInfinity, 7}};
  const std::vector<std::vector<double>> expected = {{0, 0, 0, 1}, {kNaN, kNaN, kNaN, kNaN}, {0, 0.5, 0.5, 0},
                                                     {kNaN, kNaN, kNaN, kNaN}, {kNaN, kNaN, kNaN, kNaN}, {0, 0, 0, 1}};
  std::string type = std::string("tensor<?x?x") + element + ", #nn.shape<m, n>>";
  for (int dim : {0, 1}) {
    CompiledProgram program(moduleText("func.func @f(%x: " + type + ") -> " + type + " attributes {nn.entry} {\n  %y = nn.softmax %x dim = " +
                                       std::to_string(dim) + " : " + type + "\n  return %y : " + type + "\n}"),
                            Optimize::Yes);
    ASSERT_TRUE(program.ok()) << program.message();
    for (int64_t padding : {0, 64}) {
      // A row's result is NaN all along it, or 0 in the padding. As many rows as fill a vector, and some more.
      constexpr size_t kRows = 18;
      std::vector<double> scores, probabilities;
      for (size_t number = 0; number < kRows; ++number) {
        const size_t row = number % rows.size();
        scores.insert(scores.end(), padding, -kInfinity);
        scores.insert(scores.end(), rows[row].begin(), rows[row].end());
        probabilities.insert(probabilities.end(), padding, std::isnan(expected[row][0]) ? kNaN : 0.0);
        probabilities.insert(probabilities.end(), expected[row].begin(), expected[row].end());
      }
      Tensor input = Tensor::from<double>(scores, {static_cast<int64_t>(kRows), padding + 4}).to(dtype);
      for (const std::string &set : runnableInstructionSets()) {
        SCOPED_TRACE(set + ", dimension " + std::to_string(dim) + ", padding " + std::to_string(padding));
        Tensor given = dim == 1 ? input : input.transpose(0, 1).contiguous();
        Tensor result = program.model(set, 1).call("f", {given})[0];
        expectSame(dim == 1 ? result : result.transpose(0, 1).contiguous(), probabilities, 1);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Floats, SpecialValuesTest,
                         testing::Values(FloatCase{"f16", DType::Float16}, FloatCase{"bf16", DType::BFloat16},
                                         FloatCase{"f32", DType::Float32}, FloatCase{"f64", DType::Float64}),
                         [](const testing::TestParamInfo<FloatCase> &info) { return std::string(info.param.element); });

// As bytes from 0 to 255 in every use, where arith's own type has a sign.
TEST(UnsignedTest, BytesHaveNoSign) {
  // torch: maximum, minimum, a + b, a - b, a * b and a.to(float32) of a = [200, 100, 255], b = [100, 200, 1], all uint8.
  const std::vector<double> left = {200, 100, 255}, right = {100, 200, 1};
  const std::vector<std::pair<const char *, std::vector<double>>> cases = {{"maximum", {200, 200, 255}},
                                                                           {"minimum", {100, 100, 1}},
                                                                           {"add", {44, 44, 0}},
                                                                           {"sub", {100, 156, 254}},
                                                                           {"mul", {32, 32, 255}}};
  for (auto &[op, expected] : cases) {
    CompiledProgram program(binary(op, "ui8"), Optimize::Yes);
    ASSERT_TRUE(program.ok()) << program.message();
    for (const std::string &set : runnableInstructionSets())
      for (int copies : {1, 64}) {
        SCOPED_TRACE(std::string(op) + ", " + set + ", " + std::to_string(copies));
        Tensor a = repeated(left, copies, DType::UInt8), b = repeated(right, copies, DType::UInt8);
        expectSame(program.model(set, 1).call("f", {a, b})[0], expected, copies);
      }
  }
}

/// A convolution over 4 x 4 positions, padded by 1, with input channel 0's first tap infinite for output channel 0.
Tensor convolvedWithInfinity(int64_t groups, const std::string &set) {
  constexpr int64_t kChannels = 16, kSide = 4;
  const int64_t depth = kChannels / groups;
  const std::string x = fmt::format("tensor<1x{}x4x4xf32>", kChannels), w = fmt::format("tensor<{}x{}x3x3xf32>", kChannels, depth);
  CompiledProgram program(
      moduleText(fmt::format("func.func @f(%x: {0}, %w: {1}) -> {0} attributes {{nn.entry}} {{\n  %y = nn.conv %x, %w stride = [1, 1] "
                             "padding_low = [1, 1] padding_high = [1, 1] dilation = [1, 1] groups = {2} : ({0}, {1}) -> {0}\n"
                             "  return %y : {0}\n}}",
                             x, w, groups)),
      Optimize::Yes);
  EXPECT_TRUE(program.ok()) << program.message();
  std::vector<double> input(kChannels * kSide * kSide, 1), weight(kChannels * depth * 9, 0.5);
  weight[0] = kInfinity;
  return program.model(set, 1).call("f", {Tensor::from<double>(input, {1, kChannels, kSide, kSide}).to(DType::Float32),
                                          Tensor::from<double>(weight, {kChannels, depth, 3, 3}).to(DType::Float32)})[0];
}

// Infinite where the tap is inside the input, finite in other channels. Where the tap is in the padding, it is left out where groups have few
// channels; elsewhere it is 0 times infinity, as in torch.nn.functional.conv2d where that copies windows.
TEST(ConvolutionTest, AnInfiniteWeightShowsWhereItsTapIs) {
  for (const std::string &set : runnableInstructionSets())
    for (int64_t groups : {1, 8, 16}) {
      SCOPED_TRACE(set + ", groups " + std::to_string(groups));
      const Tensor result = convolvedWithInfinity(groups, set);
      for (int64_t i = 0; i < result.numel(); ++i) {
        const bool isInside = i / 4 % 4 > 0 && i % 4 > 0;
        const float value = result.data<float>()[i];
        if (i >= 16)
          EXPECT_TRUE(std::isfinite(value)) << i;
        else if (isInside)
          EXPECT_EQ(value, static_cast<float>(kInfinity)) << i;
        else
          EXPECT_TRUE(groups == 1 ? std::isnan(value) : std::isfinite(value)) << i << ": " << value;
      }
    }
}

} // namespace
} // namespace kiln::test
