// Identity, Flatten, Unflatten, Functional.
#include "kiln/nn/modules/shape.h"

#include "../python_text.h"
#include "run.h"

namespace kiln::nn {

Tensor IdentityImpl::forward(const Tensor &input) {
  return detail::run_layer(*this, [&] { return input; });
}

Tensor FlattenImpl::forward(const Tensor &input) {
  return detail::run_layer(*this, [&] { return input.flatten(options.start_dim(), options.end_dim()); });
}
std::string FlattenImpl::extra_repr() const {
  return "start_dim=" + std::to_string(options.start_dim()) + ", end_dim=" + std::to_string(options.end_dim());
}

Tensor UnflattenImpl::forward(const Tensor &input) {
  return detail::run_layer(*this, [&] { return input.unflatten(options.dim(), options.sizes()); });
}
std::string UnflattenImpl::extra_repr() const {
  return "dim=" + std::to_string(options.dim()) + ", unflattened_size=" + kiln::detail::tuple_text(options.sizes());
}

Tensor FunctionalImpl::forward(Tensor input) {
  return detail::run_layer(*this, [&] { return function_(input); });
}

} // namespace kiln::nn
