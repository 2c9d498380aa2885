// Module: the base class of models and layers.
//
// Owns parameters, buffers and submodules by name, in order of registration, and finds them again: for training, for state_dict,
// for printing, and for the compiler, which names every operation after the module that ran it. Written as in libtorch: register
// in the constructor, write `forward`, wrap the class in KILN_MODULE(Name) (module_holder.h).
//
//   struct NetImpl : kiln::nn::Module {
//     NetImpl() { fc = register_module("fc", kiln::nn::Linear(784, 10)); }
//     kiln::Tensor forward(kiln::Tensor x) { return fc(x); }
//     kiln::nn::Linear fc{nullptr};
//   };
//   KILN_MODULE(Net);
//
// Call modules as functions, `fc(x)`: that runs the hooks and tells the recorder which module is running.
#pragma once

#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "kiln/ordered_dict.h"
#include "kiln/runtime/module_tree.h"
#include "kiln/runtime/state_dict.h"
#include "kiln/tensor.h"

namespace kiln::nn {

template <class Contained> class ModuleHolder;

namespace detail {
template <class T, class = void> struct ContainedTypeOf { using type = T; };
template <class T> struct ContainedTypeOf<T, std::void_t<typename T::ContainedType>> { using type = typename T::ContainedType; };
/// The Impl class behind a holder or an Impl class.
template <class T> using ContainedType = typename ContainedTypeOf<T>::type;
struct ModuleAccess;
struct HookAccess;
} // namespace detail

class Module;
using NamedTensors = OrderedDict<std::string, Tensor>;
using NamedModules = OrderedDict<std::string, std::shared_ptr<Module>>;

/// Takes a hook away again. May outlive the module.
class KILN_API RemovableHandle {
public:
  RemovableHandle() = default;
  explicit RemovableHandle(std::function<void()> remove) : remove_(std::move(remove)) {}
  void remove();

private:
  std::function<void()> remove_;
};

/// Runs before forward; may replace the tensors among forward's arguments.
using ForwardPreHook = std::function<void(Module &module, std::vector<Tensor> &inputs)>;
/// Runs after forward; may replace the tensors that it returned.
using ForwardHook = std::function<void(Module &module, const std::vector<Tensor> &inputs, std::vector<Tensor> &outputs)>;

class KILN_API Module : public std::enable_shared_from_this<Module> {
public:
  Module();
  /// A module that prints under `name` instead of its class name.
  explicit Module(std::string name);
  Module(const Module &other);
  Module &operator=(const Module &) = delete;
  virtual ~Module();

  /// PyTorch's class name: "Linear" for a LinearImpl, in any namespace.
  virtual std::string name() const;
  /// What stands between the parentheses of a printed module; may be several lines.
  virtual std::string extra_repr() const { return ""; }
  /// Prints the module and what is below it exactly as Python's print(model) does, without a line end. What an override prints
  /// stands for the module itself, as in libtorch: what is below it follows.
  virtual void pretty_print(std::ostream &stream) const;
  std::string text() const;

  // Registration. Names must not be empty, contain a dot or be taken: KeyError with PyTorch's text.

  /// Registers a tensor that is to be trained. An undefined tensor reserves the name, as None does. Assign the result to the
  /// member that holds the parameter.
  RegisteredTensor &register_parameter(std::string name, Tensor tensor, bool requires_grad = true);
  /// Registers a tensor that is part of the model's state but is not trained. One that is not persistent stays out of state_dict.
  RegisteredTensor &register_buffer(std::string name, Tensor tensor, bool persistent = true);
  template <class M> std::shared_ptr<M> register_module(std::string name, std::shared_ptr<M> module) {
    add_module(std::move(name), module);
    return module;
  }
  template <class M> std::shared_ptr<M> register_module(std::string name, ModuleHolder<M> holder) {
    return register_module(std::move(name), holder.is_empty() ? nullptr : holder.ptr());
  }
  /// Puts another module under a registered name. Throws KeyError when there is none.
  template <class M> std::shared_ptr<M> replace_module(const std::string &name, std::shared_ptr<M> module) {
    exchange_module(name, module);
    return module;
  }
  template <class M> std::shared_ptr<M> replace_module(const std::string &name, const ModuleHolder<M> &holder) {
    return replace_module(name, holder.ptr());
  }
  void unregister_module(const std::string &name);
  void add_module(std::string name, std::shared_ptr<Module> module);

