// Softmax in double, which the operations on it and the losses of classes share.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>

namespace kiln::semantics {

/// `result.size()` scores that are `stride` apart, less their largest, so that no exponential
/// overflows; returns the sum of their exponentials.
template <class T> double centre_scores(const T *scores, int64_t stride, std::span<double> result) {
  double largest = -INFINITY;
  for (double &value : result) {
    value = static_cast<double>(*scores);
    largest = std::max(largest, value);
    scores += stride;
  }
  double sum = 0;
  for (double &value : result) {
    value -= largest;
    sum += std::exp(value);
  }
  return sum;
}

/// The probabilities that softmax gives.
template <class T> void softmax(const T *scores, int64_t stride, std::span<double> result) {
  const double sum = centre_scores(scores, stride, result);
  for (double &value : result)
    value = std::exp(value) / sum;
}

/// Their logarithms.
template <class T> void log_softmax(const T *scores, int64_t stride, std::span<double> result) {
  const double log_sum = std::log(centre_scores(scores, stride, result));
  for (double &value : result)
    value -= log_sum;
}

} // namespace kiln::semantics
