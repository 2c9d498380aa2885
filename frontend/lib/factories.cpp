// Tensors from sizes, numbers and the random generator.
#include "kiln/factories.h"

#include <cmath>

#include "errors.h"
#include "kiln/semantics/generator.h"
#include "recorder.h"
#include "tensor_impl.h"

namespace kiln {

using detail::fail;

namespace {

Tensor finished(Tensor tensor, const TensorOptions &options) {
  if (options.requires_grad())
    tensor.requires_grad_(true);
  return tensor;
}

void check_not_recording(const char *operation) {
  if (detail::Recorder::current())
    fail(std::string(operation) +
         " can't be recorded\nthe numbers would be drawn while recording and be the same at every call of the "
         "compiled function: make the tensor outside and register it as a buffer, or use dropout for noise");
}

DType number_dtype(const Scalar &value) { return value.is_floating_point() ? DType::Float32 : value.kind(); }

Tensor from_doubles(const std::vector<double> &values, std::vector<int64_t> sizes, DType dtype) {
  return detail::wrap_concrete(runtime::Tensor::from<double>(values, std::move(sizes)).to(dtype));
}
Tensor from_integers(const std::vector<int64_t> &values, std::vector<int64_t> sizes, DType dtype) {
  return detail::wrap_concrete(runtime::Tensor::from<int64_t>(values, std::move(sizes)).to(dtype));
}

} // namespace

TensorData::TensorData(std::initializer_list<TensorData> rows) {
  sizes_.push_back(static_cast<int64_t>(rows.size()));
  for (const TensorData &row : rows) {
    const TensorData &first = *rows.begin();
    if (row.sizes_ != first.sizes_) {
      auto length = [](const TensorData &data) { return data.sizes_.empty() ? int64_t{0} : data.sizes_[0]; };
      fail("expected sequence of length " + std::to_string(length(first)) + " at dim 1 (got " + std::to_string(length(row)) +
           ")");
    }
    values_.insert(values_.end(), row.values_.begin(), row.values_.end());
  }
  if (rows.size() > 0)
    sizes_.insert(sizes_.end(), rows.begin()->sizes_.begin(), rows.begin()->sizes_.end());
}

Tensor tensor(const TensorData &data, const TensorOptions &options) {
  bool any_floating = data.values().empty(), all_boolean = !data.values().empty();
  for (const Scalar &value : data.values()) {
    any_floating = any_floating || value.is_floating_point();
    all_boolean = all_boolean && value.is_boolean();
  }
  const DType natural = any_floating ? DType::Float32 : (all_boolean ? DType::Bool : DType::Int64);
  const DType dtype = options.dtype_or(natural);
  if (any_floating) {
    std::vector<double> values;
    for (const Scalar &value : data.values())
      values.push_back(value.to_double());
    return finished(from_doubles(values, data.sizes(), dtype), options);
  }
  std::vector<int64_t> values;
  for (const Scalar &value : data.values())
    values.push_back(value.to_int64());
  return finished(from_integers(values, data.sizes(), dtype), options);
}

Tensor full(IntArrayRef sizes, const Scalar &value, const TensorOptions &options) {
  return finished(detail::make_full(sizes.vec(), value, options.dtype_or(number_dtype(value))), options);
}
Tensor zeros(IntArrayRef sizes, const TensorOptions &options) { return full(sizes, 0.0, options); }
Tensor ones(IntArrayRef sizes, const TensorOptions &options) { return full(sizes, 1.0, options); }
Tensor empty(IntArrayRef sizes, const TensorOptions &options) { return full(sizes, 0.0, options); }

Tensor full_like(const Tensor &other, const Scalar &value, const TensorOptions &options) {
  return full(other.sizes(), value, options.dtype(options.dtype_or(other.dtype())));
}
Tensor zeros_like(const Tensor &other, const TensorOptions &options) { return full_like(other, 0, options); }
Tensor ones_like(const Tensor &other, const TensorOptions &options) { return full_like(other, 1, options); }
Tensor empty_like(const Tensor &other, const TensorOptions &options) { return full_like(other, 0, options); }

Tensor arange(const Scalar &start, const Scalar &end, const Scalar &step, const TensorOptions &options) {
  const bool floating = start.is_floating_point() || end.is_floating_point() || step.is_floating_point();
  const double first = start.to_double(), last = end.to_double(), stride = step.to_double();
  if (stride == 0)
    fail("step must be nonzero");
  if (!std::isfinite(first) || !std::isfinite(last))
    fail("unsupported range: " + std::to_string(first) + " -> " + std::to_string(last));
  if ((stride > 0 && last < first) || (stride < 0 && last > first))
    fail("upper bound and lower bound inconsistent with step sign");
  const auto count = static_cast<int64_t>(std::ceil((last - first) / stride));
  std::vector<double> values(static_cast<std::size_t>(count));
  for (int64_t i = 0; i < count; ++i)
    values[static_cast<std::size_t>(i)] = first + static_cast<double>(i) * stride;
  return finished(from_doubles(values, {count}, options.dtype_or(floating ? DType::Float32 : DType::Int64)), options);
}
Tensor arange(const Scalar &start, const Scalar &end, const TensorOptions &options) { return arange(start, end, 1, options); }
Tensor arange(const Scalar &end, const TensorOptions &options) { return arange(0, end, 1, options); }

Tensor eye(int64_t rows, int64_t columns, const TensorOptions &options) {
  if (rows < 0)
    fail("n must be greater or equal to 0, got " + std::to_string(rows));
  if (columns < 0)
    fail("m must be greater or equal to 0, got " + std::to_string(columns));
  std::vector<double> values(static_cast<std::size_t>(rows * columns), 0.0);
  for (int64_t i = 0; i < std::min(rows, columns); ++i)
    values[static_cast<std::size_t>(i * columns + i)] = 1;
  return finished(from_doubles(values, {rows, columns}, options.dtype_or(DType::Float32)), options);
}
Tensor eye(int64_t rows, const TensorOptions &options) { return eye(rows, rows, options); }

Tensor rand(IntArrayRef sizes, const TensorOptions &options) {
  check_not_recording("rand");
  Tensor result = empty(sizes, options.requires_grad(false));
  return finished(result.uniform_(), options);
}
Tensor randn(IntArrayRef sizes, const TensorOptions &options) {
  check_not_recording("randn");
  Tensor result = empty(sizes, options.requires_grad(false));
  return finished(result.normal_(), options);
}
Tensor rand_like(const Tensor &other, const TensorOptions &options) {
  return rand(other.sizes(), options.dtype(options.dtype_or(other.dtype())));
}
Tensor randn_like(const Tensor &other, const TensorOptions &options) {
  return randn(other.sizes(), options.dtype(options.dtype_or(other.dtype())));
}

Tensor from_blob(void *data, IntArrayRef sizes, const TensorOptions &options) {
  const DType dtype = options.dtype_or(DType::Float32);
  const detail::Geometry geometry = detail::Geometry::contiguous(sizes.vec());
  const std::size_t bytes = static_cast<std::size_t>(geometry.numel()) * runtime::element_size(dtype);
  return finished(
      detail::wrap_concrete(runtime::Tensor(runtime::Storage::wrap(data, bytes, {}), geometry.sizes, geometry.strides, 0, dtype)),
      options);
}

void manual_seed(uint64_t seed) { semantics::default_generator().manual_seed(seed); }

} // namespace kiln
