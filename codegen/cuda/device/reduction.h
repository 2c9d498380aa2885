//===- reduction.h - sums on the device ----------------------------*- C++ -*-===//
//
// A warp adds up each result: its lanes take every 32nd element, and their sums are added in a fixed tree. No bit depends on the number
// of blocks.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_DEVICE_REDUCTION_H
#define KILN_DEVICE_REDUCTION_H

#include "device.h"

namespace kiln::device {

constexpr int kReductionThreads = 256;
/// Results that a block computes.
constexpr int kReductionWarps = kReductionThreads / kWarpThreads;

KILN_FUNCTION f32 sum_of(f32 a, f32 b) { return a + b; }
KILN_FUNCTION f64 sum_of(f64 a, f64 b) { return a + b; }
template <class T> KILN_FUNCTION T sum_of(T a, T b) { return add_wrapped(a, b); }

/// store(result, sum of element(result, i) for i in [0, count)), added up in type T.
template <class T, class Element, class Store>
KILN_FUNCTION void sum_by_warps(i64 results, i64 count, Element element, Store store) {
  const int lane = thread_index() % kWarpThreads, warp = thread_index() / kWarpThreads;
  for (i64 result = block_index() * kReductionWarps + warp; result < results; result += block_count() * kReductionWarps) {
    T sum = 0;
    for (i64 i = lane; i < count; i += kWarpThreads)
      sum = sum_of(sum, static_cast<T>(element(result, i)));
    for (int mask = kWarpThreads / 2; mask > 0; mask /= 2)
      sum = sum_of(sum, shuffle_xor(sum, mask));
    if (lane == 0)
      store(result, sum);
  }
}

} // namespace kiln::device

#endif // KILN_DEVICE_REDUCTION_H
