// The order in which PyTorch fills a strided tensor: that of its memory, not of its indices.
#pragma once

#include <algorithm>
#include <numeric>

#include "kernels.h"

namespace kiln::semantics {

/// The same elements with the dimensions permuted so that strides decrease.
inline Tensor in_memory_order(const Tensor &tensor) {
  std::vector<int64_t> dims(static_cast<std::size_t>(tensor.dim()));
  std::iota(dims.begin(), dims.end(), int64_t{0});
  std::sort(dims.begin(), dims.end(), [&](int64_t a, int64_t b) {
    return tensor.strides()[a] != tensor.strides()[b] ? tensor.strides()[a] > tensor.strides()[b]
                                                      : a < b;
  });
  return tensor.permute(dims);
}

} // namespace kiln::semantics
