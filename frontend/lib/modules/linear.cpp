// Linear and LazyLinear.
#include "kiln/nn/modules/linear.h"

#include <cmath>

#include "../errors.h"
#include "../python_text.h"
#include "../recorder.h"
#include "kiln/nn/functional.h"
#include "kiln/nn/init.h"
#include "run.h"

namespace kiln::nn {

LinearImpl::LinearImpl(const LinearOptions &options) : options(options) {
  weight = register_parameter("weight", kiln::empty({options.out_features(), options.in_features()}));
  bias = register_parameter("bias", options.bias() ? kiln::empty({options.out_features()}) : Tensor());
  LinearImpl::reset_parameters();
}

LinearImpl::LinearImpl(const LazyLinearOptions &lazy) : options(LinearOptions(0, lazy.out_features()).bias(lazy.bias())) {
  weight = register_parameter("weight", kiln::detail::uninitialized_tensor(kFloat32, /*is_buffer=*/false));
  bias = register_parameter("bias", lazy.bias() ? kiln::detail::uninitialized_tensor(kFloat32, /*is_buffer=*/false) : Tensor());
}

void LinearImpl::reset_parameters() {
  init::kaiming_uniform_(weight, std::sqrt(5.0));
  if (bias.defined()) {
    const int64_t fan_in = weight.size(1);
    const double bound = fan_in > 0 ? 1 / std::sqrt(static_cast<double>(fan_in)) : 0;
    init::uniform_(bias, -bound, bound);
  }
}

Tensor LinearImpl::forward(const Tensor &input) {
  return detail::run_layer(*this, [&] { return functional::linear(input, weight, bias); });
}

std::string LinearImpl::extra_repr() const {
  return "in_features=" + std::to_string(options.in_features()) + ", out_features=" + std::to_string(options.out_features()) +
         ", bias=" + kiln::detail::bool_text(bias.defined());
}

//===----------------------------------------------------------------------===//
// LazyLinear
//===----------------------------------------------------------------------===//

void LazyLinearImpl::reset_parameters() {
  if (!weight.is_uninitialized() && options.in_features() != 0)
    LinearImpl::reset_parameters();
}

void LazyLinearImpl::initialize_parameters(const Tensor &input) {
  const int64_t in_features = input.size(-1);
  kiln::detail::Recorder *recorder = kiln::detail::Recorder::current();
  if (weight.is_uninitialized()) {
    if (recorder && recorder->expression_of(in_features))
      kiln::detail::fail("LazyLinear can't learn in_features from its first input " + kiln::detail::sizes_text(input.sizes()) +
                         ": the last size is " + kiln::detail::size_text(in_features) +
                         ", which is known only at run time\ngive the input's last dimension a number, or use nn::Linear");
    options.in_features(in_features);
    kiln::detail::materialize(weight, {options.out_features(), in_features});
    if (bias.defined())
      kiln::detail::materialize(bias, {options.out_features()});
    reset_parameters();
    if (recorder)
      recorder->tensors_materialized();
  } else if (options.in_features() == 0) { // the shape came with a state_dict
    if (in_features != weight.size(-1))
      kiln::detail::fail("The in_features inferred from input: " + std::to_string(in_features) +
                         " is not equal to in_features from self.weight: " + std::to_string(weight.size(-1)));
    options.in_features(in_features);
  }
  became_linear_ = true;
}

Tensor LazyLinearImpl::forward(const Tensor &input) {
  return detail::run_layer(*this, [&] {
    if (!became_linear_)
      initialize_parameters(input);
    return LinearImpl::forward(input);
  });
}

std::string LazyLinearImpl::name() const { return became_linear_ ? "Linear" : "LazyLinear"; }

} // namespace kiln::nn
