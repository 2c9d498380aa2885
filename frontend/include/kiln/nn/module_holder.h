// ModuleHolder: a module as a value with reference semantics, as in libtorch.
#pragma once

#include <memory>
#include <ostream>
#include <type_traits>
#include <utility>

#include "kiln/nn/call.h"
#include "kiln/nn/module.h"

namespace kiln::nn {

namespace detail {
[[noreturn]] KILN_API void throw_empty_holder();
template <class Head, class Contained>
inline constexpr bool is_holder_of =
    std::is_base_of_v<ModuleHolder<Contained>, std::decay_t<Head>> || std::is_convertible_v<Head, std::shared_ptr<Contained>>;
} // namespace detail

template <class Contained> class ModuleHolder {
public:
  using ContainedType = Contained;

  /// Makes the module with its default constructor. `Linear fc{nullptr};` makes an empty holder instead.
  ModuleHolder() : impl_(std::make_shared<Contained>()) {}
  ModuleHolder(std::nullptr_t) {}
  /// Makes the module from its constructor's arguments.
  template <class Head, class... Tail,
            std::enable_if_t<!(sizeof...(Tail) == 0 && detail::is_holder_of<Head, Contained>), int> = 0>
  explicit ModuleHolder(Head &&head, Tail &&...tail)
      : impl_(std::make_shared<Contained>(std::forward<Head>(head), std::forward<Tail>(tail)...)) {}
  ModuleHolder(std::shared_ptr<Contained> module) : impl_(std::move(module)) {}

  bool is_empty() const { return impl_ == nullptr; }
  explicit operator bool() const { return !is_empty(); }
  /// Throw ValueError when empty.
  Contained *get() const {
    if (!impl_)
      detail::throw_empty_holder();
    return impl_.get();
  }
  const std::shared_ptr<Contained> &ptr() const {
    get();
    return impl_;
  }
  Contained *operator->() const { return get(); }
  Contained &operator*() const { return *get(); }

  /// Calls the module: hooks, forward, hooks.
  template <class... Args> auto operator()(Args &&...args) const {
    return detail::call_module(*get(), std::forward<Args>(args)...);
  }
  template <class Index> decltype(auto) operator[](Index &&index) const { return (*get())[std::forward<Index>(index)]; }

protected:
  std::shared_ptr<Contained> impl_;
};

template <class Contained> std::ostream &operator<<(std::ostream &stream, const ModuleHolder<Contained> &holder) {
  return stream << static_cast<const Module &>(*holder);
}

} // namespace kiln::nn

/// Defines `Name`, a holder of `ImplType`.
#define KILN_MODULE_IMPL(Name, ImplType)                                                                                         \
  class Name : public ::kiln::nn::ModuleHolder<ImplType> {                                                                       \
  public:                                                                                                                        \
    using ::kiln::nn::ModuleHolder<ImplType>::ModuleHolder;                                                                      \
    using Impl [[maybe_unused]] = ImplType;                                                                                      \
  }
/// Defines `Name`, a holder of `NameImpl`.
#define KILN_MODULE(Name) KILN_MODULE_IMPL(Name, Name##Impl)
