// Type promotion: PyTorch's rules for operands of different element types.
#include <algorithm>

#include "tensor_impl.h"

namespace kiln::detail {

namespace {

enum class Category { Bool, Integer, Floating };

Category category(DType dtype) {
  if (dtype == DType::Bool)
    return Category::Bool;
  return runtime::is_floating_point(dtype) ? Category::Floating : Category::Integer;
}

// Element type of a number among tensors: floating-point numbers are of the default type.
DType number_type(DType kind) { return kind == DType::Float64 ? DType::Float32 : kind; }

} // namespace

DType promote_types(DType a, DType b) {
  if (a == b)
    return a;
  if (category(a) != category(b))
    return category(a) > category(b) ? a : b;
  if (category(a) == Category::Floating) {
    const bool half_pair = (a == DType::Float16 && b == DType::BFloat16) || (a == DType::BFloat16 && b == DType::Float16);
    return half_pair ? DType::Float32 : std::max(a, b); // numbered by width
  }
  if (a == DType::UInt8 || b == DType::UInt8) { // unsigned with signed: a signed type that holds both
    const DType other = a == DType::UInt8 ? b : a;
    return other == DType::Int8 ? DType::Int16 : other;
  }
  return std::max(a, b);
}

DType result_type(const std::vector<PromotionOperand> &operands) {
  std::optional<DType> tensors, scalars, numbers; // with dimensions, without, C++ numbers
  auto add = [](std::optional<DType> &into, DType dtype) { into = into ? promote_types(*into, dtype) : dtype; };
  for (const PromotionOperand &operand : operands)
    add(operand.is_number ? numbers : (operand.dim > 0 ? tensors : scalars),
        operand.is_number ? number_type(operand.dtype) : operand.dtype);
  // The higher class decides unless a lower one is of a higher category.
  std::optional<DType> result;
  for (const std::optional<DType> &lower : {tensors, scalars, numbers}) {
    if (!lower)
      continue;
    if (!result)
      result = lower;
    else if (category(*lower) > category(*result))
      result = promote_types(*result, *lower);
  }
  return *result;
}

bool can_cast(DType from, DType to) { return category(from) <= category(to); }

} // namespace kiln::detail