  // Traversal, in order of registration. A tensor or module that is reachable by several names is listed once, under the first,
  // unless `remove_duplicate` is false.
  std::vector<Tensor> parameters(bool recurse = true) const;
  NamedTensors named_parameters(bool recurse = true) const { return named_parameters(std::string(), recurse); }
  NamedTensors named_parameters(const char *prefix, bool recurse = true, bool remove_duplicate = true) const {
    return named_parameters(std::string(prefix), recurse, remove_duplicate);
  }
  NamedTensors named_parameters(const std::string &prefix, bool recurse = true, bool remove_duplicate = true) const;
  std::vector<Tensor> buffers(bool recurse = true) const;
  NamedTensors named_buffers(bool recurse = true) const { return named_buffers(std::string(), recurse); }
  NamedTensors named_buffers(const char *prefix, bool recurse = true, bool remove_duplicate = true) const {
    return named_buffers(std::string(prefix), recurse, remove_duplicate);
  }
  NamedTensors named_buffers(const std::string &prefix, bool recurse = true, bool remove_duplicate = true) const;
  std::vector<std::shared_ptr<Module>> children() const;
  NamedModules named_children() const;
  /// Throws ValueError when the module itself is to be listed but is not held by a shared_ptr.
  std::vector<std::shared_ptr<Module>> modules(bool include_self = true) const;
  NamedModules named_modules(const std::string &prefix = std::string(), bool include_self = true,
                             bool remove_duplicate = true) const;

  /// By dotted path; "" is the module itself. Throw KeyError with PyTorch's text.
  Module &get_submodule(const std::string &path);
  const Module &get_submodule(const std::string &path) const;
  Tensor get_parameter(const std::string &path) const;
  Tensor get_buffer(const std::string &path) const;

  /// Calls `function` for every module below, then for this one: PyTorch's order.
  void apply(const std::function<void(Module &)> &function);

  // Mode.
  virtual void train(bool on = true);
  void eval() { train(false); }
  virtual bool is_training() const { return training_; }
  /// For all parameters below.
  void requires_grad_(bool value = true);
  /// Sets the .grad of all parameters below to None, or to zeros.
  void zero_grad(bool set_to_none = true) const;
  /// Converts floating-point parameters and buffers.
  virtual void to(DType dtype);

  // State.

  /// Parameters and persistent buffers, as a window on the model, with the version of each module below. Throws ValueError while a
  /// lazy parameter has no shape.
  runtime::StateDict state_dict() const;
  /// Version of what this module itself keeps in a state_dict: PyTorch's `_version`, by which loading knows older files.
  virtual int64_t state_dict_version() const { return 1; }
  /// As PyTorch's: collects all differences, throws StateDictError with PyTorch's text and changes nothing when a strict load
  /// fails.
  runtime::IncompatibleKeys load_state_dict(const runtime::StateDict &source, bool strict = true);

  // Hooks of this module, run in order of registration when the module is called as a function.
  RemovableHandle register_forward_pre_hook(ForwardPreHook hook);
  RemovableHandle register_forward_hook(ForwardHook hook);

  /// The module as an M (a holder such as nn::Linear, or its Impl class); null when it is none.
  template <class M> nn::detail::ContainedType<M> *as() { return dynamic_cast<nn::detail::ContainedType<M> *>(this); }
  template <class M> const nn::detail::ContainedType<M> *as() const {
    return dynamic_cast<const nn::detail::ContainedType<M> *>(this);
  }
  template <class M> bool is() const { return as<M>() != nullptr; }

protected:
  friend struct detail::ModuleAccess;
  friend struct detail::HookAccess;
  void exchange_module(const std::string &name, std::shared_ptr<Module> module);

private:
  void check_name(const char *what, const std::string &name) const;
  RegisteredTensor &register_tensor(std::string name, Tensor tensor, bool is_parameter, bool persistent);

  using HookId = uint64_t;
  template <class Hook> using Hooks = std::map<HookId, Hook>;

  OrderedDict<std::string, std::shared_ptr<RegisteredTensor>> parameters_{"Parameter"}, buffers_{"Buffer"};
  NamedModules children_{"Submodule"};
  std::shared_ptr<Hooks<ForwardPreHook>> forward_pre_hooks_;
  std::shared_ptr<Hooks<ForwardHook>> forward_hooks_;
  std::string name_;
  bool training_ = true;
  uint64_t sequence_number_; // order of construction
};

/// The model as Python prints it.
KILN_API std::ostream &operator<<(std::ostream &stream, const Module &module);

/// The tree below `root` as plain entries, in pre-order; paths begin with `prefix`.
KILN_API std::vector<runtime::ModuleEntry> module_entries(const Module &root, const std::string &prefix = std::string());

} // namespace kiln::nn
