//===- softmax.h - softmax and what is like it on the device --------*- C++ -*-===//
//
// Elements are [outer, count, inner]; a row is the `count` elements that one softmax is taken over, `inner` apart. A team computes it: a
// warp where a row's elements are neighbours in memory, else a thread, so that neighbouring threads read neighbours. Sums are in f64,
// in a fixed order: no bit depends on the number of blocks.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_DEVICE_SOFTMAX_H
#define KILN_DEVICE_SOFTMAX_H

#include "device.h"

namespace kiln::device {

constexpr int kSoftmaxThreads = 256;

KILN_FUNCTION f32 lowest_of(f32) { return -infinity_f32(); }
KILN_FUNCTION f64 lowest_of(f64) { return -infinity_f64(); }

/// A row, as one thread of its team sees it.
template <int Lanes> struct TeamRow {
  i64 begin, count, inner;
  int lane;

  /// Calls body(place of an element) for this thread's elements.
  template <class Body> KILN_FUNCTION void each(Body body) const {
    for (i64 i = lane; i < count; i += Lanes)
      body(begin + i * inner);
  }
  /// The sum, over the team, of what term(place) gives for each element.
  template <class Term> KILN_FUNCTION f64 sum(Term term) const {
    f64 total = 0;
    each([&](i64 at) { total += static_cast<f64>(term(at)); });
    for (int mask = Lanes / 2; mask > 0; mask /= 2)
      total += shuffle_xor(total, mask);
    return total;
  }
  /// The cotangent of the largest output; 0 where all outputs are NaN.
  template <class T> KILN_FUNCTION T cotangent_of_largest(const T *grad, const T *output) const {
    T largest = lowest_of(T(0)), result = 0;
    // Of equal outputs that with the larger cotangent, so that all threads of a team choose the same one.
    auto choose = [&](T other, T cotangent) {
      const bool is_larger = other > largest || (other == largest && cotangent > result);
      largest = is_larger ? other : largest;
      result = is_larger ? cotangent : result;
    };
    each([&](i64 at) { choose(output[at], grad[at]); });
    for (int mask = Lanes / 2; mask > 0; mask /= 2) {
      const T other = shuffle_xor(largest, mask), cotangent = shuffle_xor(result, mask);
      choose(other, cotangent);
    }
    return result;
  }
  /// The largest score. A NaN counts as the smallest; it comes back by way of the sum.
  template <class T> KILN_FUNCTION T largest(const T *scores) const {
    T result = lowest_of(T(0));
    each([&](i64 at) { result = maximum(scores[at], result); });
    for (int mask = Lanes / 2; mask > 0; mask /= 2)
      result = maximum(shuffle_xor(result, mask), result);
    return result;
  }
};

/// Calls body(row) for each of `rows` rows, which all threads of its team do together.
template <int Lanes, class Body> KILN_FUNCTION void for_each_row(i64 rows, i64 count, i64 inner, Body body) {
  constexpr int kTeams = kSoftmaxThreads / Lanes;
  const int lane = thread_index() % Lanes, team = thread_index() / Lanes;
  for (i64 row = block_index() * kTeams + team; row < rows; row += block_count() * kTeams)
    body(TeamRow<Lanes>{row / inner * count * inner + row % inner, count, inner, lane});
}

/// store(place, element) of all elements.
template <int Lanes, class T, class Store>
KILN_FUNCTION void softmax_of_rows(i64 rows, i64 count, i64 inner, const T *scores, Store store) {
  for_each_row<Lanes>(rows, count, inner, [=](const TeamRow<Lanes> &row) {
    const T largest = row.largest(scores);
    const T factor = static_cast<T>(1 / row.sum([=](i64 at) { return math_exp(scores[at] - largest); }));
    row.each([=](i64 at) { store(at, math_exp(scores[at] - largest) * factor); });
  });
}

template <int Lanes, class T, class Store>
KILN_FUNCTION void log_softmax_of_rows(i64 rows, i64 count, i64 inner, const T *scores, Store store) {
  for_each_row<Lanes>(rows, count, inner, [=](const TeamRow<Lanes> &row) {
    const T largest = row.largest(scores);
    const f64 logarithm = math_log(row.sum([=](i64 at) { return math_exp(scores[at] - largest); }));
    row.each([=](i64 at) {
      store(at, static_cast<T>(static_cast<f64>(scores[at]) - static_cast<f64>(largest) - logarithm));
    });
  });
}

template <int Lanes, class T, class Store>
KILN_FUNCTION void softmax_backward_of_rows(i64 rows, i64 count, i64 inner, const T *grad, const T *output, Store store) {
  for_each_row<Lanes>(rows, count, inner, [=](const TeamRow<Lanes> &row) {
    // A number taken off all cotangents changes nothing; that of a probability near 1 would drown the others.
    const f64 level = static_cast<f64>(row.cotangent_of_largest(grad, output));
    const f64 sum = row.sum([=](i64 at) { return (static_cast<f64>(grad[at]) - level) * static_cast<f64>(output[at]); });
    const f64 whole = row.sum([=](i64 at) { return output[at]; });
    row.each([=](i64 at) {
      store(at, static_cast<T>(((static_cast<f64>(grad[at]) - level) * whole - sum) * static_cast<f64>(output[at])));
    });
  });
}

template <int Lanes, class T, class Store>
KILN_FUNCTION void log_softmax_backward_of_rows(i64 rows, i64 count, i64 inner, const T *grad, const T *output, Store store) {
  for_each_row<Lanes>(rows, count, inner, [=](const TeamRow<Lanes> &row) {
    const f64 sum = row.sum([=](i64 at) { return grad[at]; });
    row.each([=](i64 at) {
      store(at, static_cast<T>(static_cast<f64>(grad[at]) - static_cast<f64>(math_exp(output[at])) * sum));
    });
  });
}

} // namespace kiln::device

#endif // KILN_DEVICE_SOFTMAX_H
