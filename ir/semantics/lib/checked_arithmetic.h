// Arithmetic on sizes that throws instead of wrapping.
#pragma once

#include <cstdint>

#include "kiln/runtime/error.h"

namespace kiln::semantics {

[[noreturn]] inline void throw_size_overflow() {
  throw runtime::ValueError("size expression overflow: the value does not fit 64 bits");
}

inline int64_t checked_add(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_add_overflow(a, b, &result))
    throw_size_overflow();
  return result;
}

inline int64_t checked_subtract(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_sub_overflow(a, b, &result))
    throw_size_overflow();
  return result;
}

inline int64_t checked_multiply(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_mul_overflow(a, b, &result))
    throw_size_overflow();
  return result;
}

/// Rounds toward minus infinity; `divisor` > 0.
inline int64_t floor_divide(int64_t value, int64_t divisor) {
  return value / divisor - (value % divisor < 0 ? 1 : 0);
}

} // namespace kiln::semantics
