// full, constant: tensors without operands.
#include <cmath>
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
  return value <= static_cast<double>(Limits::lowest()) - 1 ||
         value >= std::ldexp(1.0, Limits::digits) || value < static_cast<double>(Limits::lowest());
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
    type = std::isfinite(value) && std::fabs(value) > std::numeric_limits<float>::max() ? "float"
                                                                                        : nullptr;
    break;
  case DType::BFloat16:
    type = std::isfinite(value) && std::fabs(value) > 0x1.fep127 ? "c10::BFloat16" : nullptr;
    break;
  case DType::Bool:
  case DType::Float64:
    break;
  }
  if (type)
    throw ValueError("value cannot be converted to type " + std::string(type) +
                     " without overflow\nthe value is " + number_text(value));
}

std::vector<TensorType> infer_full(OperandTypes operands, const Attributes &attributes) {
  check_operands(operands, 0, 0, "nn.full");
  const Sizes &shape = attributes.get<Sizes>("shape");
  for (const DimExpr &size : shape)
    if (std::optional<int64_t> value = size.constant(); value && *value < 0)
      throw ValueError("Trying to create tensor with negative dimension " + std::to_string(*value) +
                       ": " + shape_text(shape));
  const DType dtype = attributes.get<DType>("dtype");
  check_value(attributes.get<double>("value"), dtype);
  return {{dtype, shape}};
}

std::vector<Tensor> evaluate_full(std::span<const Tensor>, const Attributes &attributes) {
  const Tensor value =
      Tensor::scalar<double>(attributes.get<double>("value")).to(attributes.get<DType>("dtype"));
  return {
      value.expand(require_constants(attributes.get<Sizes>("shape"), "a size of full")).clone()};
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
