// full, constant: tensors without operands.
#include <cmath>
#include <cstdint>
#include <limits>

#include "families.h"
#include "kernels.h"

namespace kiln::semantics {

namespace {

using Sizes = std::vector<DimExpr>;

// Whether PyTorch refuses to make `value` an element of type T. Infinity passes where the type has
// one.
template <class T> bool overflows(double value) {
  using Limits = std::numeric_limits<T>;
  if (std::isnan(value))
    return true;
  // One past the largest integer is exact in double, the largest itself is not for 64 bits.
  return value <= static_cast<double>(Limits::lowest()) - 1 || value >= std::ldexp(1.0, Limits::digits) ||
         value < static_cast<double>(Limits::lowest());
}

void check_value(double value, DType dtype) {
  const char *type = nullptr;
  switch (dtype) {
  case DType::UInt8:
    type = overflows<uint8_t>(std::trunc(value)) ? "uint8_t" : nullptr;
    break;
  case DType::Int8:
    type = overflows<int8_t>(std::trunc(value)) ? "int8_t" : nullptr;
    break;
  case DType::Int16:
    type = overflows<int16_t>(std::trunc(value)) ? "int16_t" : nullptr;
    break;
  case DType::Int32:
    type = overflows<int32_t>(std::trunc(value)) ? "int" : nullptr;
    break;
  case DType::Int64:
    type = overflows<int64_t>(std::trunc(value)) ? "int64_t" : nullptr;
    break;
  case DType::Float16:
    type = std::isfinite(value) && std::fabs(value) > 65504.0 ? "c10::Half" : nullptr;
    break;
  case DType::Float32:
    type = std::isfinite(value) && std::fabs(value) > std::numeric_limits<float>::max() ? "float" : nullptr;
    break;
  case DType::BFloat16:
    type = std::isfinite(value) && std::fabs(value) > 0x1.fep127 ? "c10::BFloat16" : nullptr;
    break;
  case DType::Bool:
  case DType::Float64:
    break;
  }
  if (type)
    throw ValueError("value cannot be converted to type " + std::string(type) + " without overflow\nthe value is " +
                     number_text(value));
}

// The same for an integer, which PyTorch treats otherwise: negative ones wrap round in unsigned types,
// and every one is some number of a floating type.
void check_value(int64_t value, DType dtype) {
  const char *type = nullptr;
  auto outside = [&](int64_t lowest, int64_t highest) { return value < lowest || value > highest; };
  switch (dtype) {
  case DType::UInt8:
    type = outside(-255, 255) ? "uint8_t" : nullptr;
    break;
  case DType::Int8:
    type = outside(INT8_MIN, INT8_MAX) ? "int8_t" : nullptr;
    break;
  case DType::Int16:
    type = outside(INT16_MIN, INT16_MAX) ? "int16_t" : nullptr;
    break;
  case DType::Int32:
    type = outside(INT32_MIN, INT32_MAX) ? "int" : nullptr;
    break;
  default:
    break;
  }
  if (type)
    throw ValueError("value cannot be converted to type " + std::string(type) + " without overflow\nthe value is " +
                     std::to_string(value));
}

// What `value` stands for: a floating-point number, an integer, or a size as an integer, which may not be known yet.
struct FullValue {
  explicit FullValue(const Attributes &attributes) {
    if (const auto *size = attributes.get_if<DimExpr>("value"))
      integer = size->constant(), is_size = true;
    else if (const auto *number = attributes.get_if<int64_t>("value"))
      integer = *number;
    if (!integer && !is_size)
      real = attributes.get<double>("value");
  }
  std::optional<double> real;
  std::optional<int64_t> integer;
  bool is_size = false;
};

std::vector<TensorType> infer_full(OperandTypes operands, const Attributes &attributes) {
  check_operands(operands, 0, 0, "nn.full");
  const Sizes &shape = attributes.get<Sizes>("shape");
  for (const DimExpr &size : shape)
    if (std::optional<int64_t> value = size.constant(); value && *value < 0)
      throw ValueError("Trying to create tensor with negative dimension " + std::to_string(*value) + ": " + shape_text(shape));
  const DType dtype = attributes.get<DType>("dtype");
  const FullValue value(attributes);
  if (value.real)
    check_value(*value.real, dtype);
  else if (value.integer)
    check_value(*value.integer, dtype);
  return {{dtype, shape}};
}

std::vector<Tensor> evaluate_full(std::span<const Tensor>, const Attributes &attributes) {
  const FullValue number(attributes);
  if (number.is_size)
    require_constant(attributes.get<DimExpr>("value"), "the value of full");
  const Tensor value = number.real ? Tensor::scalar<double>(*number.real) : Tensor::scalar<int64_t>(*number.integer);
  return {value.to(attributes.get<DType>("dtype"))
              .expand(require_constants(attributes.get<Sizes>("shape"), "a size of full"))
              .clone()};
}

const Tensor &constant_value(const Attributes &attributes) {
  const Tensor &value = attributes.get<Tensor>("value");
  if (!value.defined())
    throw ValueError("nn.constant needs a defined tensor as its value");
  return value;
}

std::vector<TensorType> infer_constant(OperandTypes operands, const Attributes &attributes) {
  check_operands(operands, 0, 0, "nn.constant");
  return {type_of(constant_value(attributes))};
}

std::vector<Tensor> evaluate_constant(std::span<const Tensor>, const Attributes &attributes) {
  return {constant_value(attributes).clone()};
}

} // namespace

std::span<const Operation> creation_operations() {
  static const Operation operations[] = {
      without_gradient({"nn.full", infer_full, evaluate_full}),
      without_gradient({"nn.constant", infer_constant, evaluate_constant})};
  return operations;
}

} // namespace kiln::semantics
