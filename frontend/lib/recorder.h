// The recorder: turns what a model's code does with symbolic tensors into a trace.
//
// One Recorder runs one function once, with stand-in numbers for the named dimensions. It belongs to a ProgramRecorder
// (program_recorder.h), which knows the program's state and modules and merges the traces of several runs.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "kiln/nn/module.h"
#include "tensor_impl.h"

namespace kiln::detail {

class Autograd;
class ProgramRecorder;

/// A call of a module, as the trace keeps it.
struct ModuleCall {
  nn::Module *module = nullptr;
  std::string module_key;                              // as in RecordedOperation::module_path
  std::size_t first_operation = 0, last_operation = 0; // [first, last)
  std::vector<std::vector<int64_t>> output_sizes;
};

/// What becomes of a parameter's .grad when a function returns.
struct GradientAtEnd {
  int32_t parameter = -1;                        // index of a state
  semantics::ValueId value = semantics::kAbsent; // kAbsent: None
  /// Whether it is known if .grad is None. Else `value` replaces what the state holds, and None stays None.
  bool known = true;
  /// Whether the function writes in place to what earlier calls left, which PyTorch refuses for None.
  bool needs_gradient = false;
  semantics::Frames frames;
};

/// What a function does with the identity of states' tensors. A compiled model gives each state memory of its own, so a function
/// that leaves one tensor in two buffers is as good as PyTorch's only while no call can tell.
struct StateAliasing {
  struct Shared {
    int32_t first, second;    // states that one storage stands for when the call ends
    semantics::Frames frames; // of the assignment
  };
  std::vector<Shared> shared;
  /// States whose tensor of the call's begin is written in place, in this order, and where.
  std::vector<std::pair<int32_t, semantics::Frames>> written;
  /// States that stand for another tensor when the call ends.
  std::set<int32_t> assigned;
  /// How many of `written` came before the last use of a state's tensor of the call's begin.
  std::map<int32_t, std::size_t> seen;

  /// Where the function writes to the tensor of one state in a way that the other state would show if both had that tensor; null
  /// when it does not.
  const semantics::Frames *shows(int32_t written_state, int32_t other) const;
};

/// What one run of a function recorded. Sizes in types and attributes are the run's stand-in numbers. Operations name states by
/// index
/// ("#3", or "@3" for what training adds) and modules by index ("2"; "" for none) until the program's names are settled.
struct Trace {
  std::map<std::string, int64_t> symbols;
  semantics::RecordedFunction function;
  std::vector<ModuleCall> calls;
  std::vector<GradientAtEnd> gradients; // what the function leaves in .grad; written once the program's names are settled
  StateAliasing aliasing;
};

/// Whether the function computes gradients.
bool differentiates(const semantics::RecordedFunction &function);

class Recorder {
public:
  /// The recording that runs on this thread; null when there is none.
  static Recorder *current();
  /// Makes the recording that runs now the current one again in the end, even where one that began since could not end.
  class Scope {
  public:
    Scope() : before_(current()) {}
    ~Scope() { set_current(before_); }

  private:
    Recorder *before_;
  };

  /// Random operations are numbered from `first_site` on.
  Recorder(ProgramRecorder &program, std::map<std::string, int64_t> symbols, int64_t first_site);
  ~Recorder();
  Recorder(const Recorder &) = delete;
  Recorder &operator=(const Recorder &) = delete;

  uint64_t run() const { return run_; }
  const std::map<std::string, int64_t> &symbols() const { return trace_.symbols; }
  /// Settles what training leaves behind when the function returns: gradients, and the random generator's state.
  void settle_training();
  /// Ends the recording: the states get the values of the tensors that they are bound to now.
  Trace finish();

  Tensor add_input(const std::string &name, std::vector<int64_t> sizes, DType dtype);
  void add_output(const std::string &name, const Tensor &tensor);

  /// Whether operations on this tensor are recorded: symbolic, or state, or written with a symbolic value before.
  bool is_recorded(const TensorImplPtr &impl);
  /// Records an operation. Concrete operands become constants.
  std::vector<Tensor> record(const char *operation, const std::vector<Tensor> &operands, const semantics::Attributes &attributes);
  /// Makes `value` the elements of `target`.
  void write(const TensorImplPtr &target, const Tensor &value);
  /// Lets a buffer's slot stand for `value` from now on.
  void assign_buffer(const std::shared_ptr<TensorSlot> &slot, const Tensor &value);
  /// The number of a random operation in the program; the same in every run.
  int64_t next_site() { return next_site_++; }
  /// The random generator's state at the beginning of the function; its end advances it.
  Tensor generator();
  /// Tells the model's author something about the running line, if the function computes gradients.
  void warn_if_differentiated(std::string message);
  /// Lazy parameters got their shapes.
  void tensors_materialized();

