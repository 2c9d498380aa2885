// The logarithms of softmax, which log_softmax and the losses of classes share.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>

namespace kiln::semantics {

/// The logarithms of softmax over `result.size()` scores that are `stride` apart, in double. From
/// scores less their largest, so that no exponential overflows.
template <class T> void log_softmax(const T *scores, int64_t stride, std::span<double> result) {
  double largest = -INFINITY;
  for (double &value : result) {
    value = static_cast<double>(*scores);
    largest = std::max(largest, value);
    scores += stride;
  }
  double sum = 0;
  for (double value : result)
    sum += std::exp(value - largest);
  const double log_sum = std::log(sum);
  for (double &value : result)
    value = value - largest - log_sum;
}

} // namespace kiln::semantics
