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

/// Probabilities of scores over one dimension.
class KILN_API SoftmaxImpl : public Module {
public:
  explicit SoftmaxImpl(int64_t dim) : SoftmaxImpl(SoftmaxOptions(dim)) {}
  explicit SoftmaxImpl(const SoftmaxOptions &options) : options(options) {}
  Tensor forward(const Tensor &input);
  std::string extra_repr() const override;

  SoftmaxOptions options;
};
KILN_MODULE(Softmax);

/// The logarithms of softmax's probabilities.
class KILN_API LogSoftmaxImpl : public Module {
public:
  explicit LogSoftmaxImpl(int64_t dim) : LogSoftmaxImpl(LogSoftmaxOptions(dim)) {}
  explicit LogSoftmaxImpl(const LogSoftmaxOptions &options) : options(options) {}
  Tensor forward(const Tensor &input);
  std::string extra_repr() const override;

  LogSoftmaxOptions options;
};
KILN_MODULE(LogSoftmax);

} // namespace kiln::nn
