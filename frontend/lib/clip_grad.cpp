// Clipping gradients: the steps of torch.nn.utils.clip_grad_norm_ and clip_grad_value_, in their order.
#include "kiln/nn/clip_grad.h"

#include <algorithm>
#include <cmath>

#include "autograd.h"
#include "errors.h"
#include "kiln/factories.h"
#include "kiln/ops.h"
#include "python_text.h"

namespace kiln::nn::utils {

namespace {

/// Parameters whose .grad is not known to be None.
std::vector<Tensor> with_gradients(const std::vector<Tensor> &parameters) {
  std::vector<Tensor> result;
  std::copy_if(parameters.begin(), parameters.end(), std::back_inserter(result),
               [](const Tensor &parameter) { return parameter.grad().defined(); });
  return result;
}

/// Of all elements. A maximum may see an element twice, so halves that overlap do for any number.
Tensor largest(Tensor values) {
  values = values.reshape({-1});
  for (int64_t count = values.size(0); count > 1; count = values.size(0)) {
    const int64_t half = (count + 1) / 2;
    values = values.narrow(0, 0, half).maximum(values.narrow(0, count - half, half));
  }
  return values.numel() == 0 ? values.sum() : values.reshape({}); // nothing is largest in an empty tensor: its norm is 0
}

/// |x|^p; whole powers by multiplication, as they are exact to a rounding each.
Tensor power(const Tensor &magnitude, double p) {
  constexpr double kMostFactors = 16;
  if (p != std::floor(p) || p > kMostFactors)
    return (magnitude.log() * p).exp();
  Tensor result = magnitude;
  for (int factor = 1; factor < static_cast<int>(p); ++factor)
    result = result * magnitude;
  return result;
}

/// torch.linalg.vector_norm. Of 16-bit numbers it is computed in float32.
Tensor vector_norm(const Tensor &values, double norm_type) {
  const bool is_narrow = values.dtype() == kFloat16 || values.dtype() == kBFloat16;
  const Tensor wide = is_narrow ? values.to(kFloat32) : values;
  Tensor norm;
  if (std::isinf(norm_type))
    norm = largest(wide.abs());
  else if (norm_type == 2)
    norm = wide.square().sum().sqrt();
  else if (norm_type == 1)
    norm = wide.abs().sum();
  else
    norm = (power(wide.abs(), norm_type).sum().log() * (1 / norm_type)).exp();
  return is_narrow ? norm.to(values.dtype()) : norm;
}

} // namespace

Tensor clip_grad_norm_(const std::vector<Tensor> &parameters, double max_norm, double norm_type, bool error_if_nonfinite) {
  if (error_if_nonfinite)
    kiln::detail::fail("clip_grad_norm_ with error_if_nonfinite = true is not supported: whether the norm is finite is known only "
                       "when a compiled function runs\nleave it out, return the norm from the function, and look at it in the "
                       "host program");
  if (!(norm_type > 0))
    kiln::detail::fail("clip_grad_norm_ with norm_type = " + kiln::detail::float_text(norm_type) +
                       " is not supported\nuse a positive norm, such as 1, 2 or infinity");
  if (!std::isinf(max_norm)) // which changes nothing: it's the norm that is asked for
    kiln::detail::note_clipping("clip_grad_norm_", parameters);
  const kiln::detail::GradModeGuard no_grad(false);
  const std::vector<Tensor> clipped = with_gradients(parameters);
  if (clipped.empty())
    return kiln::tensor(0.0);
  std::vector<Tensor> norms;
  for (const Tensor &parameter : clipped)
    norms.push_back(vector_norm(parameter.grad(), norm_type));
  const Tensor total = vector_norm(stack(norms), norm_type);
  const Tensor factor = max_norm / (total + 1e-6), most = full_like(factor, 1);
  for (const Tensor &parameter : clipped)
    kiln::detail::write_grad(parameter, (parameter.grad() * factor.minimum(most)).to(parameter.dtype()));
  return total;
}

Tensor clip_grad_norm_(const Tensor &parameter, double max_norm, double norm_type, bool error_if_nonfinite) {
  return clip_grad_norm_(std::vector<Tensor>{parameter}, max_norm, norm_type, error_if_nonfinite);
}

void clip_grad_value_(const std::vector<Tensor> &parameters, double clip_value) {
  kiln::detail::note_clipping("clip_grad_value_", parameters);
  const kiln::detail::GradModeGuard no_grad(false);
  for (const Tensor &parameter : with_gradients(parameters)) {
    const Tensor gradient = parameter.grad();
    kiln::detail::write_grad(parameter,
                             gradient.maximum(full_like(gradient, -clip_value)).minimum(full_like(gradient, clip_value)));
  }
}

void clip_grad_value_(const Tensor &parameter, double clip_value) {
  clip_grad_value_(std::vector<Tensor>{parameter}, clip_value);
}

} // namespace kiln::nn::utils
