// AnyModule: a module of any class that can still be called.
//
// Containers keep their elements so: `for (auto &block : *blocks) x = block(x);` needs no cast, as in Python.
#pragma once

#include <any>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "kiln/nn/module_holder.h"

namespace kiln::nn {

namespace detail {

/// Number of Tensor arguments that M::forward takes, -1 when it takes something else.
template <class M, std::size_t... I> constexpr bool forward_takes(std::index_sequence<I...>) {
  return requires(M & module) { module.forward((static_cast<void>(I), std::declval<Tensor>())...); };
}
template <class M, int N = 1> constexpr int forward_arity() {
  if constexpr (N > 8)
    return -1;
  else if constexpr (forward_takes<M>(std::make_index_sequence<N>()))
    return N;
  else
    return forward_arity<M, N + 1>();
}
[[noreturn]] KILN_API void throw_wrong_call(const Module &module, const std::string &found);

} // namespace detail

class AnyModule {
public:
  AnyModule() = default;
  AnyModule(std::nullptr_t) {}
  template <class M, std::enable_if_t<std::is_base_of_v<Module, M>, int> = 0>
  AnyModule(std::shared_ptr<M> module) : module_(module) {
    constexpr int arity = detail::forward_arity<M>();
    if constexpr (arity > 0) {
      M *target = module.get();
      call_ = [target](std::vector<Tensor> &inputs) -> std::any {
        if (inputs.size() != arity)
          detail::throw_wrong_call(*target, "called with " + std::to_string(inputs.size()) + " tensors; its forward takes " +
                                                std::to_string(arity));
        return call(*target, inputs, std::make_index_sequence<arity>());
      };
    }
  }
  template <class M> AnyModule(const ModuleHolder<M> &holder) : AnyModule(holder.ptr()) {}

  bool is_empty() const { return module_ == nullptr; }
  explicit operator bool() const { return !is_empty(); }
  Module *get() const { return module_.get(); }
  Module *operator->() const { return module_.get(); }
  Module &operator*() const { return *module_; }
  const std::shared_ptr<Module> &ptr() const { return module_; }
  operator std::shared_ptr<Module>() const { return module_; }

  /// Calls the module with tensors. `Result` is what its forward returns.
  template <class Result = Tensor, class... Inputs> Result forward(const Inputs &...inputs) const {
    if (!call_)
      detail::throw_wrong_call(*module_, "its forward can't be called with tensors alone");
    std::vector<Tensor> list{inputs...};
    std::any result = call_(list);
    if (Result *value = std::any_cast<Result>(&result))
      return std::move(*value);
    detail::throw_wrong_call(*module_, "its forward returns another type than the caller asks for");
  }
  template <class... Inputs> Tensor operator()(const Inputs &...inputs) const { return forward<Tensor>(inputs...); }

private:
  template <class M, std::size_t... I> static std::any call(M &module, std::vector<Tensor> &inputs, std::index_sequence<I...>) {
    using Result = decltype(module.forward(inputs[I]...));
    if constexpr (std::is_void_v<Result>)
      return detail::call_module(module, inputs[I]...), std::any();
    else
      return std::any(detail::call_module(module, inputs[I]...));
  }

  std::shared_ptr<Module> module_;
  std::function<std::any(std::vector<Tensor> &)> call_;
};

} // namespace kiln::nn
