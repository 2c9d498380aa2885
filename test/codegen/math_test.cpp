// The functions that compiled code has instead of libm: within two units in the last place of the true value, and C's special
// cases.
#include "compiled_program.h"
#include "kernel_cases.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace kiln::test {
namespace {

using runtime::DType;
using runtime::Tensor;

using Exact = long double (*)(long double);

struct MathCase {
  const char *op;
  Exact exact;
  double low, high; // of the values tried
};

/// Distance in units of the last place of the rounded true value; 0 for two NaNs.
template <class T> double ulps(T actual, long double exact) {
  T rounded = static_cast<T>(exact);
  if (std::isnan(actual) || std::isnan(rounded))
    return std::isnan(actual) == std::isnan(rounded) ? 0 : std::numeric_limits<double>::infinity();
  if (actual == rounded)
    return 0;
  if (std::isinf(actual) || std::isinf(rounded)) // one step over the largest number counts as one
    return std::abs(std::isinf(actual) ? rounded : actual) == std::numeric_limits<T>::max()
               ? 1
               : std::numeric_limits<double>::infinity();
  T next = std::nextafter(std::abs(rounded), std::numeric_limits<T>::infinity());
  return static_cast<double>(std::abs(static_cast<long double>(actual) - exact) / (next - std::abs(rounded)));
}

template <class T> std::vector<T> samples(const MathCase &mathCase) {
  std::vector<T> values = {0,
                           -0.0,
                           1,
                           -1,
                           std::numeric_limits<T>::infinity(),
                           -std::numeric_limits<T>::infinity(),
                           std::numeric_limits<T>::quiet_NaN(),
                           std::numeric_limits<T>::min(),
                           std::numeric_limits<T>::denorm_min(),
                           std::numeric_limits<T>::max(),
                           T(88.7),
                           T(-87.5),
                           T(-103.9),
                           T(709.7),
                           T(-745.1),
                           T(0.625),
                           T(0.62499999)};
  for (int i = 0; i <= 20000; ++i)
    values.push_back(static_cast<T>(mathCase.low + (mathCase.high - mathCase.low) * i / 20000));
  return values;
}

template <class T> void check(const MathCase &mathCase, DType dtype, const char *element) {
  std::string type = std::string("tensor<?x") + element + ", #nn.shape<n>>";
  CompiledProgram program(moduleText("func.func @f(%x: " + type + ") -> " + type + " attributes {nn.entry} {\n  %y = nn." +
                                     mathCase.op + " %x : " + type + "\n  return %y : " + type + "\n}"),
                          Optimize::Yes);
  ASSERT_TRUE(program.ok()) << program.message();
  std::vector<T> values = samples<T>(mathCase);
  Tensor x = Tensor::from<T>(values, {static_cast<int64_t>(values.size())});
  for (const std::string &set : runnableInstructionSets()) {
    Tensor y = program.model(set, 1).call("f", {x})[0];
    for (size_t i = 0; i < values.size(); ++i)
      ASSERT_LE(ulps(y.data<T>()[i], mathCase.exact(values[i])), 2)
          << mathCase.op << "(" << values[i] << ") = " << y.data<T>()[i] << ", " << set;
  }
}

class MathTest : public testing::TestWithParam<MathCase> {};

TEST_P(MathTest, FloatIsWithinTwoUlps) { check<float>(GetParam(), DType::Float32, "f32"); }
TEST_P(MathTest, DoubleIsWithinTwoUlps) { check<double>(GetParam(), DType::Float64, "f64"); }

INSTANTIATE_TEST_SUITE_P(Functions, MathTest,
                         testing::Values(MathCase{"exp", [](long double x) { return std::exp(x); }, -110, 95},
                                         MathCase{"log", [](long double x) { return std::log(x); }, 1e-6, 12},
                                         MathCase{"tanh", [](long double x) { return std::tanh(x); }, -12, 12},
                                         MathCase{"sigmoid", [](long double x) { return 1 / (1 + std::exp(-x)); }, -20, 20},
                                         MathCase{"rsqrt", [](long double x) { return 1 / std::sqrt(x); }, 0.001, 50}),
                         [](const testing::TestParamInfo<MathCase> &info) { return info.param.op; });

} // namespace
} // namespace kiln::test
