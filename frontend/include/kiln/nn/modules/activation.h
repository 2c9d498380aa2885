// Activations.
#pragma once

#include "kiln/nn/module_holder.h"
#include "kiln/nn/options.h"

namespace kiln::nn {

class KILN_API ReLUImpl : public Module {
public:
  explicit ReLUImpl(const ReLUOptions &options = {}) : options(options) {}
  Tensor forward(Tensor input);
  std::string extra_repr() const override;

  ReLUOptions options;
};
KILN_MODULE(ReLU);

class KILN_API SigmoidImpl : public Module {
public:
  Tensor forward(const Tensor &input);
};
KILN_MODULE(Sigmoid);

class KILN_API TanhImpl : public Module {
public:
  Tensor forward(const Tensor &input);
};
KILN_MODULE(Tanh);

} // namespace kiln::nn
