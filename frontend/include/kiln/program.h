// Programs: what is to be compiled.
//
//   KILN_PROGRAM(digits) {
//     Net model;
//     program.function("predict", {{"x", {"batch", 784}}}, [&](Tensor x) { model->eval(); return model(x); });
//   }
//
// The block runs when the driver asks for the program. A function is recorded by running it on symbolic tensors, with stand-in
// numbers for the named dimensions: three times, with different numbers, so that sizes computed from sizes are understood.
// Ordinary C++ decides what is recorded; a decision on a tensor's value can't be made.
//
// All functions share the modules' state. Each is recorded from the mode (train, eval) and the requires_grad flags that hold at
// the end of the block, and what it changes in them is undone, so the order of functions never matters.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "kiln/nn/module_holder.h"
#include "kiln/tensor.h"

namespace kiln {

/// A size of an input: a number, or a name for one that is known at run time. Equal names are equal sizes.
class KILN_API Dim {
public:
  Dim(int value) : value_(value) {}
  Dim(int64_t value) : value_(value) {}
  Dim(const char *name) : name_(name) {}
  Dim(std::string name) : name_(std::move(name)) {}
  bool is_named() const { return !name_.empty() || value_ < 0; }
  const std::string &name() const { return name_; }
  int64_t value() const { return value_; }

private:
  int64_t value_ = -1;
  std::string name_;
};

/// An input of a function: {"x", {"batch", 784}}, {"labels", {"batch"}, kInt64}.
struct Input {
  Input(std::string name, std::vector<Dim> dims, DType dtype = kFloat32)
      : name(std::move(name)), dims(std::move(dims)), dtype(dtype) {}
  std::string name;
  std::vector<Dim> dims;
  DType dtype;
};

/// What a function returns to the recorder. A name may be empty.
using NamedOutputs = std::vector<std::pair<std::string, Tensor>>;

namespace detail {
class ProgramRecorder;

inline void append_outputs(NamedOutputs &list, const Tensor &tensor) { list.emplace_back(std::string(), tensor); }
inline void append_outputs(NamedOutputs &list, const std::pair<std::string, Tensor> &output) { list.push_back(output); }
template <class T>
  requires std::is_arithmetic_v<T>
void append_outputs(NamedOutputs &, T) {
  static_assert(!std::is_arithmetic_v<T>, "a function of a program returns Tensors (one, or a tuple, pair, array or vector of them), "
                                          "not a number: its values are there in a call only; return the tensor, without item()");
}
template <class T> void append_outputs(NamedOutputs &list, const std::vector<T> &values) {
  for (const T &value : values)
    append_outputs(list, value);
}
template <class T, std::size_t N> void append_outputs(NamedOutputs &list, const std::array<T, N> &values) {
  for (const T &value : values)
    append_outputs(list, value);
}
template <class A, class B> void append_outputs(NamedOutputs &list, const std::pair<A, B> &values) {
  append_outputs(list, values.first);
  append_outputs(list, values.second);
}
template <class... Parts> void append_outputs(NamedOutputs &list, const std::tuple<Parts...> &values) {
  std::apply([&](const Parts &...parts) { (append_outputs(list, parts), ...); }, values);
}

template <class F, std::size_t... I> constexpr bool callable_with(std::index_sequence<I...>) {
  return std::is_invocable_v<F &, decltype(static_cast<void>(I), std::declval<Tensor>())...>;
}
/// Number of Tensors that F is called with; 0 when it can't be called with up to 16.
template <class F, std::size_t N = 1> constexpr std::size_t tensor_arity() {
  if constexpr (N > 16)
    return 0;
  else if constexpr (callable_with<F>(std::make_index_sequence<N>()))
    return N;
  else
    return tensor_arity<F, N + 1>();
}
/// Whether F has one call operator, whose parameters can be judged. None is to be had of a lambda that does not compile, of which the
/// compiler has said why.
template <class F> constexpr bool has_one_signature() {
  if constexpr (std::is_class_v<F>)
    return requires { &F::operator(); };
  else
    return true;
}
template <class F, std::size_t... I>
NamedOutputs call_with(F &function, const std::vector<Tensor> &inputs, std::index_sequence<I...>) {
  NamedOutputs outputs;
  append_outputs(outputs, function(inputs[I]...));
  return outputs;
}
} // namespace detail

/// The program that a KILN_PROGRAM block describes.
class KILN_API Program {
public:
  /// Records `function`, which takes one Tensor an input and returns a Tensor, or a tuple, pair, array or vector of such. Outputs
  /// are called "output", or "output0", "output1", ..., unless it returns {name, tensor} pairs or `outputs` names them. Throws
  /// where what is declared or recorded is wrong.
  template <class F>
  void function(std::string name, std::vector<Input> inputs, F function, std::vector<std::string> outputs = {}) {
    constexpr std::size_t arity = detail::tensor_arity<F>();
    static_assert(arity > 0 || !detail::has_one_signature<F>(),
                  "a function of a program takes a kiln::Tensor for each of its inputs, of which there is at least one");
    if constexpr (arity > 0)
      add_function(std::move(name), std::move(inputs), std::move(outputs), arity,
                   [function = std::move(function)](const std::vector<Tensor> &values) mutable {
                     return detail::call_with(function, values, std::make_index_sequence<arity>());
                   });
    else
      add_function(std::move(name), std::move(inputs), std::move(outputs), 0, Body()); // says what is wrong with it
  }

  /// Names one of several models of the program: its state is called "name.weight", .... A program with a single model needs
  /// none.
  void register_module(const std::string &name, std::shared_ptr<nn::Module> module);
  template <class M> void register_module(const std::string &name, const nn::ModuleHolder<M> &holder) {
    register_module(name, std::shared_ptr<nn::Module>(holder.ptr()));
  }

  const std::string &name() const;

  Program(const Program &) = delete;
  Program &operator=(const Program &) = delete;

private:
  friend class detail::ProgramRecorder;
  explicit Program(detail::ProgramRecorder &recorder) : recorder_(recorder) {}
  using Body = std::function<NamedOutputs(const std::vector<Tensor> &)>;
  void add_function(std::string name, std::vector<Input> inputs, std::vector<std::string> outputs, std::size_t arity, Body body);

  detail::ProgramRecorder &recorder_;
};

namespace detail {
/// Registers a program before main, or when the shared object that contains it is loaded.
struct KILN_API ProgramRegistration {
  ProgramRegistration(const char *name, void (*body)(Program &));
};
} // namespace detail
} // namespace kiln

/// Describes a program: `KILN_PROGRAM(name) { ... }`, with `program` (a kiln::Program) in scope.
#define KILN_PROGRAM(program_name)                                                                                               \
  static void kiln_program_body_##program_name(::kiln::Program &program);                                                        \
  [[maybe_unused]] static const ::kiln::detail::ProgramRegistration kiln_program_registration_##program_name(                    \
      #program_name, kiln_program_body_##program_name);                                                                          \
  static void kiln_program_body_##program_name([[maybe_unused]] ::kiln::Program &program)
