// Settling a recorded program: which models it consists of, and the names of modules and state.
#include <algorithm>
#include <set>

#include "errors.h"
#include "kiln/nn/modules/dropout.h"
#include "program_layout.h"

namespace kiln::detail {

using nn::detail::ModuleAccess;
using nn::detail::PathModule;
using semantics::DimExpr;

namespace {
std::string joined(const std::string &prefix, const std::string &name) { return prefix.empty() ? name : prefix + "." + name; }

bool same_view(const TensorImpl &a, const TensorImpl &b) { return a.value.is_same(b.value); }
} // namespace

// Code behind a program.function may have replaced what the function was recorded with.
void ProgramRecorder::check_unchanged() const {
  for (const Registration &registration : registrations_) {
    const TensorImplPtr &now = registration.slot->impl;
    const bool replaced =
        now != registration.impl || (now && registration.storage && now->value.storage() != registration.storage);
    if (replaced)
      fail("'" + registration.slot->name +
           "' was replaced after a function had been recorded with it\ncomplete the models (tie weights, "
           "convert types, replace layers) before the first program.function");
  }
}

// A function may leave one tensor in two buffers. The compiled model has a copy in each, which no function may be able to tell.
void ProgramRecorder::check_shared_states() const {
  for (const Function &sharing : functions_)
    for (const StateAliasing::Shared &shared : sharing.aliasing.shared)
      for (const Function &function : functions_)
        for (const auto &[written, other] : {std::pair(shared.first, shared.second), std::pair(shared.second, shared.first)})
          if (function.aliasing.shows(written, other)) {
            const std::string name = state(written).slot->name, also = state(other).slot->name;
            runtime::ValueError error("function '" + sharing.merged.function.name + "' leaves one tensor in '" + also +
                                      "' and '" + name + "', and function '" + function.merged.function.name + "' writes '" +
                                      name + "' in place, which '" + also +
                                      "' would show\na compiled model keeps each in memory of its own: assign a copy, clone()");
            error.frames = shared.frames;
            throw error;
          }
}

// The models of the program. Modules without state that were called beside a model are no models of their own.
std::vector<nn::Module *> ProgramRecorder::final_roots() const {
  std::vector<nn::Module *> roots;
  for (nn::Module *root : roots_) {
    const std::vector<PathModule> tree = nn::detail::walk(*root);
    const bool stateful = std::any_of(tree.begin(), tree.end(), [&](const PathModule &below) {
      const auto slots = ModuleAccess::slots(*below.module);
      // A lone buffer that no function uses is a loss' weight, which is a constant of the program.
      return std::any_of(slots.begin(), slots.end(), [&](const auto &slot) {
        return slot->impl && (tree.size() > 1 || slot->is_parameter ||
                              used_states_.count(find_state(slot->impl->value.storage().get())));
      });
    });
    if (stateful || is_named(root))
      roots.push_back(root);
  }
  if (roots.empty() && named_roots_.empty() && roots_.size() == 1)
    return roots_;
  return roots;
}

void ProgramRecorder::add_modules(Layout &layout) const {
  const std::vector<nn::Module *> roots = final_roots();
  std::vector<nn::Module *> unnamed;
  for (nn::Module *root : roots)
    if (!is_named(root))
      unnamed.push_back(root);
  if (unnamed.size() + (named_roots_.empty() ? 0 : 1) > 1) {
    std::string names;
    for (nn::Module *root : unnamed)
      names += (names.empty() ? "" : ", ") + root->name();
    fail("program '" + name_ + "' uses models that are not part of one another" +
         (named_roots_.empty() ? "" : " and have no name") + ": " + names +
         "\nname each one: program.register_module(\"name\", model), or register it in the module that uses it");
  }
  if (named_roots_.empty()) {
    if (!unnamed.empty())
      layout.modules = nn::detail::walk_all(*unnamed.front());
  } else {
    // Several models print, and name their state, like an nn.ModuleDict of them.
    layout.modules.push_back({"", nullptr, -1, ""});
    for (const auto &[name, root] : named_roots_)
      for (PathModule below : nn::detail::walk_all(*root, name)) {
        below.parent = below.parent < 0 ? 0 : below.parent;
        layout.modules.push_back(std::move(below));
      }
    // walk_all numbers each tree from 0: shift the parents of all but the roots.
    std::size_t base = 1;
    for (const auto &[name, root] : named_roots_) {
      const std::size_t count = nn::detail::walk_all(*root, name).size();
      for (std::size_t i = base + 1; i < base + count; ++i)
        layout.modules[i].parent += static_cast<int32_t>(base);
      base += count;
    }
  }
  for (std::size_t i = 0; i < layout.modules.size(); ++i) {
    const PathModule &module = layout.modules[i];
    semantics::RecordedModule recorded;
    recorded.parent = module.parent;
    recorded.name = module.name;
    recorded.path = module.path;
    const nn::detail::PrintedModule printed =
        module.module ? nn::detail::printed(*module.module) : nn::detail::PrintedModule{"ModuleDict", ""};
    recorded.type = printed.type;
    recorded.extra_repr = printed.extra_repr;
    recorded.is_dropout = module.module && module.module->is<nn::Dropout>();
    layout.recording.program.modules.push_back(std::move(recorded));
    if (module.module)
      layout.module_of.emplace(module.module, i);
  }
}

void ProgramRecorder::add_states(Layout &layout) const {
  for (const Function &function : functions_) {
    layout.taken.insert(function.merged.function.name);
    if (!function.merged.gradients.empty())
      layout.taken.insert(semantics::kGradientFlags); // the one path that is fixed
  }
  std::unordered_map<const runtime::Storage *, TensorImplPtr> first;
  for (const PathModule &module : layout.modules) {
    if (!module.module)
      continue;
    for (const std::shared_ptr<TensorSlot> &slot : ModuleAccess::slots(*module.module)) {
      if (!slot->impl)
        continue;
      const std::string name = joined(module.path, slot->name);
      if (slot->impl->uninitialized)
        fail("'" + name + "' of " + module.module->name() +
             " has no shape: no recorded function calls this lazy module\ncall it in a "
             "function, or give its in_features");
      const runtime::Storage *storage = slot->impl->value.storage().get();
      auto [known, added] = first.emplace(storage, slot->impl);
      if (added) {
        semantics::RecordedState state;
        state.path = layout.state_path[storage] = layout.fresh_path(name);
        state.kind = slot->is_parameter ? semantics::StateKind::Parameter : semantics::StateKind::Buffer;
        state.trainable = slot->impl->requires_grad;
        state.initial = slot->impl->value.contiguous();
        layout.recording.program.states.push_back(std::move(state));
      } else if (!same_view(*known->second, *slot->impl)) {
        fail("'" + name + "' and '" + layout.state_path[storage] +
             "' share storage but are different views of it\ntie whole tensors, or "
             "clone() one of them");
      }
      layout.recording.program.state_names.push_back({name, layout.state_path[storage], slot->persistent});
    }
  }
}

void ProgramRecorder::add_functions(Layout &layout) {
  for (Function &function : functions_) {
    semantics::RecordedFunction recorded = std::move(function.merged.function);
    lower_training(layout, recorded, function.merged.gradients);
    for (semantics::RecordedOperation &operation : recorded.operations) {
      if (!operation.module_path.empty()) {
        const nn::Module *module = modules_[std::stoul(operation.module_path)];
        auto place = layout.module_of.find(module);
        operation.module_path = place == layout.module_of.end() ? "" : layout.modules[place->second].path;
      }
      if (!operation.attributes.has("state") || operation.attributes.get<std::string>("state").front() != '#')
        continue;
      const auto index = static_cast<int32_t>(std::stol(operation.attributes.get<std::string>("state").substr(1)));
      const StateEntry &entry = state(index);
      auto path = layout.state_path.find(entry.impl->value.storage().get());
      if (path == layout.state_path.end()) {
        runtime::ValueError error("'" + entry.slot->name + "' is used by function '" + recorded.name +
                                  "' but is part of no model of the program\nname its module with program.register_module");
        error.frames = operation.frames;
        throw error;
      }
      operation.attributes.set("state", path->second);
      layout.read_states.insert(index);
    }
    layout.recording.program.functions.push_back(std::move(recorded));
  }
}

// Output shape and cost of each module, from its first call.
void ProgramRecorder::describe_calls(Layout &layout) const {
  std::set<const nn::Module *> described;
  for (const Function &function : functions_)
    for (std::size_t c = 0; c < function.merged.calls.size(); ++c) {
      const nn::Module *module = function.merged.calls[c].module;
      auto place = layout.module_of.find(module);
      if (place == layout.module_of.end() || !described.insert(module).second)
        continue;
      semantics::RecordedModule &recorded = layout.recording.program.modules[place->second];
      const auto &shapes = function.merged.call_shapes[c];
      for (const std::vector<DimExpr> &shape : shapes)
        recorded.output_shape += (recorded.output_shape.empty() ? "" : ", ") + semantics::shape_text(shape);
      if (shapes.size() > 1)
        recorded.output_shape = "(" + recorded.output_shape + ")";
      if (const DimExpr &count = function.merged.call_multiply_adds[c]; !(count == DimExpr(0)))
        recorded.multiply_adds = count.text();
    }
}

void ProgramRecorder::add_diagnostics(Layout &layout) const {
  for (const PendingDiagnostic &pending : diagnostics_) {
    recording::Diagnostic diagnostic = pending.diagnostic;
    if (auto place = layout.module_of.find(pending.module); place != layout.module_of.end())
      diagnostic.module_path = layout.modules[place->second].path;
    layout.recording.diagnostics.push_back(std::move(diagnostic));
  }
}

// A member that holds another tensor than its registration makes its module compute with the wrong one.
void ProgramRecorder::report_unread_parameters(Layout &layout) const {
  std::set<const nn::Module *> called;
  for (const Function &function : functions_)
    for (const ModuleCall &call : function.merged.calls)
      called.insert(call.module);
  for (const PathModule &module : layout.modules) {
    if (!module.module || !called.count(module.module))
      continue;
    for (const std::shared_ptr<TensorSlot> &slot : ModuleAccess::slots(*module.module)) {
      if (!slot->is_parameter || !slot->impl || layout.read_states.count(find_state(slot->impl->value.storage().get())))
        continue;
      recording::Diagnostic diagnostic;
      diagnostic.message = "parameter '" + joined(module.path, slot->name) + "' is never used, though its module (" +
                           module.module->name() +
                           ") runs; if its member was assigned another tensor, let the member hold what "
                           "register_parameter returned: then the assignment replaces the parameter";
      diagnostic.module_path = module.path;
      diagnostic.frames = layout.recording.program.functions.front().frames;
      layout.recording.diagnostics.push_back(std::move(diagnostic));
    }
  }
}

recording::Recording ProgramRecorder::finish() {
  check_unchanged();
  check_shared_states();
  Layout layout;
  layout.recording.program.name = name_;
  add_modules(layout);
  add_states(layout);
  add_training(layout);
  describe_calls(layout);
  add_functions(layout);
  add_diagnostics(layout);
  report_unread_parameters(layout);
  report_training(layout);
  return std::move(layout.recording);
}

} // namespace kiln::detail
