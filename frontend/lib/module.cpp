// Modules: registration, hooks, mode.
#include "kiln/nn/module.h"

#include <cxxabi.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <ostream>
#include <typeinfo>
#include <unordered_map>

#include "errors.h"
#include "kiln/nn/call.h"
#include "kiln/nn/module_holder.h"
#include "module_access.h"
#include "program_recorder.h"
#include "recorder.h"

namespace kiln::nn {

using kiln::detail::fail;
using kiln::detail::TensorAccess;
using kiln::detail::TensorSlot;
using runtime::KeyError;

namespace {

// The recorder finds out from all living modules which tensors are state.
struct LiveModules {
  std::mutex mutex;
  std::vector<Module *> modules;
  std::unordered_map<const Module *, semantics::Frames> constructed; // of those that a program's block makes
  uint64_t count = 0;
};
LiveModules &live() {
  static LiveModules *instance = new LiveModules; // modules may be destroyed after static objects
  return *instance;
}
uint64_t add_live(Module *module) {
  std::lock_guard lock(live().mutex);
  live().modules.push_back(module);
  if (kiln::detail::ProgramRecorder::current())
    live().constructed[module] = kiln::detail::capture_frames();
  return ++live().count;
}

std::atomic<uint64_t> hook_count{0};

} // namespace

//===----------------------------------------------------------------------===//
// Construction and names
//===----------------------------------------------------------------------===//

Module::Module() : sequence_number_(add_live(this)) {}
Module::Module(std::string name) : name_(std::move(name)), sequence_number_(add_live(this)) {}

// A copy has registrations of its own for the same tensors and submodules, as a shallow copy in Python.
Module::Module(const Module &other)
    : std::enable_shared_from_this<Module>(), children_(other.children_), name_(other.name_), training_(other.training_),
      sequence_number_(add_live(this)) {
  for (const auto *table : {&other.parameters_, &other.buffers_})
    for (const auto &[name, tensor] : *table) {
      auto slot = std::make_shared<TensorSlot>(*TensorAccess::slot(*tensor));
      (table == &other.parameters_ ? parameters_ : buffers_).insert(name, TensorAccess::make_bound(std::move(slot)));
    }
}

Module::~Module() {
  std::lock_guard lock(live().mutex);
  std::vector<Module *> &modules = live().modules;
  modules.erase(std::find(modules.begin(), modules.end(), this));
  live().constructed.erase(this);
}

std::vector<Module *> detail::ModuleAccess::live_modules() {
  std::lock_guard lock(live().mutex);
  return live().modules;
}

semantics::Frames detail::ModuleAccess::construction_frames(const Module &module) {
  std::lock_guard lock(live().mutex);
  const auto found = live().constructed.find(&module);
  return found == live().constructed.end() ? semantics::Frames() : found->second;
}

uint64_t detail::ModuleAccess::next_sequence_number() {
  std::lock_guard lock(live().mutex);
  return live().count + 1;
}

std::string Module::name() const {
  if (!name_.empty())
    return name_;
  int status = 0;
  char *demangled = abi::__cxa_demangle(typeid(*this).name(), nullptr, nullptr, &status);
  std::string text = status == 0 ? demangled : typeid(*this).name();
  std::free(demangled);
  text = text.substr(0, text.find('<'));
  if (const std::size_t scope = text.rfind("::"); scope != std::string::npos)
    text = text.substr(scope + 2);
  if (text.size() > 4 && text.ends_with("Impl"))
    text.resize(text.size() - 4);
  return text;
}

//===----------------------------------------------------------------------===//
// Registration
//===----------------------------------------------------------------------===//

void Module::check_name(const char *what, const std::string &name) const {
  const std::string kind = what;
  if (kind == "module" && (parameters_.contains(name) || buffers_.contains(name) || children_.contains(name)))
    fail<KeyError>("attribute '" + name + "' already exists");
  if (name.find('.') != std::string::npos)
    fail<KeyError>(kind + " name can't contain \".\"" + (kind == "module" ? ", got: " + name : "") +
                   (kind == "module" ? "" : "\nthe name is '" + name + "' in a " + this->name()));
  if (name.empty())
    fail<KeyError>(kind + " name can't be empty string \"\"");
  if (parameters_.contains(name) || buffers_.contains(name) || children_.contains(name))
    fail<KeyError>("attribute '" + name + "' already exists");
}

RegisteredTensor &Module::register_tensor(std::string name, Tensor tensor, bool is_parameter, bool persistent) {
  check_name(is_parameter ? "parameter" : "buffer", name);
  if (tensor.is_symbolic())
    fail("a value of a recording can't be registered as '" + name +
         "'\nconstruct modules, and make their tensors, outside of recorded functions");
  auto slot = std::make_shared<TensorSlot>();
  slot->impl = TensorAccess::impl(tensor);
  slot->is_parameter = is_parameter;
  slot->persistent = persistent;
  slot->name = name;
  return *(is_parameter ? parameters_ : buffers_).insert(std::move(name), TensorAccess::make_bound(std::move(slot)));
}

RegisteredTensor &Module::register_parameter(std::string name, Tensor tensor, bool requires_grad) {
  if (tensor.defined() && requires_grad && !tensor.is_floating_point())
    fail("Only Tensors of floating point and complex dtype can require gradients\nparameter '" + name + "' is " +
         std::string(runtime::name(tensor.dtype())) + ": register it with requires_grad = false, or as a buffer");
  RegisteredTensor &registered = register_tensor(std::move(name), tensor, /*is_parameter=*/true, /*persistent=*/true);
  TensorAccess::slot(registered)->requires_grad = requires_grad;
  if (tensor.defined())
    tensor.requires_grad_(requires_grad);
  return registered;
}

RegisteredTensor &Module::register_buffer(std::string name, Tensor tensor, bool persistent) {
  return register_tensor(std::move(name), std::move(tensor), /*is_parameter=*/false, persistent);
}

void Module::add_module(std::string name, std::shared_ptr<Module> module) {
  check_name("module", name);
  if (module)
    for (const detail::PathModule &below : detail::walk(*module))
      if (below.module == this)
        fail("module '" + name + "' can't be registered: it is this " + this->name() + " itself, or contains it");
  children_.insert(std::move(name), std::move(module));
}

void Module::exchange_module(const std::string &name, std::shared_ptr<Module> module) {
  std::shared_ptr<Module> *place = children_.find(name);
  if (!place)
    fail<KeyError>(this->name() + " has no attribute `" + name + "`\nregister_module registers a new submodule");
  *place = std::move(module);
}

void Module::unregister_module(const std::string &name) {
  if (!children_.erase(name))
    fail<KeyError>("No Module with name `" + name + "` is registered");
}

void detail::throw_empty_holder() {
  fail("Accessing empty ModuleHolder\nit was made with nullptr and no module has been assigned to it yet");
}

//===----------------------------------------------------------------------===//
// Mode
//===----------------------------------------------------------------------===//

void Module::train(bool on) {
  training_ = on;
  for (const auto &[name, child] : children_)
    if (child)
      child->train(on);
}

void Module::requires_grad_(bool value) {
  for (const Tensor &parameter : parameters())
    parameter.requires_grad_(value);
}

void Module::to(DType dtype) {
  if (!runtime::is_floating_point(dtype))
    fail<runtime::TypeError>("nn.Module.to only accepts floating point or complex dtypes, but got desired dtype=torch." +
                             std::string(runtime::name(dtype)));
  for (const detail::PathModule &below : detail::walk(*this))
    for (const std::shared_ptr<TensorSlot> &slot : detail::ModuleAccess::slots(*below.module)) {
      if (!slot->impl || !runtime::is_floating_point(kiln::detail::dtype_of(*slot->impl)))
        continue;
      if (slot->impl->uninitialized)
        slot->impl->uninitialized_dtype = dtype;
      else
        slot->impl->value = slot->impl->value.to(dtype);
    }
}

void Module::apply(const std::function<void(Module &)> &function) {
  std::vector<Module *> seen; // PyTorch visits a module once for each parent, however often that one names it
  for (const auto &[name, child] : children_)
    if (child && std::find(seen.begin(), seen.end(), child.get()) == seen.end()) {
      seen.push_back(child.get());
      child->apply(function);
    }
  function(*this);
}

//===----------------------------------------------------------------------===//
// Hooks and calls
//===----------------------------------------------------------------------===//

void RemovableHandle::remove() {
  if (remove_)
    std::exchange(remove_, nullptr)();
}

namespace {
template <class Hook> RemovableHandle add_hook(std::shared_ptr<std::map<uint64_t, Hook>> &hooks, Hook hook) {
  if (!hooks)
    hooks = std::make_shared<std::map<uint64_t, Hook>>();
  const uint64_t id = ++hook_count;
  hooks->emplace(id, std::move(hook));
  return RemovableHandle([weak = std::weak_ptr(hooks), id] {
    if (auto list = weak.lock())
      list->erase(id);
  });
}
} // namespace

RemovableHandle Module::register_forward_pre_hook(ForwardPreHook hook) { return add_hook(forward_pre_hooks_, std::move(hook)); }
RemovableHandle Module::register_forward_hook(ForwardHook hook) { return add_hook(forward_hooks_, std::move(hook)); }

struct detail::HookAccess {
  // A copy: a hook may remove itself.
  static auto pre(const Module &module) { return *module.forward_pre_hooks_; }
  static auto post(const Module &module) { return *module.forward_hooks_; }
  static bool has_pre(const Module &module) { return module.forward_pre_hooks_ && !module.forward_pre_hooks_->empty(); }
  static bool has_post(const Module &module) { return module.forward_hooks_ && !module.forward_hooks_->empty(); }
};

bool detail::has_forward_pre_hooks(const Module &module) { return HookAccess::has_pre(module); }
bool detail::has_forward_hooks(const Module &module) { return HookAccess::has_post(module); }
void detail::run_forward_pre_hooks(Module &module, std::vector<Tensor> &inputs) {
  for (const auto &[id, hook] : HookAccess::pre(module))
    hook(module, inputs);
}
void detail::run_forward_hooks(Module &module, const std::vector<Tensor> &inputs, std::vector<Tensor> &outputs) {
  for (const auto &[id, hook] : HookAccess::post(module))
    hook(module, inputs, outputs);
}

RunningModule::RunningModule(Module &module) : module_(module) {
  if (kiln::detail::Recorder *recorder = kiln::detail::Recorder::current())
    marked_ = recorder->enter_module(module);
}
RunningModule::~RunningModule() {
  if (marked_)
    kiln::detail::Recorder::current()->leave_module();
}
void RunningModule::returned(const std::vector<Tensor> &outputs) {
  if (marked_)
    kiln::detail::Recorder::current()->module_returned(module_, outputs);
}

} // namespace kiln::nn
