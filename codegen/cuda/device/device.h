//===- device.h - what CUDA kernels are written on -----------------*- C++ -*-===//
//
// The primitives of kernels: threads, barriers, shuffles, shared memory, arithmetic. Kernels use nothing else of CUDA, and no inline
// assembly. There are two implementations: CUDA's, below, and the host's (device_host.h), over which the very same source runs on a
// processor and is tested without a GPU.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_DEVICE_DEVICE_H
#define KILN_DEVICE_DEVICE_H

namespace kiln::device {
// Types have MLIR's names.
using i8 = signed char;
using i16 = short;
using i32 = int;
using i64 = long long;
using f32 = float;
using f64 = double;

/// Threads that run in step and can shuffle.
constexpr int kWarpThreads = 32;
} // namespace kiln::device

#ifdef __CUDACC__

/// KILN_KERNEL(name, threads of a block, (parameters)) { body }. A parameter is a pointer or an i64; blocks have one dimension. With the
/// second bound, one block on a multiprocessor, ptxas spills no register to make room for a second.
#define KILN_KERNEL(name, threads, parameters) extern "C" __global__ void __launch_bounds__(threads, 1) name parameters
#define KILN_FUNCTION __device__ __forceinline__
/// An array of the block, before a declaration. Not initialised.
#define KILN_SHARED __shared__
#define KILN_RESTRICT __restrict__
#define KILN_UNROLL _Pragma("unroll")
#define KILN_PRAGMA(text) _Pragma(#text)
#define KILN_UNROLL_BY(count) KILN_PRAGMA(unroll count)
/// Before a loop whose iterations are worth nothing side by side: they would take registers from one another.
#define KILN_NO_UNROLL KILN_UNROLL_BY(1)

namespace kiln::device {

KILN_FUNCTION int thread_index() { return static_cast<int>(threadIdx.x); }
KILN_FUNCTION i64 block_index() { return blockIdx.x; }
KILN_FUNCTION i64 block_count() { return gridDim.x; }
/// Waits for all threads of the block; what they wrote before, all see after.
KILN_FUNCTION void barrier() { __syncthreads(); }
/// The value of the thread of this warp whose number differs in the bits of `mask`. All threads of a warp call it together.
template <class T> KILN_FUNCTION T shuffle_xor(T value, int mask) { return __shfl_xor_sync(0xffffffffu, value, mask); }

KILN_FUNCTION f32 multiply_add(f32 a, f32 b, f32 c) { return ::fmaf(a, b, c); }
KILN_FUNCTION f64 multiply_add(f64 a, f64 b, f64 c) { return ::fma(a, b, c); }
KILN_FUNCTION f32 math_exp(f32 x) { return ::expf(x); }
KILN_FUNCTION f64 math_exp(f64 x) { return ::exp(x); }
KILN_FUNCTION f32 math_log(f32 x) { return ::logf(x); }
KILN_FUNCTION f64 math_log(f64 x) { return ::log(x); }
KILN_FUNCTION f32 math_tanh(f32 x) { return ::tanhf(x); }
KILN_FUNCTION f64 math_tanh(f64 x) { return ::tanh(x); }
KILN_FUNCTION f32 math_sqrt(f32 x) { return ::sqrtf(x); }
KILN_FUNCTION f64 math_sqrt(f64 x) { return ::sqrt(x); }
KILN_FUNCTION f32 math_absf(f32 x) { return ::fabsf(x); }
KILN_FUNCTION f64 math_absf(f64 x) { return ::fabs(x); }
KILN_FUNCTION f32 infinity_f32() { return __int_as_float(0x7f800000); }
KILN_FUNCTION f64 infinity_f64() { return __longlong_as_double(0x7ff0000000000000ll); }
KILN_FUNCTION f32 nan_f32() { return __int_as_float(0x7fc00000); }
KILN_FUNCTION f64 nan_f64() { return __longlong_as_double(0x7ff8000000000000ll); }

} // namespace kiln::device

#else
#include "device_host.h"
#endif

namespace kiln::device {

//===----------------------------------------------------------------------===//
// Integers: as in MLIR, sums and products wrap
//===----------------------------------------------------------------------===//

KILN_FUNCTION bool unsigned_of(bool x) { return x; }
KILN_FUNCTION unsigned char unsigned_of(i8 x) { return static_cast<unsigned char>(x); }
KILN_FUNCTION unsigned short unsigned_of(i16 x) { return static_cast<unsigned short>(x); }
KILN_FUNCTION unsigned unsigned_of(i32 x) { return static_cast<unsigned>(x); }
KILN_FUNCTION unsigned long long unsigned_of(i64 x) { return static_cast<unsigned long long>(x); }

// Narrow types are promoted to int, whose product of two 16-bit numbers may overflow: so all are computed in 64 bits.
KILN_FUNCTION unsigned long long wide_of(i64 x) { return static_cast<unsigned long long>(x); }
template <class T> KILN_FUNCTION T add_wrapped(T a, T b) { return static_cast<T>(wide_of(a) + wide_of(b)); }
template <class T> KILN_FUNCTION T sub_wrapped(T a, T b) { return static_cast<T>(wide_of(a) - wide_of(b)); }
template <class T> KILN_FUNCTION T mul_wrapped(T a, T b) { return static_cast<T>(wide_of(a) * wide_of(b)); }
template <class T> KILN_FUNCTION T abs_wrapped(T a) { return a < 0 ? sub_wrapped(T(0), a) : a; }
template <class T> KILN_FUNCTION T maximum(T a, T b) { return a > b ? a : b; }
template <class T> KILN_FUNCTION T minimum(T a, T b) { return a < b ? a : b; }
template <class T> KILN_FUNCTION T maximum_unsigned(T a, T b) { return unsigned_of(a) > unsigned_of(b) ? a : b; }
template <class T> KILN_FUNCTION T minimum_unsigned(T a, T b) { return unsigned_of(a) < unsigned_of(b) ? a : b; }

/// The low bits.
template <class To> struct Truncation {
  static KILN_FUNCTION To of(i64 x) { return static_cast<To>(x); }
};
template <> struct Truncation<bool> {
  static KILN_FUNCTION bool of(i64 x) { return (x & 1) != 0; }
};
template <class To> KILN_FUNCTION To truncated(i64 x) { return Truncation<To>::of(x); }

/// Toward zero. What does not fit, NaN too, is the smallest number, as on x86-64.
template <class To, class From> KILN_FUNCTION To to_integer(From x) {
  const From limit = static_cast<From>(To(1) << (sizeof(To) * 8 - 2)) * 2;
  return x >= -limit && x < limit ? static_cast<To>(x) : static_cast<To>(To(-1) << (sizeof(To) * 8 - 1));
}

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

/// Toward minus infinity; `divisor` > 0.
KILN_FUNCTION i64 floor_divided(i64 x, i64 divisor) { return x / divisor - (x % divisor < 0 ? 1 : 0); }
KILN_FUNCTION i64 at_least_zero(i64 x) { return x > 0 ? x : 0; }

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

/// Calls body(i) for each i in [0, count), spread over all threads of all blocks. A kernel is right with any number of blocks.
template <int Threads, class Body> KILN_FUNCTION void for_each(i64 count, Body body) {
  const i64 step = block_count() * Threads;
  KILN_NO_UNROLL
  for (i64 i = block_index() * Threads + thread_index(); i < count; i += step)
    body(i);
}

} // namespace kiln::device

#endif // KILN_DEVICE_DEVICE_H
