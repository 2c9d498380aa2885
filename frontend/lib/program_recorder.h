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
#include "training_states.h"

namespace kiln::detail {

/// Training mode of modules by their number in order of construction since the program's block began.
using Modes = std::map<uint64_t, bool>;

/// requires_grad of registered tensors by their module's number, as in Modes, and their place in it.
using Flags = std::map<std::pair<uint64_t, std::size_t>, bool>;

/// What modules are like at the end of the block, where a function was recorded with something else.
struct EndOfBlock {
  Modes modes;
  Flags flags;
  bool empty() const { return modes.empty() && flags.empty(); }
};

/// A storage that some module has registered.
struct StateEntry {
  TensorImplPtr impl;                             // what the state's value looks like: the first registration's tensor
  std::shared_ptr<TensorSlot> slot;               // the first registration
  std::vector<nn::Module *> owners;               // modules that registered it
  std::vector<std::shared_ptr<TensorSlot>> slots; // all registrations; several for a tied tensor
};

class ProgramRecorder {
public:
  /// The program whose block runs on this thread; null when there is none.
  static ProgramRecorder *current();
  /// Whether a living module has registered this tensor.
  static bool is_registered(const TensorImplPtr &tensor);

  /// `end`: what the modules are like at the end of the block, if a first run of it has found that it matters.
  explicit ProgramRecorder(std::string name, EndOfBlock end = {});
  ~ProgramRecorder();

  /// Runs the program's block. False when modules changed their mode or requires_grad after a function had been recorded:
  /// `end_of_block` says how, and the block has to be run again by a new recorder.
  bool run(void (*body)(Program &));
  const EndOfBlock &end_of_block() const { return end_; }
  /// The program, with all names settled.
  recording::Recording finish();

  const std::string &name() const { return name_; }

  // For Program.
  using Body = std::function<NamedOutputs(const std::vector<Tensor> &)>;
  void add_function(std::string name, std::vector<Input> inputs, std::vector<std::string> outputs, std::size_t arity,
                    const Body &body);
  void register_module(const std::string &name, std::shared_ptr<nn::Module> module);

  // For Recorder.
  TrainingStates &training() { return training_; }
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
  /// Whether the module is part of no other one and has no name in the program.
  bool stands_alone(nn::Module &module);
  /// Path below its root, for messages: "blocks.2.fc1"; "" for a root.
  std::string path_text(const nn::Module &module);
  int32_t module_index(nn::Module &module);
  /// Tells the model's author something about the running line, or another one: in a function's first run only.
  void warn(const std::string &message, nn::Module *running, semantics::Frames frames = {});
  /// Likewise, but only where some function of the program computes gradients.
  void warn_if_differentiated(const std::string &message, semantics::Frames frames);
  /// A tensor made before the recording is used as a constant.
  void report_baked_constant(const TensorImpl &impl, nn::Module *running);

private:
  struct Function {
    MergedFunction merged;
    Modes modes; // when it was recorded
    Flags flags; // likewise; empty where nothing is differentiated
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
  /// Warns of a dropout that the running model's eval() has not reached.
  void report_out_of_reach(nn::Module &module);
  bool use_root(nn::Module &root);

  void check_inputs(const std::string &name, const std::vector<Input> &inputs, std::size_t arity) const;
  Modes current_modes() const;
  Flags current_flags() const;
  void set_end_of_block() const;
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
  // What training adds (training_layout.cpp), and what is to be said of it (training_report.cpp).
  void add_training(Layout &layout) const;
  void check_written_gradients(const std::map<std::string, int32_t> &kept) const;
  void add_gradients(Layout &layout) const;
  void add_optimizer(Layout &layout, int32_t index, const std::string &name) const;
  void lower_training(const Layout &layout, semantics::RecordedFunction &function,
                      const std::vector<GradientAtEnd> &gradients) const;
  void report_training(Layout &layout) const;
  /// The parameter's path; throws when it is part of no model of the program.
  const std::string &parameter_path(const Layout &layout, const TensorImpl &parameter, const OptimizerCore &optimizer) const;

  std::string name_;
  EndOfBlock given_, end_;
  uint64_t first_sequence_; // of modules made by the block
  std::vector<Function> functions_;
  int runs_ = 0; // of the function that is being recorded
  std::vector<std::pair<std::string, std::shared_ptr<nn::Module>>> named_roots_;
  std::vector<nn::Module *> roots_;                     // in order of first use
  std::vector<std::shared_ptr<nn::Module>> kept_alive_; // and their owners
  std::vector<StateEntry> states_;
  std::unordered_map<const runtime::Storage *, int32_t> state_index_;
  std::unordered_set<int32_t> used_states_;
  std::vector<Registration> registrations_;
  std::unordered_set<const TensorSlot *> registered_slots_; // of registrations_
  std::unordered_map<nn::Module *, std::vector<nn::Module *>> parents_, roots_above_;
  std::vector<nn::Module *> modules_; // by module_index
  std::unordered_map<const nn::Module *, int32_t> module_index_;
  TrainingStates training_;
  int64_t generator_seed_ = 0; // of compiled random numbers: the default generator's at the end of the block
  std::vector<PendingDiagnostic> diagnostics_;
  std::vector<recording::Diagnostic> if_differentiated_;
  std::vector<std::shared_ptr<const Origin>> reported_origins_;
  std::unordered_set<uint64_t> reported_modules_; // by order of construction
};

} // namespace kiln::detail
