// Conversions to and from f16 and bf16, in every instruction set: all values of the narrow types, and the numbers around which
// rounding turns. Expected values come from the definition of the formats: sign, exponent, mantissa, and the nearest neighbour.
#include "compiled_program.h"
#include "kernel_cases.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <functional>
#include <limits>

namespace kiln::test {
namespace {

using runtime::DType;
using runtime::Tensor;

/// A binary format of 16 bits: one for the sign, some for the exponent, the rest for the mantissa.
struct Format {
  const char *element;
  DType dtype;
  int mantissaBits, bias;

  int infinity() const { return (2 * bias + 1) << mantissaBits; }
  /// The value of 15 bits, infinity taken for the number that would come next.
  double magnitude(int bits) const {
    int exponent = bits >> mantissaBits, mantissa = bits & ((1 << mantissaBits) - 1);
    return exponent == 0 ? std::ldexp(mantissa, 1 - bias - mantissaBits)
                         : std::ldexp(mantissa + (1 << mantissaBits), exponent - bias - mantissaBits);
  }
  double value(uint16_t bits) const {
    int magnitudeBits = bits & 0x7fff;
    double result = magnitudeBits > infinity()    ? std::numeric_limits<double>::quiet_NaN()
                    : magnitudeBits == infinity() ? std::numeric_limits<double>::infinity()
                                                  : magnitude(magnitudeBits);
    return std::copysign(result, bits & 0x8000 ? -1.0 : 1.0);
  }
  /// The nearest number's bits, the even one's of two that are equally near. Not for NaN.
  uint16_t nearest(double x) const {
    double target = std::abs(x);
    int low = 0, high = infinity(); // the last one that is not above, by bisection
    while (high - low > 1) {
      int middle = (low + high) / 2;
      (magnitude(middle) <= target ? low : high) = middle;
    }
    double below = target - magnitude(low), above = magnitude(high) - target;
    int bits = below < above || (below == above && low % 2 == 0) ? low : high;
    return static_cast<uint16_t>(bits | (std::signbit(x) ? 0x8000 : 0));
  }
};

constexpr Format kFormats[] = {{"f16", DType::Float16, 10, 15}, {"bf16", DType::BFloat16, 7, 127}};

class NarrowFloatTest : public testing::TestWithParam<Format> {
protected:
  static std::string vectorType(const std::string &element) { return "tensor<?x" + element + ", #nn.shape<n>>"; }
  static Tensor all() {
    Tensor x({65536}, GetParam().dtype);
    for (int i = 0; i < 65536; ++i)
      static_cast<uint16_t *>(x.data())[i] = static_cast<uint16_t>(i);
    return x;
  }
  /// Runs a cast in each instruction set.
  static void castAll(const std::string &from, const std::string &to, const Tensor &x,
                      const std::function<void(const Tensor &)> &check) {
    const std::string source = vectorType(from), target = vectorType(to);
    CompiledProgram program(moduleText("func.func @f(%x: " + source + ") -> " + target + " attributes {nn.entry} {\n  %y = nn.cast %x to " +
                                       to + " : (" + source + ") -> " + target + "\n  return %y : " + target + "\n}"),
                            Optimize::Yes);
    ASSERT_TRUE(program.ok()) << program.message();
    for (const std::string &set : runnableInstructionSets()) {
      SCOPED_TRACE(from + " to " + to + ", " + set);
      check(program.model(set, 1).call("f", {x})[0]);
    }
  }
};

TEST_P(NarrowFloatTest, EveryValueIsExtendedExactly) {
  Tensor x = all();
  auto check = [&]<class T>(const Tensor &y, T) {
    for (int i = 0; i < 65536; ++i) {
      double expected = GetParam().value(static_cast<uint16_t>(i)), actual = y.data<T>()[i];
      if (std::isnan(expected))
        ASSERT_TRUE(std::isnan(actual)) << std::hex << i;
      else
        ASSERT_EQ(std::bit_cast<uint64_t>(actual), std::bit_cast<uint64_t>(expected)) << std::hex << i; // the sign of zeros too
    }
  };
  castAll(GetParam().element, "f32", x, [&](const Tensor &y) { check(y, float()); });
  castAll(GetParam().element, "f64", x, [&](const Tensor &y) { check(y, double()); });
}

TEST_P(NarrowFloatTest, TruncationRoundsToNearestEven) {
  const Format &format = GetParam();
  std::vector<float> values;
  auto addAround = [&](double value) {
    float x = static_cast<float>(value);
    for (float near : {x, std::nextafter(x, INFINITY), std::nextafter(x, -INFINITY)})
      values.insert(values.end(), {near, -near});
  };
  for (int bits = 0; bits < format.infinity(); ++bits) {
    addAround(format.magnitude(bits));
    addAround((format.magnitude(bits) + format.magnitude(bits + 1)) / 2); // where rounding turns
  }
  for (float x : {std::numeric_limits<float>::max(), std::numeric_limits<float>::min(), std::numeric_limits<float>::denorm_min(),
                  65535.0f, 65536.0f, 70000.0f})
    addAround(x);
  const int64_t count = static_cast<int64_t>(values.size());
  Tensor x = Tensor::from<float>(values, {count});
  auto check = [&](const Tensor &y) {
    for (int64_t i = 0; i < count; ++i)
      ASSERT_EQ(static_cast<uint16_t *>(y.data())[i], format.nearest(values[i])) << std::hexfloat << values[i];
  };
  castAll("f32", format.element, x, check);
  castAll("f64", format.element, x.to(DType::Float64), check);
}

TEST_P(NarrowFloatTest, InfinityAndNaNAreKept) {
  const float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> values = {infinity, -infinity};
  // Quiet and signalling, and payloads that only the bits cut off would hold.
  for (uint32_t bits : {0x7fc00000u, 0xffc00000u, 0x7fa00000u, 0x7f800001u, 0xff801000u, 0x7fffffffu, 0xffffffffu})
    values.push_back(std::bit_cast<float>(bits));
  castAll("f32", GetParam().element, Tensor::from<float>(values, {static_cast<int64_t>(values.size())}), [&](const Tensor &y) {
    const uint16_t *bits = static_cast<uint16_t *>(y.data());
    EXPECT_EQ(bits[0], GetParam().infinity());
    EXPECT_EQ(bits[1], GetParam().infinity() | 0x8000);
    for (size_t i = 2; i < values.size(); ++i)
      EXPECT_GT(bits[i] & 0x7fff, GetParam().infinity()) << i;
  });
}

// Sums, differences, products and quotients of two narrow numbers are exact in double or so near that rounding sees no difference.
TEST_P(NarrowFloatTest, ArithmeticRoundsOnce) {
  const Format &format = GetParam();
  std::string type = vectorType(format.element);
  std::string body;
  for (const char *op : {"add", "sub", "mul", "div"})
    body += std::string("  %") + op + " = nn." + op + " %x, %y : " + type + "\n";
  std::string results = type + ", " + type + ", " + type + ", " + type;
  CompiledProgram program(moduleText("func.func @f(%x: " + type + ", %y: " + type + ") -> (" + results +
                                     ") attributes {nn.entry} {\n" + body + "  return %add, %sub, %mul, %div : " + results + "\n}"),
                          Optimize::Yes);
  ASSERT_TRUE(program.ok()) << program.message();
  Tensor x = all(), y({65536}, format.dtype);
  for (uint32_t i = 0; i < 65536; ++i)
    static_cast<uint16_t *>(y.data())[i] = static_cast<uint16_t>(i * 40503u + 12345u); // each once, in another order
  for (const std::string &set : runnableInstructionSets()) {
    SCOPED_TRACE(set);
    std::vector<Tensor> outputs = program.model(set, 1).call("f", {x, y});
    for (int i = 0; i < 65536; ++i) {
      double a = format.value(static_cast<uint16_t>(i)), b = format.value(static_cast<uint16_t *>(y.data())[i]);
      double expected[] = {a + b, a - b, a * b, a / b};
      for (int op = 0; op < 4; ++op) {
        uint16_t actual = static_cast<uint16_t *>(outputs[op].data())[i];
        if (std::isnan(expected[op])) {
          ASSERT_GT(actual & 0x7fff, format.infinity()) << a << ", " << b << ", operation " << op;
          continue;
        }
        // By way of float, as PyTorch computes it.
        double rounded = static_cast<float>(expected[op]);
        ASSERT_EQ(actual, std::isinf(rounded) ? (format.infinity() | (rounded < 0 ? 0x8000 : 0)) : format.nearest(rounded))
            << a << ", " << b << ", operation " << op;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, NarrowFloatTest, testing::ValuesIn(kFormats),
                         [](const testing::TestParamInfo<Format> &info) { return std::string(info.param.element); });

} // namespace
} // namespace kiln::test
