// AdamW: Adam with the weight decay taken from the parameters instead of added to the gradients.
#pragma once

#include <tuple>

#include "kiln/optim/optimizer.h"

namespace kiln::optim {

struct KILN_API AdamWOptions : public OptimizerCloneableOptions<AdamWOptions> {
  using betas_t = std::tuple<double, double>;
  AdamWOptions(double lr = 1e-3) : lr_(lr) {}
  KILN_ARG(double, lr);
  KILN_ARG(betas_t, betas) = std::make_tuple(0.9, 0.999);
  KILN_ARG(double, eps) = 1e-8;
  KILN_ARG(double, weight_decay) = 1e-2;
  KILN_ARG(bool, amsgrad) = false;
  /// Goes up instead of down.
  KILN_ARG(bool, maximize) = false;
};

class KILN_API AdamW : public Optimizer {
public:
  /// Throws ValueError with PyTorch's text for options out of range and for an empty list.
  explicit AdamW(std::vector<OptimizerParamGroup> groups, AdamWOptions defaults = {});
  explicit AdamW(std::vector<Tensor> params, AdamWOptions defaults = {});
};

} // namespace kiln::optim
