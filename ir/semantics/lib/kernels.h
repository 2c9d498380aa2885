// What the reference kernels share: dispatch over element types, 16-bit floats, and strided
// iteration.
#pragma once

#include <array>
#include <type_traits>

#include "operands.h"

namespace kiln::semantics {

template <class T> using Type = std::type_identity<T>;

/// Calls `body(Type<T>{})` for float or double. Throws ValueError with PyTorch's text for another
/// element type.
template <class Body>
decltype(auto) dispatch_floating(DType dtype, std::string_view kernel, Body body) {
  switch (dtype) {
  case DType::Float32:
    return body(Type<float>{});
  case DType::Float64:
    return body(Type<double>{});
  default:
    throw ValueError("\"" + std::string(kernel) + "\" not implemented for '" +
                     std::string(runtime::scalar_type_name(dtype)) + "'");
  }
}

/// The same for integers, float and double, but not bool.
template <class Body>
decltype(auto) dispatch_numbers(DType dtype, std::string_view kernel, Body body) {
  switch (dtype) {
  case DType::UInt8:
    return body(Type<uint8_t>{});
  case DType::Int8:
    return body(Type<int8_t>{});
  case DType::Int16:
    return body(Type<int16_t>{});
  case DType::Int32:
    return body(Type<int32_t>{});
  case DType::Int64:
    return body(Type<int64_t>{});
  default:
    return dispatch_floating(dtype, kernel, body);
  }
}

/// Integers, float, double and bool.
template <class Body> decltype(auto) dispatch_all(DType dtype, std::string_view kernel, Body body) {
  if (dtype == DType::Bool)
    return body(Type<bool>{});
  return dispatch_numbers(dtype, kernel, body);
}

constexpr bool is_16_bit_float(DType dtype) {
  return dtype == DType::Float16 || dtype == DType::BFloat16;
}

using Kernel = std::vector<Tensor> (*)(std::span<const Tensor>, const Attributes &);

/// A kernel for 16-bit floats made of one for float: operands are widened, float results rounded
/// back to the type of the first 16-bit operand. PyTorch's CPU kernels do the same inside.
template <Kernel kernel>
std::vector<Tensor> through_float(std::span<const Tensor> operands, const Attributes &attributes) {
  std::optional<DType> narrow;
  for (const Tensor &operand : operands)
    if (!narrow && operand.defined() && is_16_bit_float(operand.dtype()))
      narrow = operand.dtype();
  if (!narrow)
    return kernel(operands, attributes);
  std::vector<Tensor> wide(operands.begin(), operands.end());
  for (Tensor &operand : wide)
    if (operand.defined() && is_16_bit_float(operand.dtype()))
      operand = operand.to(DType::Float32);
  std::vector<Tensor> results = kernel(wide, attributes);
  for (Tensor &result : results)
    if (result.dtype() == DType::Float32)
      result = result.to(*narrow);
  return results;
}

/// Calls `visit(offsets)` for each position of `sizes` in row-major order; `offsets[i]` follows
/// `strides[i]`, in elements.
template <std::size_t N, class Visit>
void for_each_position(std::span<const int64_t> sizes,
                       const std::array<std::span<const int64_t>, N> &strides, Visit visit) {
  int64_t count = 1;
  for (int64_t size : sizes)
    count *= size;
  std::vector<int64_t> index(sizes.size(), 0);
  std::array<int64_t, N> offsets{};
  for (int64_t done = 0; done < count; ++done) {
    visit(offsets);
    for (std::size_t d = sizes.size(); d-- > 0;) {
      const bool wraps = ++index[d] == sizes[d];
      for (std::size_t i = 0; i < N; ++i)
        offsets[i] += wraps ? -strides[i][d] * (sizes[d] - 1) : strides[i][d];
      if (!wraps)
        break;
      index[d] = 0;
    }
  }
}

inline std::vector<int64_t> sizes_of(const Tensor &tensor) {
  return {tensor.sizes().begin(), tensor.sizes().end()};
}

} // namespace kiln::semantics
