// The recorder of a whole program: its functions, its state and its modules.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "kiln/program.h"
#include "kiln/recording.h"
#include "recorder.h"

namespace kiln::detail {

/// Flags of a model that functions may change and the recording restores.
struct ModeSnapshot {
  std::vector<std::pair<nn::Module *, bool>> training;
  std::vector<std::pair<std::shared_ptr<TensorSlot>, bool>> requires_grad;

  static ModeSnapshot take(const std::vector<nn::Module *> &modules);
  void restore() const;
};

/// A storage that a module has registered.
struct StateEntry {
  TensorImplPtr impl; // the first registration's: what the state's value looks like
  std::shared_ptr<TensorSlot> slot;
  std::vector<nn::Module *> owners; // modules that registered it
};

class ProgramRecorder {
public:
  explicit ProgramRecorder(std::string name);
  ~ProgramRecorder();

  const std::string &name() const { return name_; }
  /// Runs the program's block and settles the names.
  recording::Recording record(void (*body)(Program &));

  // For Program.
  using Body = std::function<NamedOutputs(const std::vector<Tensor> &)>;
  void add_function(std::string name, std::vector<Input> inputs, std::vector<std::string> outputs, std::size_t arity, const Body &body);
  void register_module(const std::string &name, std::shared_ptr<nn::Module> module);

  // For Recorder.
  /// Index of the state that this storage belongs to; -1 when no module has registered it.
  int32_t find_state(const runtime::Storage *storage) const;
  const StateEntry &state(int32_t index) const { return states_[static_cast<std::size_t>(index)]; }
  /// Looks at all modules again: parameters may have been made while recording.
  void refresh_states();
  /// Throws unless the state may be used by the module that runs (null: the function itself).
  void check_state_use(int32_t state, nn::Module *outermost);
  /// Throws unless the module may be called from where `outermost` runs (null: from the function itself). False for one without
  /// state that belongs to no model: what it does counts as its caller's.
  bool check_module_call(nn::Module &module, nn::Module *outermost);
  /// Path from its root, for messages: "blocks.2.fc1"; the class name for a root.
  std::string path_text(const nn::Module &module);
  int32_t module_index(nn::Module &module);
  void report_baked_constant(const TensorImpl &impl, nn::Module *running);
  void check_rebinding_allowed(const std::string &name) const;

private:
  struct Function {
    std::string name;
    std::vector<Input> inputs;
    semantics::RecordedFunction recorded;
    std::vector<ModuleCall> calls; // output sizes below
    std::vector<std::vector<std::vector<semantics::DimExpr>>> call_shapes;
    std::vector<semantics::DimExpr> call_multiply_adds;
  };
  struct Definition; // what has to be the same when the block is run again

  nn::Module *root_of(nn::Module &module);
  void use_root(nn::Module &root);
  bool is_named_root(const nn::Module &root) const;
  Trace run_once(const std::string &name, const std::vector<Input> &inputs, const std::vector<std::string> &outputs, const Body &body,
                 std::map<std::string, int64_t> symbols);
  void check_inputs(const std::string &name, const std::vector<Input> &inputs, std::size_t arity) const;
  recording::Recording finish();
  void report_unread_parameters(recording::Recording &recording);

  std::string name_;
  std::vector<Function> functions_;
  std::vector<std::pair<std::string, std::shared_ptr<nn::Module>>> named_roots_;
  std::vector<nn::Module *> roots_; // in order of first use
  std::vector<std::shared_ptr<nn::Module>> kept_alive_;
  std::vector<StateEntry> states_;
  std::unordered_map<const runtime::Storage *, int32_t> state_index_;
  std::vector<nn::Module *> modules_; // by module_index
  std::unordered_map<const nn::Module *, int32_t> module_index_;
  std::vector<recording::Diagnostic> diagnostics_;
  std::vector<std::shared_ptr<const Origin>> reported_origins_;
};

} // namespace kiln::detail
