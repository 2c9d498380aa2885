// Losses as modules.
#pragma once

#include "kiln/nn/module_holder.h"
#include "kiln/nn/options/loss.h"

namespace kiln::nn {

/// Cross entropy of scores and class numbers. Its weight is a buffer; where the loss is part of no model, a constant of the
/// program.
class KILN_API CrossEntropyLossImpl : public Module {
public:
  explicit CrossEntropyLossImpl(const CrossEntropyLossOptions &options = {});
  Tensor forward(const Tensor &input, const Tensor &target);

  CrossEntropyLossOptions options;
  Tensor weight; ///< [C]; undefined without weights
};
KILN_MODULE(CrossEntropyLoss);

/// Mean squared error.
class KILN_API MSELossImpl : public Module {
public:
  explicit MSELossImpl(const MSELossOptions &options = {}) : options(options) {}
  Tensor forward(const Tensor &input, const Tensor &target);

  MSELossOptions options;
};
KILN_MODULE(MSELoss);

} // namespace kiln::nn
