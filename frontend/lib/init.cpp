// Initialisation of parameters, in the order of draws that torch/nn/init.py has.
#include "kiln/nn/init.h"

#include <algorithm>
#include <cmath>

#include "errors.h"
#include "kiln/semantics/linear_algebra.h"
#include "tensor_impl.h"

namespace kiln::nn::init {

using kiln::detail::fail;

namespace {

struct Fans {
  int64_t in, out;
};

Fans fans_of(const Tensor &tensor) {
  if (tensor.dim() < 2)
    fail("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions");
  int64_t receptive_field = 1;
  for (int64_t d = 2; d < tensor.dim(); ++d)
    receptive_field *= tensor.size(d);
  return {tensor.size(1) * receptive_field, tensor.size(0) * receptive_field};
}

double xavier_std(const Tensor &tensor, double gain) {
  const Fans fans = fans_of(tensor);
  return gain * std::sqrt(2.0 / static_cast<double>(fans.in + fans.out));
}

double kaiming_std(const Tensor &tensor, double a, FanMode mode, Nonlinearity nonlinearity) {
  const Fans fans = fans_of(tensor);
  return calculate_gain(nonlinearity, a) / std::sqrt(static_cast<double>(mode == kFanIn ? fans.in : fans.out));
}

// Double precision holds every float, so comparisons and copies are exact.
std::vector<double> values_of(const Tensor &tensor) {
  const runtime::Tensor values = tensor.concrete().to(DType::Float64).contiguous();
  return {values.data<double>(), values.data<double>() + values.numel()};
}
void store(const Tensor &tensor, const std::vector<double> &values) {
  tensor.concrete().copy_(runtime::Tensor::from<double>(values, tensor.sizes().vec()));
}
double rounded_to(DType dtype, double value) { return runtime::Tensor::scalar<double>(value).to(dtype).item<double>(); }

double normal_cdf(double x) { return (1 + std::erf(x / std::sqrt(2.0))) / 2; }

} // namespace

double calculate_gain(Nonlinearity nonlinearity, std::optional<double> param) {
  switch (nonlinearity) {
  case Nonlinearity::Tanh:
    return 5.0 / 3;
  case Nonlinearity::ReLU:
    return std::sqrt(2.0);
  case Nonlinearity::LeakyReLU: {
    const double slope = param.value_or(0.01);
    return std::sqrt(2.0 / (1 + slope * slope));
  }
  case Nonlinearity::SELU:
    return 3.0 / 4;
  default:
    return 1;
  }
}

Tensor uniform_(Tensor tensor, double low, double high) {
  NoGradGuard guard;
  return tensor.uniform_(low, high);
}
Tensor normal_(Tensor tensor, double mean, double std) {
  NoGradGuard guard;
  return tensor.normal_(mean, std);
}
Tensor constant_(Tensor tensor, const Scalar &value) {
  NoGradGuard guard;
  return tensor.fill_(value);
}
Tensor ones_(Tensor tensor) { return constant_(std::move(tensor), 1); }
Tensor zeros_(Tensor tensor) { return constant_(std::move(tensor), 0); }

Tensor eye_(Tensor tensor) {
  if (tensor.dim() != 2)
    fail("Only tensors with 2 dimensions are supported");
  NoGradGuard guard;
  return tensor.copy_(eye(tensor.size(0), tensor.size(1), tensor.dtype()));
}

Tensor xavier_uniform_(Tensor tensor, double gain) {
  const double bound = std::sqrt(3.0) * xavier_std(tensor, gain);
  return uniform_(std::move(tensor), -bound, bound);
}
Tensor xavier_normal_(Tensor tensor, double gain) {
  const double std = xavier_std(tensor, gain);
  return normal_(std::move(tensor), 0, std);
}
Tensor kaiming_uniform_(Tensor tensor, double a, FanMode mode, Nonlinearity nonlinearity) {
  if (tensor.numel() == 0)
    return tensor;
  const double bound = std::sqrt(3.0) * kaiming_std(tensor, a, mode, nonlinearity);
  return uniform_(std::move(tensor), -bound, bound);
}
Tensor kaiming_normal_(Tensor tensor, double a, FanMode mode, Nonlinearity nonlinearity) {
  if (tensor.numel() == 0)
    return tensor;
  const double std = kaiming_std(tensor, a, mode, nonlinearity);
  return normal_(std::move(tensor), 0, std);
}

//===----------------------------------------------------------------------===//
// trunc_normal_
//===----------------------------------------------------------------------===//

namespace {

// Draw normals, and draw a whole new set for as long as some lie outside.
void truncate_by_redrawing(const Tensor &tensor, double mean, double std, double a, double b) {
  const double low = rounded_to(tensor.dtype(), a), high = rounded_to(tensor.dtype(), b);
  auto outside = [&](double value) { return value < low || value > high; };
  std::vector<double> values = values_of(tensor.normal_(mean, std));
  while (std::any_of(values.begin(), values.end(), outside)) {
    const std::vector<double> fresh = values_of(empty_like(tensor).normal_(mean, std));
    for (std::size_t i = 0; i < values.size(); ++i)
      if (outside(values[i]))
        values[i] = fresh[i];
  }
  store(tensor, values);
}

// Little of the distribution lies inside: draw uniformly and accept by the density.
void truncate_by_rejection(const Tensor &tensor, double mean, double std, double a, double b) {
  const double mode = std::max(a, std::min(mean, b));
  const double log_peak = -0.5 * ((mode - mean) / std) * ((mode - mean) / std);
  const Tensor candidates = empty_like(tensor), chances = empty_like(tensor);
  auto rejected = [&]() {
    const Tensor scaled = candidates.sub(mean).div(std);
    const std::vector<double> log_density = values_of(scaled.mul(scaled).mul(-0.5).sub(log_peak));
    const std::vector<double> log_chance = values_of(chances.uniform_().log());
    std::vector<bool> result(log_density.size());
    for (std::size_t i = 0; i < result.size(); ++i)
      result[i] = log_chance[i] > log_density[i];
    return result;
  };
  candidates.copy_(tensor.uniform_(a, b));
  std::vector<double> values = values_of(tensor);
  std::vector<bool> pending = rejected();
  while (std::find(pending.begin(), pending.end(), true) != pending.end()) {
    const std::vector<double> fresh = values_of(candidates.uniform_(a, b));
    const std::vector<bool> still = rejected();
    for (std::size_t i = 0; i < values.size(); ++i)
      if (pending[i]) {
        values[i] = fresh[i];
        pending[i] = still[i];
      }
  }
  store(tensor, values);
}

} // namespace

Tensor trunc_normal_(Tensor tensor, double mean, double std, double a, double b) {
  NoGradGuard guard;
  if (normal_cdf((b - mean) / std) - normal_cdf((a - mean) / std) > 0.3)
    truncate_by_redrawing(tensor, mean, std, a, b);
  else
    truncate_by_rejection(tensor, mean, std, a, b);
  return tensor;
}

//===----------------------------------------------------------------------===//
// orthogonal_
//===----------------------------------------------------------------------===//

Tensor orthogonal_(Tensor tensor, double gain) {
  if (tensor.dim() < 2)
    fail("Only tensors with 2 or more dimensions are supported");
  if (tensor.numel() == 0)
    return tensor;
  NoGradGuard guard;
  const int64_t rows = tensor.size(0), columns = tensor.numel() / rows;
  const Tensor drawn = empty({rows, columns}, tensor.dtype()).normal_();
  const Tensor orthogonal(kiln::detail::checked([&] { return semantics::qr_orthogonal(drawn.concrete()); }));
  return tensor.copy_((orthogonal * gain).view(tensor.sizes()));
}

} // namespace kiln::nn::init
