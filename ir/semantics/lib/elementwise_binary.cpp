// add, sub, mul, div, maximum, minimum: two operands of one type, broadcast against each other.
//
// Promotion between types is the caller's (nn.cast); here different types are an error. Integers
// wrap.
#include <cmath>

#include "families.h"
#include "kernels.h"

namespace kiln::semantics {

namespace {

// Arithmetic that wraps for integers: in uint64_t, whose low bits are right for every narrower
// type.
template <class T> using Wrapping = std::conditional_t<std::is_floating_point_v<T>, T, uint64_t>;
template <class T> Wrapping<T> wrapping(T x) { return static_cast<Wrapping<T>>(x); }

struct Add {
  template <class T> T operator()(T a, T b) const {
    if constexpr (std::is_same_v<T, bool>)
      return a || b;
    else
      return static_cast<T>(wrapping(a) + wrapping(b));
  }
};
struct Sub {
  template <class T> T operator()(T a, T b) const {
    return static_cast<T>(wrapping(a) - wrapping(b));
  }
};
struct Mul {
  template <class T> T operator()(T a, T b) const {
    if constexpr (std::is_same_v<T, bool>)
      return a && b;
    else
      return static_cast<T>(wrapping(a) * wrapping(b));
  }
};
struct Div {
  template <class T> T operator()(T a, T b) const { return a / b; }
};
// NaN on either side is the result, unlike std::fmax.
struct Maximum {
  template <class T> T operator()(T a, T b) const {
    if constexpr (std::is_floating_point_v<T>)
      if (std::isnan(a))
        return a;
    return a > b ? a : b; // false when b is NaN
  }
};
struct Minimum {
  template <class T> T operator()(T a, T b) const {
    if constexpr (std::is_floating_point_v<T>)
      if (std::isnan(a))
        return a;
    return a < b ? a : b;
  }
};

template <class Function> constexpr const char *kName = "";
template <> constexpr const char *kName<Add> = "nn.add";
template <> constexpr const char *kName<Sub> = "nn.sub";
template <> constexpr const char *kName<Mul> = "nn.mul";
template <> constexpr const char *kName<Div> = "nn.div";
template <> constexpr const char *kName<Maximum> = "nn.maximum";
template <> constexpr const char *kName<Minimum> = "nn.minimum";

template <class Function>
std::vector<TensorType> infer_binary(OperandTypes operands, const Attributes &) {
  const std::string name = kName<Function>;
  check_operands(operands, 2, 2, name);
  const TensorType &lhs = *operands[0], &rhs = *operands[1];
  if (lhs.dtype != rhs.dtype)
    throw ValueError(name + " needs operands of one dtype, but got " +
                     std::string(runtime::scalar_type_name(lhs.dtype)) + " and " +
                     std::string(runtime::scalar_type_name(rhs.dtype)) +
                     "\nconvert one of them (nn.cast) first");
  if (std::is_same_v<Function, Sub> && lhs.dtype == DType::Bool)
    throw ValueError("Subtraction, the `-` operator, with two bool tensors is not supported. Use "
                     "the `^` or `logical_xor()` "
                     "operator instead.");
  if (std::is_same_v<Function, Div> && !runtime::is_floating_point(lhs.dtype))
    throw ValueError(name + " divides floating-point numbers, but got " +
                     std::string(runtime::scalar_type_name(lhs.dtype)) +
                     "\nconvert both operands (nn.cast) first");
  return {{lhs.dtype, broadcast(lhs.sizes, rhs.sizes)}};
}

template <class Function>
std::vector<Tensor> evaluate_binary(std::span<const Tensor> operands, const Attributes &) {
  const std::vector<int64_t> sizes = require_constants(
      broadcast(type_of(operands[0]).sizes, type_of(operands[1]).sizes), "a size");
  const Tensor lhs = operands[0].expand(sizes), rhs = operands[1].expand(sizes);
  Tensor result(sizes, lhs.dtype());
  auto apply = [&]<class T>(Type<T>) {
    const T *a = lhs.data<T>(), *b = rhs.data<T>();
    T *to = result.data<T>();
    for_each_position<2>(sizes, {lhs.strides(), rhs.strides()}, [&](const auto &offsets) {
      *to++ = Function()(a[offsets[0]], b[offsets[1]]);
    });
  };
  if constexpr (std::is_same_v<Function, Div>)
    dispatch_floating(lhs.dtype(), kName<Function>, apply);
  else if constexpr (std::is_same_v<Function, Sub>)
    dispatch_numbers(lhs.dtype(), kName<Function>, apply);
  else
    dispatch_all(lhs.dtype(), kName<Function>, apply);
  return {result};
}

template <class Function> Operation binary() {
  return {kName<Function>, infer_binary<Function>, through_float<evaluate_binary<Function>>};
}

} // namespace

std::span<const Operation> elementwise_binary_operations() {
  static const Operation operations[] = {saving_nothing(binary<Add>()),
                                         saving_nothing(binary<Sub>()),
                                         binary<Mul>(),
                                         binary<Div>(),
                                         binary<Maximum>(),
                                         binary<Minimum>()};
  return operations;
}

} // namespace kiln::semantics
