// Sequential, ModuleList and ModuleDict.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "kiln/nn/any_module.h"

namespace kiln::nn {

/// A module and its name in a Sequential or ModuleDict: {"fc1", nn::Linear(784, 10)}.
struct NamedAnyModule {
  template <class M> NamedAnyModule(std::string name, M &&module) : name(std::move(name)), module(std::forward<M>(module)) {}
  std::string name;
  AnyModule module;
};

/// What the containers share: elements that are registered and can be called.
class KILN_API ModuleContainer : public Module {
public:
  std::size_t size() const { return modules_.size(); }
  bool is_empty() const { return modules_.empty(); }

protected:
  /// Throws IndexError; negative counts from the end.
  const AnyModule &element(int64_t index) const;
  [[noreturn]] static void throw_wrong_type(const std::string &element, const Module &found);
  template <class M> static detail::ContainedType<M> &element_as(const AnyModule &module, const std::string &label) {
    if (auto *result = module->as<M>())
      return *result;
    throw_wrong_type(label, *module);
  }

  std::vector<AnyModule> modules_;
};

/// Calls its modules one after another.
class KILN_API SequentialImpl : public ModuleContainer {
public:
  SequentialImpl() = default;
  SequentialImpl(std::initializer_list<NamedAnyModule> modules);
  template <class... Modules, std::enable_if_t<(sizeof...(Modules) > 0), int> = 0>
  explicit SequentialImpl(const Modules &...modules) {
    (push_back(AnyModule(modules)), ...);
  }

  void push_back(AnyModule module);
  void push_back(std::string name, AnyModule module);
  template <class Container> void extend(const Container &container) {
    for (const auto &module : container)
      push_back(module);
  }

  /// The first module may take several tensors, the others take what the one before returned. Without modules: its input.
  template <class Result = Tensor, class... Inputs> Result forward(const Inputs &...inputs) {
    RunningModule running(*this);
    Result result = run<Result>(inputs...);
    running.returned(detail::tensors_of(result));
    return result;
  }

  const AnyModule &operator[](int64_t index) const { return element(index); }
  std::shared_ptr<Module> ptr(int64_t index) const { return element(index).ptr(); }
  template <class M> detail::ContainedType<M> &at(int64_t index) const {
    return element_as<M>(element(index), std::to_string(index));
  }
  auto begin() const { return modules_.begin(); }
  auto end() const { return modules_.end(); }

private:
  template <class Result, class First, class... Rest> Result run(const First &first, const Rest &...rest) {
    if constexpr (sizeof...(Rest) == 0 && std::is_convertible_v<const First &, Result>)
      if (is_empty())
        return first;
    if (size() <= 1)
      return element(0).template forward<Result>(first, rest...);
    Tensor value = modules_.front()(first, rest...);
    for (std::size_t i = 1; i + 1 < size(); ++i)
      value = modules_[i](value);
    return modules_.back().template forward<Result>(value);
  }
};

/// Holder of a Sequential; named modules in nested braces: `Sequential({{"fc", Linear(2, 3)}, {"relu", ReLU()}})`.
class Sequential : public ModuleHolder<SequentialImpl> {
public:
  using ModuleHolder<SequentialImpl>::ModuleHolder;
  using Impl = SequentialImpl;
  Sequential() = default;
  Sequential(std::initializer_list<NamedAnyModule> modules) : ModuleHolder(std::make_shared<SequentialImpl>(modules)) {}
};

/// A list of modules that are registered; forward is up to you.
class KILN_API ModuleListImpl : public ModuleContainer {
public:
  ModuleListImpl() = default;
  template <class... Modules, std::enable_if_t<(sizeof...(Modules) > 0), int> = 0>
  explicit ModuleListImpl(const Modules &...modules) {
    (push_back(AnyModule(modules)), ...);
  }

  void push_back(AnyModule module);
  void insert(int64_t index, AnyModule module);
  template <class Container> void extend(const Container &container) {
    for (const auto &module : container)
      push_back(module);
  }
  const AnyModule &operator[](int64_t index) const { return element(index); }
  std::shared_ptr<Module> ptr(int64_t index) const { return element(index).ptr(); }
  template <class M> detail::ContainedType<M> &at(int64_t index) const {
    return element_as<M>(element(index), std::to_string(index));
  }
  auto begin() const { return modules_.begin(); }
  auto end() const { return modules_.end(); }
};
KILN_MODULE(ModuleList);

/// Modules by name, in order of insertion; forward is up to you.
class KILN_API ModuleDictImpl : public ModuleContainer {
public:
  ModuleDictImpl() = default;
  ModuleDictImpl(std::initializer_list<NamedAnyModule> modules) { update(modules); }
  explicit ModuleDictImpl(const std::vector<std::pair<std::string, std::shared_ptr<Module>>> &modules);

  /// A name that is there already keeps its place and gets the new module.
  void insert(const std::string &key, AnyModule module);
  void update(std::initializer_list<NamedAnyModule> modules);
  bool contains(const std::string &key) const;
  /// Throws KeyError.
  const AnyModule &operator[](const std::string &key) const;
  template <class M> detail::ContainedType<M> &at(const std::string &key) const { return element_as<M>((*this)[key], key); }
  AnyModule pop(const std::string &key);
  void clear();
  const std::vector<std::string> &keys() const { return keys_; }
  std::vector<std::shared_ptr<Module>> values() const;
  std::vector<std::pair<std::string, AnyModule>> items() const;

private:
  std::string key_list() const;
  std::vector<std::string> keys_; // of modules_
};

/// Holder of a ModuleDict: `ModuleDict({{"a", Linear(2, 3)}, {"b", Linear(2, 4)}})`.
class ModuleDict : public ModuleHolder<ModuleDictImpl> {
public:
  using ModuleHolder<ModuleDictImpl>::ModuleHolder;
  using Impl = ModuleDictImpl;
  ModuleDict() = default;
  ModuleDict(std::initializer_list<NamedAnyModule> modules) : ModuleHolder(std::make_shared<ModuleDictImpl>(modules)) {}
};

} // namespace kiln::nn
