// Sequential, ModuleList and ModuleDict.
#include "kiln/nn/modules/container.h"

#include <algorithm>

#include "../errors.h"

namespace kiln::nn {

using kiln::detail::fail;

void detail::throw_wrong_call(const Module &module, const std::string &found) {
  fail<runtime::TypeError>(module.name() + " can't be called like this: " + found +
                           "\ncall it through its own type: module->as<Type>()->forward(...)");
}

const AnyModule &ModuleContainer::element(int64_t index) const {
  const auto count = static_cast<int64_t>(modules_.size());
  if (index < -count || index >= count)
    fail<runtime::IndexError>("index " + std::to_string(index) + " is out of range");
  return modules_[static_cast<std::size_t>(index < 0 ? index + count : index)];
}

void ModuleContainer::throw_wrong_type(const std::string &element, const Module &found) {
  fail<runtime::TypeError>("Unable to cast module[" + element + "]: it is a " + found.name());
}

//===----------------------------------------------------------------------===//
// Sequential
//===----------------------------------------------------------------------===//

SequentialImpl::SequentialImpl(std::initializer_list<NamedAnyModule> modules) {
  for (const NamedAnyModule &named : modules)
    push_back(named.name, named.module);
}

void SequentialImpl::push_back(AnyModule module) { push_back(std::to_string(size()), std::move(module)); }

void SequentialImpl::push_back(std::string name, AnyModule module) {
  if (module.is_empty())
    fail("an empty module can't be part of a Sequential");
  register_module(std::move(name), module.ptr());
  modules_.push_back(std::move(module));
}

//===----------------------------------------------------------------------===//
// ModuleList
//===----------------------------------------------------------------------===//

void ModuleListImpl::push_back(AnyModule module) {
  if (module.is_empty())
    fail("an empty module can't be part of a ModuleList");
  register_module(std::to_string(size()), module.ptr());
  modules_.push_back(std::move(module));
}

void ModuleListImpl::insert(int64_t index, AnyModule module) {
  const auto count = static_cast<int64_t>(size());
  if (index < -count || index > count)
    fail<runtime::IndexError>("index " + std::to_string(index) + " is out of range");
  if (module.is_empty())
    fail("an empty module can't be part of a ModuleList");
  const int64_t place = index < 0 ? index + count : index;
  register_module(std::to_string(count), module.ptr()); // the names stay 0, 1, ...: what is under them moves up
  modules_.insert(modules_.begin() + place, std::move(module));
  for (std::size_t i = static_cast<std::size_t>(place); i < modules_.size(); ++i)
    exchange_module(std::to_string(i), modules_[i].ptr());
}

//===----------------------------------------------------------------------===//
// ModuleDict
//===----------------------------------------------------------------------===//

ModuleDictImpl::ModuleDictImpl(const std::vector<std::pair<std::string, std::shared_ptr<Module>>> &modules) {
  for (const auto &[key, module] : modules)
    insert(key, module);
}

void ModuleDictImpl::insert(const std::string &key, AnyModule module) {
  if (module.is_empty())
    fail("an empty module can't be part of a ModuleDict");
  auto found = std::find(keys_.begin(), keys_.end(), key);
  if (found != keys_.end()) {
    exchange_module(key, module.ptr());
    modules_[static_cast<std::size_t>(found - keys_.begin())] = std::move(module);
    return;
  }
  register_module(key, module.ptr());
  keys_.push_back(key);
  modules_.push_back(std::move(module));
}

void ModuleDictImpl::update(std::initializer_list<NamedAnyModule> modules) {
  for (const NamedAnyModule &named : modules)
    insert(named.name, named.module);
}

bool ModuleDictImpl::contains(const std::string &key) const { return std::find(keys_.begin(), keys_.end(), key) != keys_.end(); }

const AnyModule &ModuleDictImpl::operator[](const std::string &key) const {
  auto found = std::find(keys_.begin(), keys_.end(), key);
  if (found == keys_.end())
    fail<runtime::KeyError>("'" + key + "'\nthe ModuleDict has " +
                            (keys_.empty() ? "no modules" : "these modules:" + key_list()));
  return modules_[static_cast<std::size_t>(found - keys_.begin())];
}

std::string ModuleDictImpl::key_list() const {
  std::string list;
  for (const std::string &key : keys_)
    list += " '" + key + "'";
  return list;
}

AnyModule ModuleDictImpl::pop(const std::string &key) {
  AnyModule module = (*this)[key];
  auto place = std::find(keys_.begin(), keys_.end(), key) - keys_.begin();
  keys_.erase(keys_.begin() + place);
  modules_.erase(modules_.begin() + place);
  unregister_module(key);
  return module;
}

void ModuleDictImpl::clear() {
  while (!keys_.empty())
    pop(keys_.back());
}

std::vector<std::shared_ptr<Module>> ModuleDictImpl::values() const {
  std::vector<std::shared_ptr<Module>> result;
  for (const AnyModule &module : modules_)
    result.push_back(module.ptr());
  return result;
}

std::vector<std::pair<std::string, AnyModule>> ModuleDictImpl::items() const {
  std::vector<std::pair<std::string, AnyModule>> result;
  for (std::size_t i = 0; i < keys_.size(); ++i)
    result.emplace_back(keys_[i], modules_[i]);
  return result;
}

} // namespace kiln::nn
