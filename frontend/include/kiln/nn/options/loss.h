// Options of losses.
#pragma once

#include "kiln/enum.h"
#include "kiln/nn/options.h"

namespace kiln::nn {

struct CrossEntropyLossOptions {
  using reduction_t = kiln::reduction_t;
  /// A factor for each class, [C]; undefined for none.
  KILN_ARG(Tensor, weight);
  /// Elements with this target count nothing, not in the mean either.
  KILN_ARG(int64_t, ignore_index) = -100;
  KILN_ARG(reduction_t, reduction) = kMean;
  /// Part of the target that is spread over all classes.
  KILN_ARG(double, label_smoothing) = 0.0;
};

struct MSELossOptions {
  using reduction_t = kiln::reduction_t;
  MSELossOptions() = default;
  template <class Choice, std::enable_if_t<std::is_convertible_v<Choice, reduction_t>, int> = 0>
  MSELossOptions(Choice reduction) : reduction_(reduction) {}
  KILN_ARG(reduction_t, reduction) = kMean;
};

namespace functional {
using CrossEntropyFuncOptions = CrossEntropyLossOptions;
using MSELossFuncOptions = MSELossOptions;
} // namespace functional
} // namespace kiln::nn
