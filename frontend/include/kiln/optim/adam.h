// Adam: steps scaled by running means of the gradient and of its square.
#pragma once

#include <tuple>

#include "kiln/optim/optimizer.h"

namespace kiln::optim {

struct KILN_API AdamOptions : public OptimizerCloneableOptions<AdamOptions> {
  using betas_t = std::tuple<double, double>;
  AdamOptions(double lr = 1e-3) : lr_(lr) {}
  KILN_ARG(double, lr);
  KILN_ARG(betas_t, betas) = std::make_tuple(0.9, 0.999);
  KILN_ARG(double, eps) = 1e-8;
  KILN_ARG(double, weight_decay) = 0;
  KILN_ARG(bool, amsgrad) = false;
  /// Goes up instead of down.
  KILN_ARG(bool, maximize) = false;
};

class KILN_API Adam : public Optimizer {
public:
  /// Throws ValueError with PyTorch's text for options out of range and for an empty list.
  explicit Adam(std::vector<OptimizerParamGroup> groups, AdamOptions defaults = {});
  explicit Adam(std::vector<Tensor> params, AdamOptions defaults = {});
};

} // namespace kiln::optim
