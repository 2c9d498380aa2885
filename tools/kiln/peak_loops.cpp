//===- peak_loops.cpp - loops at the machine's limit ----------------------===//
//
// Vectors are the compiler's own vector types, so one template serves all instruction sets. A multiply-add takes 4 to 5 cycles
// and two begin in each, so ten or more must be under way; beyond that, as many as there are registers for.
//
//===----------------------------------------------------------------------===//

#include "peak_loops.h"

namespace kiln::tools {

template <int bytes> struct VectorOf { typedef float Type __attribute__((vector_size(bytes), may_alias)); };

template <int bytes, int count>
[[gnu::always_inline]] static inline float multiplyAddLoop(int64_t steps, float factor, float addend) {
  using Vector = typename VectorOf<bytes>::Type;
  Vector sums[count];
  for (int i = 0; i < count; ++i)
    sums[i] = Vector{} + static_cast<float>(i);
  const Vector factors = Vector{} + factor, addends = Vector{} + addend;
  for (int64_t step = 0; step < steps; ++step)
    for (int i = 0; i < count; ++i)
      sums[i] = sums[i] * factors + addends;
  for (int i = 1; i < count; ++i)
    sums[0] += sums[i];
  return sums[0][0];
}

template <int bytes> [[gnu::always_inline]] static inline float readLoop(const void *data, int64_t size) {
  using Vector = typename VectorOf<bytes>::Type;
  constexpr int count = 8;
  static_assert(readStep % (count * bytes) == 0);
  Vector sums[count] = {};
  const auto *place = static_cast<const Vector *>(data), *end = place + size / bytes;
  for (; place != end; place += count)
    for (int i = 0; i < count; ++i)
      sums[i] += place[i];
  for (int i = 1; i < count; ++i)
    sums[0] += sums[i];
  return sums[0][0];
}

// Clang splits wide vectors for processors that it takes to run slower with them, unless it is told not to.
#ifdef __clang__
#define KILN_WIDTH(bits) , min_vector_width(bits)
#else
#define KILN_WIDTH(bits)
#endif

/// The two loops for an instruction set with vectors of so many bytes; `count` of them are under way at a time.
#define KILN_PEAK_LOOPS(set, bytes, count)                                                                                       \
  __attribute__((target("arch=x86-64-" #set) KILN_WIDTH(8 * (bytes)))) static float multiplyAdd_##set(                           \
      int64_t steps, float factor, float addend) {                                                                               \
    return multiplyAddLoop<bytes, count>(steps, factor, addend);                                                                 \
  }                                                                                                                              \
  __attribute__((target("arch=x86-64-" #set) KILN_WIDTH(8 * (bytes)))) static float read_##set(const void *data, int64_t size) { \
    return readLoop<bytes>(data, size);                                                                                          \
  }                                                                                                                              \
  static constexpr PeakLoops loops_##set = {multiplyAdd_##set, 2 * (count) * (bytes) / 4, read_##set};

KILN_PEAK_LOOPS(v2, 16, 12)
KILN_PEAK_LOOPS(v3, 32, 12)
KILN_PEAK_LOOPS(v4, 64, 24)

const PeakLoops &peakLoops(runtime::InstructionSet set) {
  switch (set) {
  case runtime::InstructionSet::X86_64_V2:
    return loops_v2;
  case runtime::InstructionSet::X86_64_V3:
    return loops_v3;
  case runtime::InstructionSet::X86_64_V4:
    return loops_v4;
  }
  return loops_v2;
}

} // namespace kiln::tools
