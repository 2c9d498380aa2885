// How a module is called: hooks around forward, and the recorder's knowledge of which module is running.
#pragma once

#include <array>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "kiln/nn/module.h"

namespace kiln::nn {

/// Marks `module` as the one whose forward is running, for as long as it lives. Nested marks of the same module count once, so a
/// layer's own forward may mark itself and be called either way. Layers of this library do, so `fc->forward(x)` is named like
/// `fc(x)`.
class KILN_API RunningModule {
public:
  explicit RunningModule(Module &module);
  ~RunningModule();
  RunningModule(const RunningModule &) = delete;
  RunningModule &operator=(const RunningModule &) = delete;

  /// Tells what forward returned.
  void returned(const std::vector<Tensor> &outputs);

private:
  Module &module_;
  bool marked_ = false;
};

namespace detail {

// Visits the tensors in an argument or a result: a Tensor, or a tuple, pair, optional, vector or array of such.
template <class Visit> void visit_tensors(Tensor &value, const Visit &visit) { visit(value); }
template <class Visit> void visit_tensors(RegisteredTensor &value, const Visit &visit) { visit(value); }
template <class Visit, class... Parts> void visit_tensors(std::tuple<Parts...> &value, const Visit &visit);
template <class Visit, class A, class B> void visit_tensors(std::pair<A, B> &value, const Visit &visit);
template <class Visit, class T> void visit_tensors(std::optional<T> &value, const Visit &visit);
template <class Visit, class T> void visit_tensors(std::vector<T> &value, const Visit &visit);
template <class Visit, class T, std::size_t N> void visit_tensors(std::array<T, N> &value, const Visit &visit);
template <class Visit, class T> void visit_tensors(T &, const Visit &) {}

template <class Visit, class... Parts> void visit_tensors(std::tuple<Parts...> &value, const Visit &visit) {
  std::apply([&](Parts &...parts) { (visit_tensors(parts, visit), ...); }, value);
}
template <class Visit, class A, class B> void visit_tensors(std::pair<A, B> &value, const Visit &visit) {
  visit_tensors(value.first, visit);
  visit_tensors(value.second, visit);
}
template <class Visit, class T> void visit_tensors(std::optional<T> &value, const Visit &visit) {
  if (value)
    visit_tensors(*value, visit);
}
template <class Visit, class T> void visit_tensors(std::vector<T> &value, const Visit &visit) {
  if constexpr (!std::is_same_v<T, bool>)
    for (T &part : value)
      visit_tensors(part, visit);
}
template <class Visit, class T, std::size_t N> void visit_tensors(std::array<T, N> &value, const Visit &visit) {
  for (T &part : value)
    visit_tensors(part, visit);
}

template <class T> void append_tensors(std::vector<Tensor> &list, const T &value) {
  visit_tensors(const_cast<T &>(value), [&](const Tensor &tensor) { list.push_back(tensor); });
}
template <class T> std::vector<Tensor> tensors_of(const T &value) {
  std::vector<Tensor> result;
  append_tensors(result, value);
  return result;
}
template <class T> void replace_tensors(T &value, const std::vector<Tensor> &tensors, std::size_t &next) {
  visit_tensors(value, [&](Tensor &tensor) {
    if (next < tensors.size())
      tensor = tensors[next++];
  });
}

KILN_API bool has_forward_pre_hooks(const Module &module);
KILN_API bool has_forward_hooks(const Module &module);
KILN_API void run_forward_pre_hooks(Module &module, std::vector<Tensor> &inputs);
KILN_API void run_forward_hooks(Module &module, const std::vector<Tensor> &inputs, std::vector<Tensor> &outputs);

/// Runs forward with the post hooks around it.
template <class Impl, class... Args> auto run_forward(RunningModule &running, Impl &module, Args &&...args) {
  using Result = decltype(module.forward(std::forward<Args>(args)...));
  if constexpr (std::is_void_v<Result>) {
    module.forward(std::forward<Args>(args)...);
  } else {
    std::vector<Tensor> inputs;
    const bool hooks = has_forward_hooks(module);
    if (hooks)
      (append_tensors(inputs, args), ...);
    std::decay_t<Result> result = module.forward(std::forward<Args>(args)...);
    std::vector<Tensor> outputs = tensors_of(result);
    if (hooks) {
      run_forward_hooks(module, inputs, outputs);
      std::size_t next = 0;
      replace_tensors(result, outputs, next);
    }
    running.returned(outputs);
    return result;
  }
}

/// Calls `module`'s forward as a module is called: hooks, and the recorder told.
template <class Impl, class... Args> auto call_module(Impl &module, Args &&...args) {
  RunningModule running(module);
  if (!has_forward_pre_hooks(module))
    return run_forward(running, module, std::forward<Args>(args)...);
  // Hooks may replace tensors, so forward gets copies of the arguments.
  std::tuple<std::decay_t<Args>...> copies(args...);
  std::vector<Tensor> inputs = tensors_of(copies);
  run_forward_pre_hooks(module, inputs);
  std::size_t next = 0;
  replace_tensors(copies, inputs, next);
  return std::apply([&](auto &...parts) { return run_forward(running, module, parts...); }, copies);
}

} // namespace detail
} // namespace kiln::nn
