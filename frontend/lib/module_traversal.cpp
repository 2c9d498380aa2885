// Modules: finding parameters, buffers and submodules; state_dict; printing.
#include <algorithm>
#include <ostream>
#include <sstream>
#include <unordered_set>
#include <utility>

#include "errors.h"
#include "kiln/nn/module.h"
#include "module_access.h"

namespace kiln::nn {

using kiln::detail::fail;
using kiln::detail::TensorAccess;
using kiln::detail::TensorImpl;
using kiln::detail::TensorSlot;
using runtime::KeyError;

namespace {

std::string joined(const std::string &prefix, const std::string &name) { return prefix.empty() ? name : prefix + "." + name; }

} // namespace

//===----------------------------------------------------------------------===//
// The tree
//===----------------------------------------------------------------------===//

namespace detail {

std::vector<std::shared_ptr<TensorSlot>> ModuleAccess::slots(const Module &module) {
  std::vector<std::shared_ptr<TensorSlot>> result;
  for (const auto *table : {&module.parameters_, &module.buffers_})
    for (const auto &[name, tensor] : *table)
      result.push_back(TensorAccess::slot(*tensor));
  return result;
}

std::vector<std::pair<std::string, Module *>> ModuleAccess::children(const Module &module) {
  std::vector<std::pair<std::string, Module *>> result;
  for (const auto &[name, child] : module.children_)
    if (child)
      result.emplace_back(name, child.get());
  return result;
}

std::vector<std::string> ModuleAccess::absent_children(const Module &module) {
  std::vector<std::string> result;
  for (const auto &[name, child] : module.children_)
    if (!child)
      result.push_back(name);
  return result;
}

namespace {
void walk_into(const Module &module, PathModule entry, std::vector<PathModule> &result,
               std::unordered_set<const Module *> *seen) {
  if (seen && !seen->insert(&module).second)
    return;
  const auto index = static_cast<int32_t>(result.size());
  const std::string path = entry.path;
  result.push_back(std::move(entry));
  for (const auto &[name, child] : ModuleAccess::children(module))
    walk_into(*child, {joined(path, name), child, index, name}, result, seen);
}
} // namespace

std::vector<PathModule> walk_all(const Module &root, const std::string &prefix) {
  std::vector<PathModule> result;
  walk_into(root, {prefix, const_cast<Module *>(&root), -1, prefix.substr(prefix.rfind('.') + 1)}, result, nullptr);
  return result;
}

std::vector<PathModule> walk(const Module &root, const std::string &prefix) {
  std::vector<PathModule> result;
  std::unordered_set<const Module *> seen;
  walk_into(root, {prefix, const_cast<Module *>(&root), -1, prefix.substr(prefix.rfind('.') + 1)}, result, &seen);
  return result;
}

} // namespace detail

namespace {

NamedTensors collect(const Module &root, bool parameters, const std::string &prefix, bool recurse, bool remove_duplicate) {
  NamedTensors result(parameters ? "Parameter" : "Buffer");
  std::unordered_set<const TensorImpl *> seen;
  const std::vector<detail::PathModule> modules = remove_duplicate ? detail::walk(root, prefix) : detail::walk_all(root, prefix);
  for (const detail::PathModule &below : modules) {
    for (const std::shared_ptr<TensorSlot> &slot : detail::ModuleAccess::slots(*below.module)) {
      if (slot->is_parameter != parameters)
        continue;
      const Tensor tensor = TensorAccess::bound(slot);
      const auto impl = TensorAccess::impl(tensor);
      if (impl && (seen.insert(impl.get()).second || !remove_duplicate))
        result.insert(joined(below.path, slot->name), tensor);
    }
    if (!recurse)
      break;
  }
  return result;
}

std::shared_ptr<Module> shared(const Module &module) {
  if (std::shared_ptr<const Module> pointer = module.weak_from_this().lock())
    return std::const_pointer_cast<Module>(pointer);
  fail("It looks like you attempted to retrieve your top-level module as a shared_ptr, but it is not stored in a shared_ptr. Use "
       "std::make_shared<" +
       module.name() +
       "> instead of creating your module on the stack, or alternatively do not try to access your top-level module at "
       "all by passing /*include_self=*/false to modules() or named_modules()");
}

} // namespace

NamedTensors Module::named_parameters(const std::string &prefix, bool recurse, bool remove_duplicate) const {
  return collect(*this, true, prefix, recurse, remove_duplicate);
}
NamedTensors Module::named_buffers(const std::string &prefix, bool recurse, bool remove_duplicate) const {
  return collect(*this, false, prefix, recurse, remove_duplicate);
}
std::vector<Tensor> Module::parameters(bool recurse) const { return named_parameters(recurse).values(); }
std::vector<Tensor> Module::buffers(bool recurse) const { return named_buffers(recurse).values(); }

NamedModules Module::named_children() const {
  NamedModules result("Submodule");
  std::unordered_set<const Module *> seen;
  for (const auto &[name, child] : children_)
    if (child && seen.insert(child.get()).second)
      result.insert(name, child);
  return result;
}
std::vector<std::shared_ptr<Module>> Module::children() const { return named_children().values(); }

NamedModules Module::named_modules(const std::string &prefix, bool include_self, bool remove_duplicate) const {
  NamedModules result("Submodule");
  for (const detail::PathModule &below : remove_duplicate ? detail::walk(*this, prefix) : detail::walk_all(*this, prefix))
    if (below.module != this || include_self)
      result.insert(below.path, shared(*below.module));
  return result;
}
std::vector<std::shared_ptr<Module>> Module::modules(bool include_self) const {
  return named_modules(std::string(), include_self).values();
}

Module &Module::get_submodule(const std::string &path) {
  Module *module = this;
  std::size_t start = 0;
  while (!path.empty() && start <= path.size()) {
    const std::size_t dot = std::min(path.find('.', start), path.size());
    const std::string name = path.substr(start, dot - start);
    const std::shared_ptr<Module> *child = module->children_.find(name);
    if (!child && !module->parameters_.contains(name) && !module->buffers_.contains(name))
      fail<KeyError>(module->name() + " has no attribute `" + name + "`");
    if (!child || !*child)
      fail<KeyError>("`" + name + "` is not an nn.Module");
    module = child->get();
    start = dot + 1;
  }
  return *module;
}
const Module &Module::get_submodule(const std::string &path) const { return const_cast<Module *>(this)->get_submodule(path); }

Tensor Module::get_parameter(const std::string &path) const {
  const std::size_t dot = path.rfind('.');
  const Module &module = get_submodule(dot == std::string::npos ? "" : path.substr(0, dot));
  const std::string name = dot == std::string::npos ? path : path.substr(dot + 1);
  if (const auto *tensor = module.parameters_.find(name); tensor && (*tensor)->defined())
    return TensorAccess::wrap(TensorAccess::impl(**tensor)); // the tensor, not the member that it is registered as
  if (module.parameters_.contains(name) || module.buffers_.contains(name) || module.children_.contains(name))
    fail<KeyError>("`" + name + "` is not an nn.Parameter");
  fail<KeyError>(module.name() + " has no attribute `" + name + "`");
}

Tensor Module::get_buffer(const std::string &path) const {
  const std::size_t dot = path.rfind('.');
  const Module &module = get_submodule(dot == std::string::npos ? "" : path.substr(0, dot));
  const std::string name = dot == std::string::npos ? path : path.substr(dot + 1);
  if (const auto *tensor = module.buffers_.find(name))
    return TensorAccess::wrap(TensorAccess::impl(**tensor));
  if (module.parameters_.contains(name) || module.children_.contains(name))
    fail<KeyError>("`" + name + "` is not a buffer");
  fail<KeyError>(module.name() + " has no attribute `" + name + "`");
}

//===----------------------------------------------------------------------===//
// State
//===----------------------------------------------------------------------===//

runtime::StateDict Module::state_dict() const {
  runtime::StateDict result;
  for (const detail::PathModule &below : detail::walk_all(*this, std::string())) {
    result.set_module_version(below.path, below.module->state_dict_version());
    for (const std::shared_ptr<TensorSlot> &slot : detail::ModuleAccess::slots(*below.module)) {
      if (!slot->impl || !slot->persistent)
        continue;
      const std::string name = joined(below.path, slot->name);
      if (slot->impl->uninitialized)
        fail("'" + name +
             "' of a lazy module has no shape yet, so there is nothing to save\ncall the model once, for instance on "
             "zeros of the right sizes, before state_dict()");
      result.insert(name, slot->impl->value);
    }
  }
  return result;
}

namespace {

/// `source` without what stands below a child that is None: nobody looks there in PyTorch, and the parent knows the child's name.
runtime::StateDict without_absent_children(const runtime::StateDict &source, const std::vector<detail::PathModule> &modules) {
  runtime::StateDict result = source;
  for (const detail::PathModule &below : modules)
    for (const std::string &child : detail::ModuleAccess::absent_children(*below.module))
      for (const auto &[name, tensor] : source)
        if (name.starts_with(joined(below.path, child) + "."))
          result.erase(name);
  return result;
}

} // namespace

runtime::IncompatibleKeys Module::load_state_dict(const runtime::StateDict &given, bool strict) {
  // A module that is reachable by several paths is looked up under each of them, as PyTorch's walk does.
  const std::vector<detail::PathModule> modules = detail::walk_all(*this, std::string());
  const runtime::StateDict source = without_absent_children(given, modules);
  std::vector<std::string> paths;
  // A lazy parameter takes the shape of what is loaded into it.
  std::vector<std::pair<kiln::detail::TensorImplPtr, runtime::Tensor>> lazy;
  runtime::StateDict targets;
  for (const detail::PathModule &below : modules) {
    paths.push_back(below.path);
    for (const std::shared_ptr<TensorSlot> &slot : detail::ModuleAccess::slots(*below.module)) {
      if (!slot->impl || !slot->persistent)
        continue;
      const std::string name = joined(below.path, slot->name);
      if (!slot->impl->uninitialized) {
        targets.insert(name, slot->impl->value);
      } else if (const runtime::Tensor *loaded = source.find(name)) {
        const auto sizes = loaded->sizes();
        lazy.emplace_back(slot->impl, runtime::Tensor({sizes.begin(), sizes.end()}, slot->impl->uninitialized_dtype));
        targets.insert(name, lazy.back().second);
      } else {
        targets.insert(name, runtime::Tensor({0}, slot->impl->uninitialized_dtype)); // reported as missing
      }
    }
  }
  const runtime::IncompatibleKeys keys =
      kiln::detail::checked([&] { return runtime::copy_state_dict(name(), targets, source, strict, paths); });
  for (auto &[impl, value] : lazy) {
    impl->value = value;
    impl->uninitialized = false;
  }
  return keys;
}

//===----------------------------------------------------------------------===//
// Printing
//===----------------------------------------------------------------------===//

namespace {

/// The module whose own line is asked for: its pretty_print leaves out what is below.
thread_local const Module *printed_alone = nullptr;
class PrintAlone {
public:
  explicit PrintAlone(const Module &module) : before_(std::exchange(printed_alone, &module)) {}
  ~PrintAlone() { printed_alone = before_; }

private:
  const Module *before_;
};

/// Lines that an extra_repr consists of, from what stands between the parentheses.
std::string without_frame(std::string text) {
  if (!text.starts_with('\n') || !text.ends_with('\n'))
    return text;
  text = text.substr(1, text.size() - 2);
  for (std::size_t line = 0; line != std::string::npos && line < text.size();) {
    if (text.compare(line, 2, "  ") == 0)
      text.erase(line, 2);
    line = text.find('\n', line);
    line += line != std::string::npos;
  }
  return text;
}

} // namespace

detail::PrintedModule detail::printed(const Module &module) {
  std::ostringstream stream;
  const PrintAlone alone(module);
  module.pretty_print(stream);
  const std::string text = stream.str(), own = module.name(), extra = module.extra_repr();
  const std::size_t open = text.find('(');
  if (text == own + "(" + extra + ")" || text.empty())
    return {own, extra};
  if (open == std::string::npos || !text.ends_with(')'))
    return {text, ""};
  return {text.substr(0, open), without_frame(text.substr(open + 1, text.size() - open - 2))};
}

std::vector<runtime::ModuleEntry> module_entries(const Module &root, const std::string &prefix) {
  std::vector<runtime::ModuleEntry> entries;
  std::unordered_set<const TensorImpl *> counted;
  for (const detail::PathModule &below : detail::walk_all(root, prefix)) {
    runtime::ModuleEntry entry;
    entry.parent = below.parent;
    entry.name = below.name;
    entry.path = below.path;
    const detail::PrintedModule printed = detail::printed(*below.module);
    entry.type = printed.type;
    entry.extra_repr = printed.extra_repr;
    for (const std::shared_ptr<TensorSlot> &slot : detail::ModuleAccess::slots(*below.module))
      if (slot->is_parameter && slot->impl && !slot->impl->uninitialized && counted.insert(slot->impl.get()).second) {
        entry.parameters += slot->impl->value.numel();
        entry.trainable_parameters += slot->impl->requires_grad ? slot->impl->value.numel() : 0;
      }
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::string Module::text() const { return runtime::module_tree_text(module_entries(*this)); }
void Module::pretty_print(std::ostream &stream) const {
  if (printed_alone == this)
    stream << name() << '(' << extra_repr() << ')';
  else
    stream << text();
}

std::ostream &operator<<(std::ostream &stream, const Module &module) { return stream << module.text(); }

} // namespace kiln::nn
