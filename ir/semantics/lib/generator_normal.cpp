// Normally distributed numbers, by PyTorch's three routes to the Box-Muller transform.
//
// Fewer than 16 elements, or strided ones: one number at a time, in double, the second of each pair
// kept for the next call. Otherwise blocks of 16: element j and element j + 8 of a block are one
// pair of uniforms and become one pair of normals; a last block that is not full is drawn anew over
// the last 16 elements. In double that uses the C library. In float PyTorch's kernel uses eight
// lanes of polynomial logarithm, sine and cosine (Cephes, Moshier 1989); here the same polynomials,
// one lane at a time, with the multiplications and additions fused where PyTorch's are, so that all
// bits agree.
#include <bit>
#include <cmath>
#include <numbers>

#include "kiln/semantics/generator.h"
#include "memory_order.h"

namespace kiln::semantics {

namespace {

// (((c0 * x + c1) * x + c2) ...)
template <std::size_t N> float polynomial(float x, const float (&coefficients)[N]) {
  float result = coefficients[0];
  for (std::size_t i = 1; i < N; ++i)
    result = std::fma(result, x, coefficients[i]);
  return result;
}

// Natural logarithm for x in (0, 1].
float log_float(float x) {
  constexpr float kCoefficients[] = {7.0376836292E-2f,  -1.1514610310E-1f, 1.1676998740E-1f,
                                     -1.2420140846E-1f, 1.4249322787E-1f,  -1.6668057665E-1f,
                                     2.0000714765E-1f,  -2.4999993993E-1f, 3.3333331174E-1f};
  constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f,
                  kSqrtHalf = 0.707106781186547524f;
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  // x = mantissa * 2^exponent with the mantissa in [sqrt(1/2), sqrt(2))
  float exponent = static_cast<float>(static_cast<int32_t>(bits >> 23) - 126);
  float mantissa = std::bit_cast<float>((bits & 0x007fffffu) | 0x3f000000u);
  if (mantissa < kSqrtHalf) {
    exponent -= 1.0f;
    mantissa = (mantissa - 1.0f) + mantissa;
  } else {
    mantissa -= 1.0f;
  }
  const float square = mantissa * mantissa;
  float tail = polynomial(mantissa, kCoefficients) * mantissa;
  tail = std::fma(tail, square, exponent * kLn2Low);
  tail = std::fma(-square, 0.5f, tail);
  return std::fma(exponent, kLn2High, mantissa + tail);
}

struct SineCosine {
  float sine, cosine;
};

// For x in [0, 2 pi).
SineCosine sine_cosine_float(float x) {
  constexpr float kFourOverPi = 1.27323954473516f;
  // Octant, rounded up to even; the angle minus octant * pi/4, with pi/4 in three parts.
  const int32_t octant = (static_cast<int32_t>(x * kFourOverPi) + 1) & ~1;
  const float steps = static_cast<float>(octant);
  x = std::fma(steps, -0.78515625f, x);
  x = std::fma(steps, -2.4187564849853515625e-4f, x);
  x = std::fma(steps, -3.77489497744594108e-8f, x);
  const float square = x * x;
  const float cosine_tail = polynomial(square, {2.443315711809948E-005f, -1.388731625493765E-003f,
                                                4.166664568298827E-002f}) *
                            square;
  const float cosine = std::fma(cosine_tail, square, -(square * 0.5f)) + 1.0f;
  const float sine_tail =
      polynomial(square, {-1.9515295891E-4f, 8.3321608736E-3f, -1.6666654611E-1f}) * square;
  const float sine = std::fma(sine_tail, x, x);
  const bool swapped = (octant & 2) != 0;
  const bool negative_sine = (octant & 4) != 0, negative_cosine = ((octant - 2) & 4) == 0;
  const SineCosine result = swapped ? SineCosine{cosine, sine} : SineCosine{sine, cosine};
  return {negative_sine ? -result.sine : result.sine,
          negative_cosine ? -result.cosine : result.cosine};
}

// 16 uniforms to 16 normals, in place.
void transform_block(float *data, float mean, float std) {
  constexpr float kTwoPi = static_cast<float>(2 * std::numbers::pi);
  for (int j = 0; j < 8; ++j) {
    const float radius = std::sqrt(-2.0f * log_float(1.0f - data[j])); // of (0, 1]
    const SineCosine angle = sine_cosine_float(kTwoPi * data[j + 8]);
    data[j] = std::fma(radius * angle.cosine, std, mean);
    data[j + 8] = std::fma(radius * angle.sine, std, mean);
  }
}

void transform_block(double *data, double mean, double std) {
  for (int j = 0; j < 8; ++j) {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - data[j]));
    const double theta = 2 * std::numbers::pi * data[j + 8];
    data[j] = std::fma(radius * std::cos(theta), std, mean);
    data[j + 8] = std::fma(radius * std::sin(theta), std, mean);
  }
}

constexpr int64_t kBlock = 16;

} // namespace

double Generator::normal_double() {
  if (next_normal_) {
    const double value = *next_normal_;
    next_normal_.reset();
    return value;
  }
  const double u1 = uniform_double(), u2 = uniform_double();
  const double radius = std::sqrt(-2.0 * std::log1p(-u2)), theta = 2.0 * std::numbers::pi * u1;
  next_normal_ = radius * std::sin(theta);
  return radius * std::cos(theta);
}

// `blocks_first`: the uniforms that only the last, redrawn block would use are not drawn, as in
// PyTorch's 16-bit kernels.
template <class T>
void Generator::fill_normal(const Tensor &tensor, double mean, double std, bool blocks_first) {
  const int64_t count = tensor.numel();
  T *data = tensor.data<T>();
  if (count < kBlock || !tensor.is_contiguous()) {
    runtime::for_each_offset(in_memory_order(tensor), [&](int64_t offset) {
      data[offset] = static_cast<T>(std::fma(normal_double(), std, mean));
    });
    return;
  }
  const int64_t drawn = blocks_first ? count / kBlock * kBlock : count;
  for (int64_t i = 0; i < drawn; ++i)
    data[i] = uniform01<T>();
  for (int64_t i = 0; i + kBlock <= count; i += kBlock)
    transform_block(data + i, static_cast<T>(mean), static_cast<T>(std));
  if (count % kBlock != 0) {
    T *last = data + count - kBlock;
    for (int64_t i = 0; i < kBlock; ++i)
      last[i] = uniform01<T>();
    transform_block(last, static_cast<T>(mean), static_cast<T>(std));
  }
}

void Generator::normal_(const Tensor &tensor, double mean, double std) {
  if (!(std >= 0)) {
    char text[32];
    std::snprintf(text, sizeof(text), "%g", std);
    throw ValueError(std::string("normal expects std >= 0.0, but found std ") + text);
  }
  if (!runtime::is_floating_point(tensor.dtype()))
    throw ValueError("\"normal_kernel_cpu\" not implemented for '" +
                     std::string(runtime::scalar_type_name(tensor.dtype())) + "'");
  std::lock_guard lock(mutex_);
  if (is_16_bit_float(tensor.dtype())) {
    Tensor wide(sizes_of(tensor), DType::Float32);
    fill_normal<float>(wide, mean, std, /*blocks_first=*/true);
    tensor.copy_(wide);
    return;
  }
  dispatch_floating(tensor.dtype(), "normal_kernel_cpu", [&]<class T>(Type<T>) {
    fill_normal<T>(tensor, mean, std, /*blocks_first=*/false);
  });
}

} // namespace kiln::semantics
