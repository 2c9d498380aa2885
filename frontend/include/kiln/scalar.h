// Scalar: a number that takes part in tensor arithmetic.
//
// Remembers which kind of number it was, because PyTorch's type promotion treats `x + 1` and `x + 1.0` differently when x holds
// integers.
#pragma once

#include <cstdint>
#include <type_traits>

#include "kiln/runtime/dtype.h"

namespace kiln {

class Scalar {
public:
  template <class T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0> Scalar(T value) {
    if constexpr (std::is_same_v<T, bool>) {
      kind_ = runtime::DType::Bool;
      integer_ = value;
    } else if constexpr (std::is_integral_v<T>) {
      kind_ = runtime::DType::Int64;
      integer_ = static_cast<int64_t>(value);
    } else {
      kind_ = runtime::DType::Float64;
      real_ = static_cast<double>(value);
    }
  }

  /// Bool, Int64 or Float64.
  runtime::DType kind() const { return kind_; }
  bool is_floating_point() const { return kind_ == runtime::DType::Float64; }
  bool is_boolean() const { return kind_ == runtime::DType::Bool; }
  double to_double() const { return is_floating_point() ? real_ : static_cast<double>(integer_); }
  int64_t to_int64() const { return is_floating_point() ? static_cast<int64_t>(real_) : integer_; }

private:
  runtime::DType kind_ = runtime::DType::Int64;
  int64_t integer_ = 0;
  double real_ = 0;
};

} // namespace kiln
