//===- device_host.h - device.h on a processor ---------------------*- C++ -*-===//
//
// The host's implementation of device.h, for tests. A block's threads are fibers on one thread of the host: each runs until it waits
// at a barrier or in a shuffle, so a kernel has the synchronisation of a GPU and none of its parallelism. The order in which threads
// and blocks run is the caller's choice, since a right kernel gives the same bits in every order. What a GPU forgives or not by
// accident (a barrier that some threads pass by, a shuffle without the whole warp) is an error here.
//
// A library made of such source lists its kernels; device_host.cpp, which it is linked or loaded with, runs them.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_DEVICE_DEVICE_HOST_H
#define KILN_DEVICE_DEVICE_HOST_H

#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#define KILN_FUNCTION inline
// A block runs alone, so what belongs to the block may be static.
#define KILN_SHARED static
#define KILN_RESTRICT __restrict__
#define KILN_UNROLL
#define KILN_UNROLL_BY(count)
#define KILN_NO_UNROLL
#define KILN_KERNEL(name, threads, parameters)                                                                                       \
  static void name parameters;                                                                                                       \
  static const ::kiln::device::host::Kernel kernel_##name(#name, threads, ::kiln::device::host::Call<&name>::kParameters,            \
                                                          &::kiln::device::host::Call<&name>::run);                                  \
  static void name parameters

namespace kiln::device::host {

/// A kernel of the library, one of a list.
struct Kernel {
  using Run = void (*)(const long long *arguments);
  Kernel(const char *name, int threads, int parameters, Run run)
      : name(name), threads(threads), parameters(parameters), run(run), next(first()) {
    first() = this;
  }
  static const Kernel *&first() {
    static const Kernel *kernel = nullptr;
    return kernel;
  }

  const char *name;
  int threads, parameters;
  Run run;
  const Kernel *next;
};

template <class T> T argument(long long value) {
  if constexpr (std::is_pointer_v<T>)
    return reinterpret_cast<T>(static_cast<unsigned long long>(value));
  else
    return value;
}

/// A kernel's function called with arguments of 8 bytes each.
template <auto Function> struct Call;
template <class... Parameters, void (*Function)(Parameters...)> struct Call<Function> {
  static constexpr int kParameters = sizeof...(Parameters);
  static void run(const long long *arguments) { run(arguments, std::index_sequence_for<Parameters...>()); }
  template <std::size_t... I> static void run(const long long *arguments, std::index_sequence<I...>) {
    Function(argument<Parameters>(arguments[I])...);
  }
};

// Defined in device_host.cpp; of the thread that runs.
extern "C" {
int kiln_device_thread_index();
long long kiln_device_block_index();
long long kiln_device_block_count();
void kiln_device_barrier();
/// Replaces `value`, at most 8 bytes, by that of another thread of the warp.
void kiln_device_shuffle_xor(void *value, std::size_t bytes, int mask);
}

} // namespace kiln::device::host

/// The kernels of this library.
extern "C" __attribute__((visibility("default"), used)) inline const kiln::device::host::Kernel *kiln_device_kernels() {
  return kiln::device::host::Kernel::first();
}

namespace kiln::device {

inline int thread_index() { return host::kiln_device_thread_index(); }
inline i64 block_index() { return host::kiln_device_block_index(); }
inline i64 block_count() { return host::kiln_device_block_count(); }
inline void barrier() { host::kiln_device_barrier(); }
template <class T> T shuffle_xor(T value, int mask) {
  static_assert(sizeof(T) <= 8);
  host::kiln_device_shuffle_xor(&value, sizeof value, mask);
  return value;
}

inline f32 multiply_add(f32 a, f32 b, f32 c) { return std::fma(a, b, c); }
inline f64 multiply_add(f64 a, f64 b, f64 c) { return std::fma(a, b, c); }
inline f32 math_exp(f32 x) { return std::exp(x); }
inline f64 math_exp(f64 x) { return std::exp(x); }
inline f32 math_log(f32 x) { return std::log(x); }
inline f64 math_log(f64 x) { return std::log(x); }
inline f32 math_tanh(f32 x) { return std::tanh(x); }
inline f64 math_tanh(f64 x) { return std::tanh(x); }
inline f32 math_sqrt(f32 x) { return std::sqrt(x); }
inline f64 math_sqrt(f64 x) { return std::sqrt(x); }
inline f32 math_absf(f32 x) { return std::fabs(x); }
inline f64 math_absf(f64 x) { return std::fabs(x); }
inline f32 infinity_f32() { return std::numeric_limits<f32>::infinity(); }
inline f64 infinity_f64() { return std::numeric_limits<f64>::infinity(); }
inline f32 nan_f32() { return std::numeric_limits<f32>::quiet_NaN(); }
inline f64 nan_f64() { return std::numeric_limits<f64>::quiet_NaN(); }

} // namespace kiln::device

#endif // KILN_DEVICE_DEVICE_HOST_H
