// The recorder of a whole program: its functions, its state and its modules.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "kiln/program.h"
#include "kiln/recording.h"
#include "module_access.h"
#include "trace_merge.h"

namespace kiln::detail {

/// Training mode of modules by their number in order of construction since the program's block began.
using Modes = std::map<uint64_t, bool>;

/// A storage that some module has registered.
struct StateEntry {
  TensorImplPtr impl;                             // what the state's value looks like: the first registration's tensor
  std::shared_ptr<TensorSlot> slot;               // the first registration
  std::vector<nn::Module *> owners;               // modules that registered it
  std::vector<std::shared_ptr<TensorSlot>> slots; // all registrations; several for a tied tensor
};

class ProgramRecorder {
public:
  /// `modes`: what the modules' modes are at the end of the block, if a first run of it has found that it matters.
  explicit ProgramRecorder(std::string name, Modes modes = {});
  ~ProgramRecorder();

  /// Runs the program's block. False when modules changed their mode after a function had been recorded: `end_modes` says how,
  /// and the block has to be run again by a new recorder.
  bool run(void (*body)(Program &));
  const Modes &end_modes() const { return end_modes_; }
  /// The program, with all names settled.
  recording::Recording finish();

  const std::string &name() const { return name_; }

  // For Program.
  using Body = std::function<NamedOutputs(const std::vector<Tensor> &)>;
  void add_function(std::string name, std::vector<Input> inputs, std::vector<std::string> outputs, std::size_t arity,
                    const Body &body);
  void register_module(const std::string &name, std::shared_ptr<nn::Module> module);

  // For Recorder.
  /// Index of the state that this storage belongs to; -1 when no module has registered it.
  int32_t find_state(const runtime::Storage *storage) const;
  const StateEntry &state(int32_t index) const { return states_[static_cast<std::size_t>(index)]; }
  /// Looks at all modules again: some may have been made, or lazy parameters have got their shapes.
  void refresh_states();
  /// Throws unless the state may be used where `outermost` runs (null: in the function itself).
  void check_state_use(int32_t state, nn::Module *outermost);
  /// Throws unless the module may be called from where `outermost` runs (null: from the function itself). False for one without
  /// state that belongs to no model: what it does counts as its caller's.
  bool check_module_call(nn::Module &module, nn::Module *outermost);
  /// Path below its root, for messages: "blocks.2.fc1"; "" for a root.
  std::string path_text(const nn::Module &module);
  int32_t module_index(nn::Module &module);
  /// A tensor made before the recording is used as a constant.
  void report_baked_constant(const TensorImpl &impl, nn::Module *running);

private:
  struct Function {
    MergedFunction merged;
    Modes modes; // when it was recorded
    StateAliasing aliasing;
  };
  struct Registration { // of a tensor, when a function was recorded
    std::shared_ptr<TensorSlot> slot;
    TensorImplPtr impl;
    std::shared_ptr<runtime::Storage> storage;
  };
  struct PendingDiagnostic {
    recording::Diagnostic diagnostic;
    nn::Module *module;
  };
  struct Layout; // names of everything, made by finish

  const std::vector<nn::Module *> &roots_above(nn::Module &module);
  nn::Module *preferred_root(nn::Module &module);
  bool is_named(const nn::Module *root) const;
  bool belongs_to(nn::Module &module, nn::Module &outermost);
  bool use_root(nn::Module &root);

  void check_inputs(const std::string &name, const std::vector<Input> &inputs, std::size_t arity) const;
  Modes current_modes() const;
  Trace record_once(const std::string &name, const std::vector<Input> &inputs, const std::vector<std::string> &outputs,
                    const Body &body, const std::map<std::string, int64_t> &symbols);

  void check_unchanged() const;
  void check_shared_states() const;
  std::vector<nn::Module *> final_roots() const;
  void add_modules(Layout &layout) const;
  void add_states(Layout &layout) const;
  void add_functions(Layout &layout);
  void describe_calls(Layout &layout) const;
  void add_diagnostics(Layout &layout) const;
  void report_unread_parameters(Layout &layout) const;

  std::string name_;
  Modes modes_, end_modes_;
  uint64_t first_sequence_; // of modules made by the block
  std::vector<Function> functions_;
  std::vector<std::pair<std::string, std::shared_ptr<nn::Module>>> named_roots_;
  std::vector<nn::Module *> roots_;                     // in order of first use
  std::vector<std::shared_ptr<nn::Module>> kept_alive_; // and their owners
  std::vector<StateEntry> states_;
  std::unordered_map<const runtime::Storage *, int32_t> state_index_;
  std::vector<Registration> registrations_;
  std::unordered_set<const TensorSlot *> registered_slots_; // of registrations_
  std::unordered_map<nn::Module *, std::vector<nn::Module *>> parents_, roots_above_;
  std::vector<nn::Module *> modules_; // by module_index
  std::unordered_map<const nn::Module *, int32_t> module_index_;
  std::vector<PendingDiagnostic> diagnostics_;
  std::vector<std::shared_ptr<const Origin>> reported_origins_;
};

} // namespace kiln::detail
