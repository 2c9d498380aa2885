// The inside of modules, for the recorder and the layers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kiln/nn/module.h"
#include "tensor_impl.h"

namespace kiln::nn::detail {

using kiln::detail::TensorSlot;

struct ModuleAccess {
  /// All modules of the process, in order of construction.
  static std::vector<Module *> live_modules();
  /// Order of construction.
  static uint64_t sequence_number(const Module &module) { return module.sequence_number_; }
  /// The number that the next module gets.
  static uint64_t next_sequence_number();
  /// Where it was constructed; known of modules that a program's block makes.
  static semantics::Frames construction_frames(const Module &module);
  static void set_training(Module &module, bool on) { module.training_ = on; }
  static bool training(const Module &module) { return module.training_; }

  /// Own parameters, then own buffers, in order of registration, None included.
  static std::vector<std::shared_ptr<TensorSlot>> slots(const Module &module);
  /// Direct submodules, in order, those set to None left out.
  static std::vector<std::pair<std::string, Module *>> children(const Module &module);
  /// Names that are registered for a child that is None.
  static std::vector<std::string> absent_children(const Module &module);
};

/// How a module prints: `type(extra_repr)`.
struct PrintedModule {
  std::string type, extra_repr;
};
/// name() and extra_repr(), or what an override of pretty_print says.
PrintedModule printed(const Module &module);

/// A module below a root and its path.
struct PathModule {
  std::string path;
  Module *module;
  int32_t parent; // index; -1 for the root
  std::string name;
};
/// The tree in pre-order, each module once, under its first path.
std::vector<PathModule> walk(const Module &root, const std::string &prefix = std::string());
/// The same with a module under each of its paths, as it is printed.
std::vector<PathModule> walk_all(const Module &root, const std::string &prefix = std::string());

} // namespace kiln::nn::detail
