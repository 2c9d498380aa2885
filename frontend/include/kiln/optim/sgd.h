// SGD: stochastic gradient descent, with momentum.
#pragma once

#include "kiln/optim/optimizer.h"

namespace kiln::optim {

struct KILN_API SGDOptions : public OptimizerCloneableOptions<SGDOptions> {
  SGDOptions(double lr = 1e-3) : lr_(lr) {}
  KILN_ARG(double, lr);
  KILN_ARG(double, momentum) = 0;
  KILN_ARG(double, dampening) = 0;
  KILN_ARG(double, weight_decay) = 0;
  KILN_ARG(bool, nesterov) = false;
  /// Goes up instead of down.
  KILN_ARG(bool, maximize) = false;
};

class KILN_API SGD : public Optimizer {
public:
  /// Throws ValueError with PyTorch's text for options out of range and for an empty list.
  explicit SGD(std::vector<OptimizerParamGroup> groups, SGDOptions defaults = {});
  explicit SGD(std::vector<Tensor> params, SGDOptions defaults = {});
};

} // namespace kiln::optim
