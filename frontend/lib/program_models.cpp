// The models of a program: which modules and tensors belong to one, and what may be used where.
#include <algorithm>
#include <utility>

#include "errors.h"
#include "kiln/nn/modules/dropout.h"
#include "program_recorder.h"
#include "recorder.h"

namespace kiln::detail {

using nn::detail::ModuleAccess;

void ProgramRecorder::register_module(const std::string &name, std::shared_ptr<nn::Module> module) {
  if (!module)
    fail("program.register_module(\"" + name + "\") got no module");
  if (name.find('.') != std::string::npos)
    fail<runtime::KeyError>("module name can't contain \".\", got: " + name);
  if (name.empty())
    fail<runtime::KeyError>("module name can't be empty string \"\"");
  for (const auto &[other, registered] : named_roots_) {
    if (other == name)
      fail<runtime::KeyError>("attribute '" + name + "' already exists");
    if (registered == module)
      fail<runtime::KeyError>("the module is registered as '" + other + "' already");
  }
  named_roots_.emplace_back(name, std::move(module));
}

bool ProgramRecorder::is_named(const nn::Module *root) const {
  return std::any_of(named_roots_.begin(), named_roots_.end(), [&](const auto &named) { return named.second.get() == root; });
}

void ProgramRecorder::refresh_states() {
  parents_.clear();
  roots_above_.clear();
  for (nn::Module *module : ModuleAccess::live_modules()) {
    parents_[module];
    for (const auto &[name, child] : ModuleAccess::children(*module))
      parents_[child].push_back(module);
    for (const std::shared_ptr<TensorSlot> &slot : ModuleAccess::slots(*module)) {
      if (registered_slots_.insert(slot.get()).second)
        registrations_.push_back({slot, slot->impl, slot->impl ? slot->impl->value.storage() : nullptr});
      if (!slot->impl || slot->impl->uninitialized)
        continue;
      auto [place, added] = state_index_.emplace(slot->impl->value.storage().get(), static_cast<int32_t>(states_.size()));
      if (added)
        states_.push_back({slot->impl, slot, {}, {}});
      StateEntry &entry = states_[static_cast<std::size_t>(place->second)];
      if (std::find(entry.owners.begin(), entry.owners.end(), module) == entry.owners.end())
        entry.owners.push_back(module);
      if (std::find(entry.slots.begin(), entry.slots.end(), slot) == entry.slots.end())
        entry.slots.push_back(slot);
    }
  }
}

int32_t ProgramRecorder::find_state(const runtime::Storage *storage) const {
  auto found = state_index_.find(storage);
  return found == state_index_.end() ? -1 : found->second;
}

// The modules at the top of the trees that contain `module`.
const std::vector<nn::Module *> &ProgramRecorder::roots_above(nn::Module &module) {
  if (!parents_.count(&module))
    refresh_states(); // it was made while recording
  if (auto known = roots_above_.find(&module); known != roots_above_.end())
    return known->second;
  // Named modules count as roots even where another module contains them.
  std::vector<nn::Module *> roots;
  if (parents_[&module].empty() || is_named(&module))
    roots.push_back(&module);
  for (nn::Module *parent : std::vector<nn::Module *>(parents_[&module]))
    for (nn::Module *root : std::vector<nn::Module *>(roots_above(*parent)))
      if (std::find(roots.begin(), roots.end(), root) == roots.end())
        roots.push_back(root);
  return roots_above_[&module] = roots;
}

nn::Module *ProgramRecorder::preferred_root(nn::Module &module) {
  const std::vector<nn::Module *> &roots = roots_above(module);
  for (nn::Module *root : roots)
    if (is_named(root))
      return root;
  for (nn::Module *root : roots)
    if (std::find(roots_.begin(), roots_.end(), root) != roots_.end())
      return root;
  return roots.front();
}

// Whether a module may be used where `outermost` runs: both are parts of one model, or of models that the program has named.
bool ProgramRecorder::belongs_to(nn::Module &module, nn::Module &outermost) {
  const std::vector<nn::Module *> roots = roots_above(module);
  const nn::Module *running = preferred_root(outermost);
  return std::any_of(roots.begin(), roots.end(), [&](nn::Module *root) { return root == running || is_named(root); });
}

bool ProgramRecorder::use_root(nn::Module &root) {
  if (std::find(roots_.begin(), roots_.end(), &root) != roots_.end())
    return true;
  std::shared_ptr<nn::Module> owner = root.weak_from_this().lock();
  if (!owner)
    return false;
  kept_alive_.push_back(std::move(owner));
  roots_.push_back(&root);
  return true;
}

namespace {
bool has_state(const nn::Module &module) {
  for (const nn::detail::PathModule &below : nn::detail::walk(module))
    for (const std::shared_ptr<TensorSlot> &slot : ModuleAccess::slots(*below.module))
      if (slot->impl)
        return true;
  return false;
}

std::string one_line(const nn::Module &module) {
  const std::string text = module.text();
  return text.find('\n') == std::string::npos ? text : module.name();
}

// An error that names its place itself.
[[noreturn]] void fail_here(const std::string &message) {
  runtime::ValueError error(message);
  error.frames = capture_frames();
  throw error;
}

[[noreturn]] void fail_not_shared(const nn::Module &root) {
  fail("the model " + root.name() +
       " is not held by a shared_ptr, so it would be gone before the program is finished\nmake it with "
       "KILN_MODULE's holder or std::make_shared instead of on the stack");
}

std::string where_text(ProgramRecorder &program, const nn::Module &running) {
  const std::string path = program.path_text(running);
  return path.empty() ? running.name() : "'" + path + "' (" + running.name() + ")";
}

constexpr const char *kRegisterAdvice = "\nits parameters would be in no state_dict, and no optimizer would find them\nregister "
                                        "it in the constructor of the module that uses "
                                        "it: layer = register_module(\"layer\", layer), or put it into a registered "
                                        "nn::ModuleList, nn::ModuleDict or nn::Sequential; name a "
                                        "model of its own with program.register_module";
} // namespace

bool ProgramRecorder::check_module_call(nn::Module &module, nn::Module *outermost) {
  if (outermost) {
    if (belongs_to(module, *outermost))
      return true;
    if (!has_state(module)) {
      report_out_of_reach(module);
      return false;
    }
    fail_here("module " + one_line(module) + " is used in the forward of " +
              where_text(*this, *Recorder::current()->running_module()) + " but never registered" + kRegisterAdvice);
  }
  nn::Module *root = preferred_root(module);
  if (use_root(*root))
    return true;
  if (has_state(*root))
    fail_not_shared(*root);
  return false;
}

// train() and eval() go from a module to those that it has registered: a plain member keeps its mode.
void ProgramRecorder::report_out_of_reach(nn::Module &module) {
  const nn::Module &running = *Recorder::current()->running_module();
  const auto *dropout = module.as<nn::Dropout>();
  const bool matters = dropout && dropout->options.p() > 0 && dropout->is_training() && !running.is_training();
  if (runs_ > 1 || !matters || !reported_modules_.insert(ModuleAccess::sequence_number(module)).second)
    return;
  recording::Diagnostic diagnostic;
  diagnostic.message = "module " + one_line(module) + " is used in the forward of " + where_text(*this, running) +
                       " but never registered, so eval() does not reach it: it stays in training mode, and its output is different "
                       "at every call; register it with register_module";
  diagnostic.frames = capture_frames();
  diagnostic.notes.push_back({"it is constructed here", ModuleAccess::construction_frames(module)});
  diagnostics_.push_back({std::move(diagnostic), Recorder::current()->running_module()});
}

bool ProgramRecorder::stands_alone(nn::Module &module) {
  return !is_named(&module) && roots_above(module) == std::vector<nn::Module *>{&module};
}

void ProgramRecorder::check_state_use(int32_t index, nn::Module *outermost) {
  used_states_.insert(index);
  const StateEntry &entry = state(index);
  if (outermost) {
    for (nn::Module *owner : entry.owners)
      if (belongs_to(*owner, *outermost))
        return;
    fail_here(std::string(entry.slot->is_parameter ? "parameter '" : "buffer '") + entry.slot->name + "' of module " +
              one_line(*entry.owners.front()) + " is used in the forward of " +
              where_text(*this, *Recorder::current()->running_module()) + ", but the module was never registered" +
              kRegisterAdvice);
  }
  nn::Module *root = preferred_root(*entry.owners.front());
  if (!use_root(*root))
    fail_not_shared(*root);
}

std::string ProgramRecorder::path_text(const nn::Module &module) {
  const nn::Module *root = preferred_root(const_cast<nn::Module &>(module));
  for (const nn::detail::PathModule &below : nn::detail::walk(*root))
    if (below.module == &module)
      return below.path;
  return "";
}

int32_t ProgramRecorder::module_index(nn::Module &module) {
  auto [place, added] = module_index_.emplace(&module, static_cast<int32_t>(modules_.size()));
  if (added)
    modules_.push_back(&module);
  return place->second;
}

} // namespace kiln::detail
