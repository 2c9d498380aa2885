// Templates of tensor.h.
#pragma once

#include <cstring>

#include "kiln/runtime/tensor.h"

namespace kiln::runtime {

template <class T> Tensor Tensor::from(std::span<const T> values, std::vector<int64_t> sizes) {
  Tensor result(std::move(sizes), dtype_of<T>::value);
  if (static_cast<std::size_t>(result.numel()) != values.size())
    throw ValueError("shape '" + result.shape_text() + "' is invalid for input of size " +
                     std::to_string(values.size()));
  if (!values.empty())
    std::memcpy(result.data(), values.data(), values.size_bytes());
  return result;
}

template <class T> T Tensor::item() const {
  if (numel() != 1)
    throw ValueError("a Tensor with " + std::to_string(numel()) +
                     " elements cannot be converted to Scalar");
  return *to(dtype_of<T>::value).template data<T>();
}

template <class Visit> void for_each_offset(const Tensor &tensor, Visit visit) {
  const int64_t rank = tensor.dim(), count = tensor.numel();
  if (count == 0)
    return;
  std::vector<int64_t> index(static_cast<std::size_t>(rank), 0);
  int64_t offset = 0;
  for (int64_t done = 0; done < count; ++done) {
    visit(offset);
    for (int64_t d = rank - 1; d >= 0; --d) {
      offset += tensor.strides()[d];
      if (++index[d] < tensor.sizes()[d])
        break;
      offset -= tensor.strides()[d] * tensor.sizes()[d];
      index[d] = 0;
    }
  }
}

} // namespace kiln::runtime
