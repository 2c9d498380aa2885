// What kernels that work by channel (dimension 1) share.
#pragma once

#include "kernels.h"

namespace kiln::semantics {

/// A tensor seen as [N, C, R]: any number of dimensions after the channel are one. Contiguous.
inline Tensor by_channel(const Tensor &input) {
  int64_t rest = 1;
  for (int64_t d = 2; d < input.dim(); ++d)
    rest *= input.size(d);
  return input.contiguous().view({input.size(0), input.size(1), rest});
}

/// The elements as double; `count` times `otherwise` for an undefined tensor.
inline std::vector<double> values_of(const Tensor &tensor, int64_t count, double otherwise) {
  if (!tensor.defined())
    return std::vector<double>(static_cast<std::size_t>(count), otherwise);
  const Tensor wide = tensor.to(DType::Float64).contiguous();
  return {wide.data<double>(), wide.data<double>() + wide.numel()};
}

} // namespace kiln::semantics
