// relu, sigmoid, tanh, neg, exp, log, sqrt, rsqrt, abs: one operand, same shape.
//
// As in PyTorch, relu, neg and abs keep an integer type and the others make float32 of integers and
// booleans.
#include <cmath>

#include "families.h"
#include "kernels.h"

namespace kiln::semantics {

namespace {

// NaN passes, as in PyTorch: it is neither below nor above zero.
struct Relu {
  template <class T> T operator()(T x) const { return x < T(0) ? T(0) : x; }
};
struct Sigmoid {
  template <class T> T operator()(T x) const { return T(1) / (T(1) + std::exp(-x)); }
};
struct Tanh {
  template <class T> T operator()(T x) const { return std::tanh(x); }
};
// Integers wrap; unsigned arithmetic has no overflow.
struct Neg {
  template <class T> T operator()(T x) const {
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(uint64_t{0} - static_cast<uint64_t>(x));
    else
      return -x;
  }
};
struct Exp {
  template <class T> T operator()(T x) const { return std::exp(x); }
};
struct Log {
  template <class T> T operator()(T x) const { return std::log(x); }
};
struct Sqrt {
  template <class T> T operator()(T x) const { return std::sqrt(x); }
};
struct Rsqrt {
  template <class T> T operator()(T x) const { return T(1) / std::sqrt(x); }
};
struct Abs {
  template <class T> T operator()(T x) const {
    if constexpr (std::is_integral_v<T>)
      return x < 0 ? Neg()(x) : x;
    else
      return std::fabs(x);
  }
};

template <class Function> constexpr const char *kName = "";
template <> constexpr const char *kName<Relu> = "nn.relu";
template <> constexpr const char *kName<Sigmoid> = "nn.sigmoid";
template <> constexpr const char *kName<Tanh> = "nn.tanh";
template <> constexpr const char *kName<Neg> = "nn.neg";
template <> constexpr const char *kName<Exp> = "nn.exp";
template <> constexpr const char *kName<Log> = "nn.log";
template <> constexpr const char *kName<Sqrt> = "nn.sqrt";
template <> constexpr const char *kName<Rsqrt> = "nn.rsqrt";
template <> constexpr const char *kName<Abs> = "nn.abs";

template <class Function>
constexpr bool kKeepsIntegers = std::is_same_v<Function, Relu> || std::is_same_v<Function, Neg> ||
                                std::is_same_v<Function, Abs>;

// PyTorch refuses booleans where integers keep their type.
template <class Function> std::string boolean_message() {
  if constexpr (std::is_same_v<Function, Relu>)
    return "Boolean inputs not supported for relu";
  else if constexpr (std::is_same_v<Function, Neg>)
    return "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to "
           "invert a mask, use the `~` or "
           "`logical_not()` operator instead.";
  else
    return "\"abs_cpu\" not implemented for 'Bool'";
}

template <class Function>
std::vector<TensorType> infer_unary(OperandTypes operands, const Attributes &) {
  check_operands(operands, 1, 1, kName<Function>);
  TensorType type = *operands[0];
  if (kKeepsIntegers<Function> && type.dtype == DType::Bool)
    throw ValueError(boolean_message<Function>());
  if (!kKeepsIntegers<Function> && runtime::is_integral(type.dtype))
    type.dtype = DType::Float32;
  return {type};
}

template <class Function>
std::vector<Tensor> evaluate_unary(std::span<const Tensor> operands, const Attributes &) {
  Tensor input = operands[0];
  if (!kKeepsIntegers<Function> && runtime::is_integral(input.dtype()))
    input = input.to(DType::Float32);
  Tensor result(sizes_of(input), input.dtype());
  auto apply = [&]<class T>(Type<T>) {
    const T *from = input.data<T>();
    T *to = result.data<T>();
    runtime::for_each_offset(input, [&](int64_t offset) { *to++ = Function()(from[offset]); });
  };
  if constexpr (kKeepsIntegers<Function>)
    dispatch_numbers(input.dtype(), kName<Function>, apply);
  else
    dispatch_floating(input.dtype(), kName<Function>, apply);
  return {result};
}

template <class Function> Operation unary() {
  return {kName<Function>, infer_unary<Function>, through_float<evaluate_unary<Function>>};
}

} // namespace

std::span<const Operation> elementwise_unary_operations() {
  static const Operation operations[] = {
      unary<Relu>(), unary<Sigmoid>(), unary<Tanh>(), saving_nothing(unary<Neg>()),
      unary<Exp>(),  unary<Log>(),     unary<Sqrt>(), unary<Rsqrt>(),
      unary<Abs>()};
  return operations;
}

} // namespace kiln::semantics
