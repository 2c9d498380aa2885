// Statistics of a tensor, for looking at gradients and weights.
#pragma once

#include "kiln/runtime/export.h"
#include "kiln/runtime/tensor.h"

namespace kiln::runtime {

struct TensorStatistics {
  double mean; ///< torch.mean; NaN for a tensor without elements
  double std;  ///< torch.std, with Bessel's correction; NaN for less than two elements
  double norm; ///< torch.linalg.vector_norm, the root of the sum of squares
};

/// Statistics over all elements, accumulated in double, in a fixed order.
KILN_API TensorStatistics statistics(const Tensor &tensor);

} // namespace kiln::runtime
