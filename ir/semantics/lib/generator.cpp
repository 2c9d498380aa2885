// The Mersenne twister (Matsumoto and Nishimura, 1998) and PyTorch's distributions except the
// normal one (generator_normal.cpp).
#include "kiln/semantics/generator.h"

#include <cmath>
#include <limits>
#include <numeric>

#include "kiln/runtime/half.h"
#include "memory_order.h"

namespace kiln::semantics {

namespace {

constexpr int kShift = 397;

uint32_t twist(uint32_t high, uint32_t low) {
  const uint32_t mixed = (high & 0x80000000u) | (low & 0x7fffffffu);
  return (mixed >> 1) ^ ((low & 1u) ? 0x9908b0dfu : 0u);
}

// Writes draw() to each element in memory order, converted to T.
template <class T, class Draw> void fill(const Tensor &tensor, Draw draw) {
  T *data = tensor.data<T>();
  runtime::for_each_offset(in_memory_order(tensor),
                           [&](int64_t offset) { data[offset] = static_cast<T>(draw()); });
}

// The same for every element type; 16-bit floats are written by conversion from float.
template <class Draw> void fill_any(const Tensor &tensor, Draw draw) {
  if (is_16_bit_float(tensor.dtype())) {
    const Tensor ordered = in_memory_order(tensor);
    Tensor wide(sizes_of(ordered), DType::Float32);
    fill<float>(wide, draw);
    ordered.copy_(wide);
    return;
  }
  dispatch_all(tensor.dtype(), "random", [&]<class T>(Type<T>) { fill<T>(tensor, draw); });
}

double largest_float(DType dtype) {
  switch (dtype) {
  case DType::Float16:
    return 65504;
  case DType::BFloat16:
    return 0x1.fep127;
  case DType::Float32:
    return std::numeric_limits<float>::max();
  default:
    return std::numeric_limits<double>::max();
  }
}

// Bits of the significand, with the implied one: integers up to 2^digits are exact.
int significand_digits(DType dtype) {
  switch (dtype) {
  case DType::Float16:
    return 11;
  case DType::BFloat16:
    return 8;
  case DType::Float32:
    return 24;
  default:
    return 53;
  }
}

// Whether an integer is a value of an integer type.
bool represents(DType dtype, int64_t value) {
  if (dtype == DType::Bool)
    return value == 0 || value == 1;
  return dispatch_all(dtype, "random_", [&]<class T>(Type<T>) {
    if constexpr (std::is_floating_point_v<T>)
      return true;
    else
      return value >= static_cast<int64_t>(std::numeric_limits<T>::lowest()) &&
             value <= static_cast<int64_t>(std::numeric_limits<T>::max());
  });
}

void check_bound(const Tensor &tensor, int64_t value, const char *which) {
  const DType dtype = tensor.dtype();
  const bool fits = is_16_bit_float(dtype)
                        ? std::fabs(static_cast<double>(value)) <= largest_float(dtype)
                        : represents(dtype, value);
  if (!fits)
    throw ValueError(std::string(which) + " is out of bounds for " +
                     std::string(cpp_type_name(dtype)));
}

} // namespace

void Generator::manual_seed(uint64_t seed) {
  std::lock_guard lock(mutex_);
  seed_ = seed;
  state_[0] = static_cast<uint32_t>(seed);
  for (int i = 1; i < kStateSize; ++i)
    state_[i] = 1812433253u * (state_[i - 1] ^ (state_[i - 1] >> 30)) + static_cast<uint32_t>(i);
  position_ = kStateSize;
  next_normal_.reset();
}

void Generator::refill() {
  for (int i = 0; i < kStateSize; ++i)
    state_[i] = state_[(i + kShift) % kStateSize] ^ twist(state_[i], state_[(i + 1) % kStateSize]);
  position_ = 0;
}

uint32_t Generator::random() {
  if (position_ == kStateSize)
    refill();
  uint32_t word = state_[position_++];
  word ^= word >> 11;
  word ^= (word << 7) & 0x9d2c5680u;
  word ^= (word << 15) & 0xefc60000u;
  return word ^ (word >> 18);
}

uint64_t Generator::random64() {
  const uint64_t high = random();
  return (high << 32) | random();
}

float Generator::uniform_float() { return static_cast<float>(random() & 0xffffffu) * 0x1p-24f; }

double Generator::uniform_double() {
  return static_cast<double>(random64() & ((uint64_t{1} << 53) - 1)) * 0x1p-53;
}

template <> float Generator::uniform01<float>() { return uniform_float(); }
template <> double Generator::uniform01<double>() { return uniform_double(); }

void Generator::uniform_(const Tensor &tensor, double low, double high) {
  const DType dtype = tensor.dtype();
  const std::string type(runtime::scalar_type_name(dtype));
  if (!runtime::is_floating_point(dtype))
    throw ValueError("\"check_uniform_bounds\" not implemented for '" + type + "'");
  const double limit = largest_float(dtype);
  for (auto [value, which] : {std::pair(low, "from"), std::pair(high, "to")})
    if (!(value >= -limit && value <= limit))
      throw ValueError(std::string(which) + " is out of bounds for " +
                       std::string(cpp_type_name(dtype)));
  if (low > high)
    throw ValueError("uniform_ expects to return a [from, to) range, but found from=" +
                     stream_text(low) + " > to=" + stream_text(high));
  if (high - low > limit)
    throw ValueError("uniform_ expects to-from <= std::numeric_limits<" + type +
                     ">::max(), but found to=" + stream_text(high) + " and from=" +
                     stream_text(low) + " which result in to-from to exceed the limit");
  std::lock_guard lock(mutex_);
  if (is_16_bit_float(dtype)) { // drawn as float; where rounding reaches the excluded bound, the
                                // other one is taken
    const auto rounded = [dtype](float value) {
      return dtype == DType::Float16
                 ? runtime::float_from_half(runtime::half_from_float(value))
                 : runtime::float_from_bfloat16(runtime::bfloat16_from_float(value));
    };
    const float from = static_cast<float>(low), range = static_cast<float>(high) - from;
    const float excluded = rounded(static_cast<float>(high));
    return fill_any(tensor, [&] {
      const float value = std::fma(uniform_float(), range, from);
      return rounded(value) == excluded ? from : value;
    });
  }
  // Fused, as PyTorch's kernel is compiled.
  dispatch_floating(dtype, "uniform_", [&]<class T>(Type<T>) {
    const T from = static_cast<T>(low), range = static_cast<T>(high) - from;
    fill<T>(tensor, [&] { return std::fma(uniform01<T>(), range, from); });
  });
}

void Generator::bernoulli_(const Tensor &tensor, double p) {
  if (!(p >= 0 && p <= 1))
    throw ValueError("bernoulli_ expects p to be in [0, 1], but got p=" + stream_text(p));
  std::lock_guard lock(mutex_);
  fill_any(tensor, [&] { return uniform_double() < p ? 1 : 0; });
}

void Generator::random_(const Tensor &tensor, int64_t low, int64_t high) {
  if (low >= high)
    throw ValueError("random_ expects 'from' to be less than 'to', but got from=" +
                     std::to_string(low) + " >= to=" + std::to_string(high));
  check_bound(tensor, low, "from");
  check_bound(tensor, high - 1, "to - 1");
  // PyTorch's threshold: below it one word is drawn and the bias of the remainder is small.
  constexpr uint64_t kOneWordRange = uint64_t{1} << 28;
  const uint64_t range = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
  std::lock_guard lock(mutex_);
  fill_any(tensor, [&] {
    const uint64_t drawn = range >= kOneWordRange ? random64() : random();
    return static_cast<int64_t>(drawn % range + static_cast<uint64_t>(low));
  });
}

void Generator::random_(const Tensor &tensor) {
  const DType dtype = tensor.dtype();
  std::lock_guard lock(mutex_);
  if (runtime::is_floating_point(dtype)) {
    const uint64_t count = (uint64_t{1} << significand_digits(dtype)) + 1;
    return fill_any(tensor,
                    [&] { return (dtype == DType::Float64 ? random64() : random()) % count; });
  }
  if (dtype == DType::Bool)
    return fill_any(tensor, [&] { return (random() & 1u) != 0; });
  dispatch_numbers(dtype, "random_", [&]<class T>(Type<T>) {
    if constexpr (std::is_integral_v<T>) {
      const uint64_t count = static_cast<uint64_t>(std::numeric_limits<T>::max()) + 1;
      fill<T>(tensor, [&] { return (sizeof(T) == 8 ? random64() : random()) % count; });
    }
  });
}

Tensor Generator::randperm(int64_t n) {
  if (n < 0)
    throw ValueError("Trying to create tensor with negative dimension " + std::to_string(n) +
                     ": [" + std::to_string(n) + "]");
  Tensor result({n}, DType::Int64);
  int64_t *data = result.data<int64_t>();
  std::iota(data, data + n, int64_t{0});
  std::lock_guard lock(mutex_);
  // From here on one word would be visibly biased; PyTorch draws two.
  const bool wide = n >= std::numeric_limits<uint32_t>::max() / 20;
  for (int64_t i = 0; i + 1 < n; ++i) {
    const uint64_t drawn = wide ? random64() : random();
    std::swap(data[i], data[i + static_cast<int64_t>(drawn % static_cast<uint64_t>(n - i))]);
  }
  return result;
}

Generator &default_generator() {
  static Generator generator;
  return generator;
}

} // namespace kiln::semantics