  // Training (see autograd.h).
  Autograd &autograd() { return *autograd_; }
  ProgramRecorder &program() { return program_; }
  /// The node of a tensor that is recorded.
  std::shared_ptr<ViewNode> node_of(const TensorImplPtr &impl);
  /// The current value of a state that training adds to the program, by its index.
  semantics::ValueId training_value(int32_t state);
  void set_training_value(int32_t state, semantics::ValueId value);

  // Modules.
  /// False when the module is already the one that runs.
  bool enter_module(nn::Module &module);
  void module_returned(nn::Module &module, const std::vector<Tensor> &outputs);
  void leave_module();
  /// The caller's place.
  RecordedPlace here() const;
  nn::Module *running_module() const { return call_stack_.empty() ? nullptr : call_stack_.back().module; }

  // For messages.
  std::string place_text() const;
  // Names for stand-in numbers.
  std::string size_text(int64_t size) const;
  std::optional<semantics::DimExpr> expression_of(int64_t size) const;

private:
  friend class Autograd;
  friend class OptimizerStep;
  static void set_current(Recorder *recorder);
  struct ActiveCall {
    nn::Module *module;
    std::size_t call; // index into trace_.calls
  };
  std::shared_ptr<ViewNode> root_of(const TensorImplPtr &impl);
  std::shared_ptr<ViewNode> adopt(TensorImplPtr impl);
  /// The value under which the node is used: a leaf of the autograd graph may have one of its own.
  semantics::ValueId value_of(const std::shared_ptr<ViewNode> &node);
  semantics::ValueId computed_value(const std::shared_ptr<ViewNode> &node);
  semantics::ValueId operand_value(const Tensor &tensor);
  semantics::ValueId constant_value(const TensorImpl &impl);
  Tensor new_value(semantics::ValueId value);
  void write_node(const std::shared_ptr<ViewNode> &node, semantics::ValueId value);
  void check_run(const ViewNode &node) const;
  void note_written(int32_t state);
  std::vector<semantics::ValueId> emit(const std::string &operation, std::vector<semantics::ValueId> operands,
                                       semantics::Attributes attributes, const std::vector<semantics::TensorType> &results,
                                       const RecordedPlace *place = nullptr);
  std::vector<semantics::ValueId> emit_inferred(const std::string &operation, std::vector<semantics::ValueId> operands,
                                                semantics::Attributes attributes, const RecordedPlace *place = nullptr);
  const semantics::TensorType &type(semantics::ValueId value) const;
  semantics::TensorType symbolic_type(const semantics::TensorType &type) const;
  std::string describe_failure(const std::string &operation, const std::vector<semantics::ValueId> &operands,
                               const semantics::Attributes &attributes, const std::string &message) const;
  std::string source_of(semantics::ValueId value) const;

  ProgramRecorder &program_;
  uint64_t run_;
  Trace trace_;
  Recorder *previous_;
  std::vector<ActiveCall> call_stack_;
  std::unordered_map<const runtime::Storage *, std::shared_ptr<ViewNode>> roots_; // of state and of adopted storages
  std::unordered_map<const TensorImpl *, std::shared_ptr<ViewNode>> nodes_;       // of concrete views of them
  std::vector<TensorImplPtr> kept_alive_;
  std::unordered_map<semantics::ValueId, nn::Module *> returned_by_;
  std::unordered_map<semantics::ValueId, std::size_t> defined_by_; // operation
  std::unordered_map<int32_t, semantics::ValueId> training_values_; // current ones, by state
  bool uses_generator_ = false;
  struct Warning {
    std::string message;
    nn::Module *module;
    semantics::Frames frames;
  };
  std::vector<Warning> if_differentiated_;
  int64_t next_site_;
  std::unique_ptr<Autograd> autograd_;
  /// States that may end with another value, in the order of their first write or assignment.
  struct Binding {
    int32_t state;
    std::shared_ptr<TensorSlot> slot; // null: its own tensor
    RecordedPlace place;              // of the last write or assignment
  };
  std::vector<Binding> bindings_;
  Binding &binding(int32_t state);
};

} // namespace kiln::detail
