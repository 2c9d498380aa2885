// Functions that make tensors: PyTorch's names, defaults and random numbers.
//
// Inside a recording zeros, ones, full and empty are recorded, so their sizes may depend on the sizes of inputs. Random tensors
// can't be made inside a recording: the same numbers would come at every call of the compiled function.
#pragma once

#include <initializer_list>
#include <vector>

#include "kiln/tensor.h"

namespace kiln {

/// The elements of a tensor as nested braces: 1.5, {1, 2, 3}, {{1, 2}, {3, 4}}. Numbers with a point give float32, integers
/// int64, bools bool, unless the options say otherwise.
class KILN_API TensorData {
public:
  template <class T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0> TensorData(T value) : values_{Scalar(value)} {}
  TensorData(std::initializer_list<TensorData> rows);
  template <class T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0> TensorData(const std::vector<T> &values) {
    sizes_.push_back(static_cast<int64_t>(values.size()));
    for (T value : values)
      values_.push_back(Scalar(value));
  }

  const std::vector<int64_t> &sizes() const { return sizes_; }
  const std::vector<Scalar> &values() const { return values_; }

private:
  std::vector<int64_t> sizes_;
  std::vector<Scalar> values_;
};

KILN_API Tensor tensor(const TensorData &data, const TensorOptions &options = {});
KILN_API Tensor zeros(IntArrayRef sizes, const TensorOptions &options = {});
KILN_API Tensor ones(IntArrayRef sizes, const TensorOptions &options = {});
KILN_API Tensor full(IntArrayRef sizes, const Scalar &value, const TensorOptions &options = {});
/// PyTorch leaves the elements unset; here they are zero.
KILN_API Tensor empty(IntArrayRef sizes, const TensorOptions &options = {});
KILN_API Tensor zeros_like(const Tensor &other, const TensorOptions &options = {});
KILN_API Tensor ones_like(const Tensor &other, const TensorOptions &options = {});
KILN_API Tensor full_like(const Tensor &other, const Scalar &value, const TensorOptions &options = {});
KILN_API Tensor empty_like(const Tensor &other, const TensorOptions &options = {});
KILN_API Tensor arange(const Scalar &end, const TensorOptions &options = {});
KILN_API Tensor arange(const Scalar &start, const Scalar &end, const TensorOptions &options = {});
KILN_API Tensor arange(const Scalar &start, const Scalar &end, const Scalar &step, const TensorOptions &options = {});
KILN_API Tensor eye(int64_t rows, const TensorOptions &options = {});
KILN_API Tensor eye(int64_t rows, int64_t columns, const TensorOptions &options = {});
KILN_API Tensor rand(IntArrayRef sizes, const TensorOptions &options = {});
KILN_API Tensor randn(IntArrayRef sizes, const TensorOptions &options = {});
KILN_API Tensor rand_like(const Tensor &other, const TensorOptions &options = {});
KILN_API Tensor randn_like(const Tensor &other, const TensorOptions &options = {});
/// A tensor over memory that the caller keeps alive.
KILN_API Tensor from_blob(void *data, IntArrayRef sizes, const TensorOptions &options = {});

/// Seeds the default generator, as torch.manual_seed: the same seed gives PyTorch's numbers, bit for bit.
KILN_API void manual_seed(uint64_t seed);

} // namespace kiln
