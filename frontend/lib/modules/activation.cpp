// Activations.
#include "kiln/nn/modules/activation.h"

#include "kiln/nn/functional.h"
#include "run.h"

namespace kiln::nn {

Tensor ReLUImpl::forward(Tensor input) {
  return detail::run_layer(*this, [&] { return functional::relu(input, options); });
}
std::string ReLUImpl::extra_repr() const { return options.inplace() ? "inplace=True" : ""; }

Tensor SigmoidImpl::forward(const Tensor &input) {
  return detail::run_layer(*this, [&] { return input.sigmoid(); });
}
Tensor TanhImpl::forward(const Tensor &input) {
  return detail::run_layer(*this, [&] { return input.tanh(); });
}

Tensor SoftmaxImpl::forward(const Tensor &input) {
  return detail::run_layer(*this, [&] { return functional::softmax(input, options.dim()); });
}
std::string SoftmaxImpl::extra_repr() const { return "dim=" + std::to_string(options.dim()); }

Tensor LogSoftmaxImpl::forward(const Tensor &input) {
  return detail::run_layer(*this, [&] { return functional::log_softmax(input, options.dim()); });
}
std::string LogSoftmaxImpl::extra_repr() const { return "dim=" + std::to_string(options.dim()); }

} // namespace kiln::nn
