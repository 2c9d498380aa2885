// Mean, standard deviation and norm in two passes: the second one works on differences from the mean, which don't cancel.
#include "kiln/runtime/statistics.h"

#include <cmath>

namespace kiln::runtime {

namespace {

template <class T> TensorStatistics over(const T *values, int64_t count) {
  double sum = 0, squares = 0, deviations = 0;
  for (int64_t i = 0; i < count; ++i) {
    const auto value = static_cast<double>(values[i]);
    sum += value;
    squares += value * value;
  }
  const double mean = sum / static_cast<double>(count); // 0 / 0 without elements, as in PyTorch
  for (int64_t i = 0; i < count; ++i) {
    const double deviation = static_cast<double>(values[i]) - mean;
    deviations += deviation * deviation;
  }
  return {mean, count > 1 ? std::sqrt(deviations / static_cast<double>(count - 1)) : NAN, std::sqrt(squares)};
}

} // namespace

TensorStatistics statistics(const Tensor &tensor) {
  if (tensor.dtype() == DType::Float32 && tensor.is_contiguous())
    return over(tensor.data<float>(), tensor.numel());
  const Tensor wide = tensor.to(DType::Float64).contiguous();
  return over(wide.data<double>(), wide.numel());
}

} // namespace kiln::runtime
