// eq, ne, lt, le, gt, ge: comparisons of two operands of one type, broadcast; where: a choice by
// such a result.
//
// NaN is equal to nothing and neither less nor greater. No gradient flows through a comparison, nor
// to the condition of where.
#include <functional>

#include "families.h"
#include "kernels.h"

namespace kiln::semantics {

namespace {

template <class Compare> constexpr const char *kName = "";
template <> constexpr const char *kName<std::equal_to<>> = "nn.eq";
template <> constexpr const char *kName<std::not_equal_to<>> = "nn.ne";
template <> constexpr const char *kName<std::less<>> = "nn.lt";
template <> constexpr const char *kName<std::less_equal<>> = "nn.le";
template <> constexpr const char *kName<std::greater<>> = "nn.gt";
template <> constexpr const char *kName<std::greater_equal<>> = "nn.ge";

void check_one_type(const std::string &name, const TensorType &a, const TensorType &b) {
  if (a.dtype != b.dtype)
    throw ValueError(name + " needs operands of one dtype, but got " +
                     std::string(runtime::scalar_type_name(a.dtype)) + " and " +
                     std::string(runtime::scalar_type_name(b.dtype)) +
                     "\nconvert one of them (nn.cast) first");
}

template <class Compare>
std::vector<TensorType> infer_comparison(OperandTypes operands, const Attributes &) {
  const std::string name = kName<Compare>;
  check_operands(operands, 2, 2, name);
  check_one_type(name, *operands[0], *operands[1]);
  return {{DType::Bool, broadcast(operands[0]->sizes, operands[1]->sizes)}};
}

template <class Compare>
std::vector<Tensor> evaluate_comparison(std::span<const Tensor> operands, const Attributes &) {
  const std::vector<int64_t> sizes = require_constants(
      broadcast(type_of(operands[0]).sizes, type_of(operands[1]).sizes), "a size");
  const Tensor lhs = operands[0].expand(sizes), rhs = operands[1].expand(sizes);
  Tensor result(sizes, DType::Bool);
  dispatch_all(lhs.dtype(), kName<Compare>, [&]<class T>(Type<T>) {
    const T *a = lhs.data<T>(), *b = rhs.data<T>();
    bool *to = result.data<bool>();
    for_each_position<2>(sizes, {lhs.strides(), rhs.strides()}, [&](const auto &offsets) {
      *to++ = Compare()(a[offsets[0]], b[offsets[1]]);
    });
  });
  return {result};
}

template <class Compare> Operation comparison() {
  return without_gradient({kName<Compare>, infer_comparison<Compare>,
                           through_float<evaluate_comparison<Compare>>});
}

//===----------------------------------------------------------------------===//
// where
//===----------------------------------------------------------------------===//

// In PyTorch's order, which shows in the message where two pairs do not fit.
std::vector<DimExpr> where_sizes(const std::vector<DimExpr> &condition,
                                 const std::vector<DimExpr> &input,
                                 const std::vector<DimExpr> &other) {
  return broadcast(broadcast(condition, input), other);
}

std::vector<TensorType> infer_where(OperandTypes operands, const Attributes &) {
  check_operands(operands, 3, 3, "nn.where");
  const TensorType &condition = *operands[0], &input = *operands[1], &other = *operands[2];
  if (condition.dtype != DType::Bool)
    throw ValueError("where expected condition to be a boolean tensor, but got a tensor with dtype " +
                     std::string(runtime::scalar_type_name(condition.dtype)));
  check_one_type("nn.where", input, other);
  return {{input.dtype, where_sizes(condition.sizes, input.sizes, other.sizes)}};
}

std::vector<Tensor> evaluate_where(std::span<const Tensor> operands, const Attributes &) {
  const std::vector<int64_t> sizes =
      require_constants(where_sizes(type_of(operands[0]).sizes, type_of(operands[1]).sizes,
                                    type_of(operands[2]).sizes),
                        "a size");
  const Tensor condition = operands[0].expand(sizes), input = operands[1].expand(sizes),
               other = operands[2].expand(sizes);
  Tensor result(sizes, input.dtype());
  dispatch_all(input.dtype(), "nn.where", [&]<class T>(Type<T>) {
    const bool *holds = condition.data<bool>();
    const T *a = input.data<T>(), *b = other.data<T>();
    T *to = result.data<T>();
    for_each_position<3>(sizes, {condition.strides(), input.strides(), other.strides()},
                         [&](const auto &offsets) {
                           *to++ = holds[offsets[0]] ? a[offsets[1]] : b[offsets[2]];
                         });
  });
  return {result};
}

} // namespace

std::span<const Operation> comparison_operations() {
  static const Operation operations[] = {
      comparison<std::equal_to<>>(),
      comparison<std::not_equal_to<>>(),
      comparison<std::less<>>(),
      comparison<std::less_equal<>>(),
      comparison<std::greater<>>(),
      comparison<std::greater_equal<>>(),
      {"nn.where", infer_where, through_float<evaluate_where>}};
  return operations;
}

} // namespace kiln::semantics
