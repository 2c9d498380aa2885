// Dropout.
#include "kiln/nn/modules/dropout.h"

#include "../errors.h"
#include "../python_text.h"
#include "kiln/nn/functional.h"
#include "run.h"

namespace kiln::nn {

DropoutImpl::DropoutImpl(const DropoutOptions &options) : options(options) {
  if (!(options.p() >= 0 && options.p() <= 1))
    kiln::detail::fail("dropout probability has to be between 0 and 1, but got " + kiln::detail::float_text(options.p()));
}

Tensor DropoutImpl::forward(Tensor input) {
  return detail::run_layer(*this, [&] {
    return functional::dropout(
        input, functional::DropoutFuncOptions().p(options.p()).training(is_training()).inplace(options.inplace()));
  });
}

std::string DropoutImpl::extra_repr() const {
  return "p=" + kiln::detail::float_text(options.p()) + ", inplace=" + kiln::detail::bool_text(options.inplace());
}

} // namespace kiln::nn
