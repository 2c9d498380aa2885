// Gradients inside a recording: which values require one, what the leaves are, and what .grad holds.
//
// Values of a trace never change, so the history that PyTorch keeps in grad_fn is the trace itself. An Autograd belongs to one
// Recorder and knows of each value whether a gradient flows through it. Where PyTorch cuts the history (no_grad, detach, frozen
// parameters), an nn.detach is recorded, but only where the value is used together with others that do require a gradient: a
// pass that follows every floating-point operand finds exactly PyTorch's graph.
//
// A leaf is a view node whose requires_grad flag is set. Every value that it has in the course of a function, before and after
// writes under no_grad, is a leaf value; backward asks for the gradients of those that the loss depends on and adds them.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "recorder.h"
#include "training_order.h"

namespace kiln::detail {

/// The .grad of a leaf during one run.
struct GradientSlot {
  std::shared_ptr<ViewNode> node;
  int32_t parameter = -1;   // index of the state that the leaf is; -1: the gradient ends with the run
  bool touched = false;     // whether `tensor` says anything yet: before, .grad is what earlier calls left
  Tensor tensor;            // undefined: None
  TensorImplPtr inherited;  // while `tensor` is this one, earlier calls decide at run time whether it is None
  /// Version of the inherited tensor up to which it holds zeros where it is None.
  uint64_t clean_version = 0;
  TensorImplPtr sum;        // while `tensor` is this one, it adds to what earlier calls left
  semantics::Frames frames; // of the last change
  /// Known not to be None.
  bool is_defined() const { return touched && tensor.defined() && !is_inherited(); }
  bool is_none() const { return touched && !tensor.defined(); }
  bool is_inherited() const { return touched && inherited && TensorAccess::impl(tensor) == inherited; }
};

class Autograd {
public:
  Autograd(Recorder &recorder, ProgramRecorder &program) : recorder_(recorder), program_(program), order_(program) {}

  // Values.

  /// Whether PyTorch's tensor would require a gradient.
  bool requires_grad(semantics::ValueId value) const;
  /// The value without its history; the same value where it has none.
  semantics::ValueId detached(semantics::ValueId value, const RecordedPlace *place = nullptr);
  /// Before an operation is recorded: puts nn.detach where an operand's history is cut but would be followed.
  void cut_operands(const std::string &operation, std::vector<semantics::ValueId> &operands, const RecordedPlace *place);
  /// After an operation is recorded.
  void note_results(const std::string &operation, const std::vector<semantics::ValueId> &operands,
                    const std::vector<semantics::ValueId> &results);
  /// The value under which a node is used, given what it computes: leaves get values of their own.
  semantics::ValueId leaf_value(const std::shared_ptr<ViewNode> &node, semantics::ValueId raw);

  // Tensors.

  bool requires_grad(const ViewNode &node) const;
  bool is_leaf(const ViewNode &node) const { return !has_history(node); }
  /// The requires_grad flag of the tensor that the node stands for.
  static bool flag(const ViewNode &node);
  /// Throws unless the node may be written here: PyTorch lets writes under no_grad pass history by. True when the history of what
  /// is written is to be cut.
  bool check_write(const ViewNode &node) const;

  // Gradients.

  /// Of the leaf (or of a tensor that retains its gradient).
  GradientSlot &gradient(const std::shared_ptr<ViewNode> &node);
  /// The tensor in the slot, after reading what earlier calls left.
  Tensor &read(GradientSlot &slot);
  /// The value in the slot, of which something is to be computed: zeros where it is None at run time.
  semantics::ValueId value(GradientSlot &slot);
  /// Writes in place where it is not None.
  void write(GradientSlot &slot, const Tensor &value);
  /// .grad = None, or zeros in place where it is not None.
  void zero(GradientSlot &slot, bool set_to_none);
  /// A lazy parameter's .grad is None when it gets its shape.
  void zero_uninitialized(const TensorImplPtr &parameter) { zeroed_uninitialized_.push_back(parameter); }
  void retain_grad(const std::shared_ptr<ViewNode> &node);
  /// detach_: a computed tensor becomes a leaf that requires no gradient.
  void forget_history(const std::shared_ptr<ViewNode> &root);

  /// What is done with gradients, in its order.
  TrainingOrder &order() { return order_; }

  /// Accumulates into the .grad of all leaves, or of `inputs` alone.
  void backward(const std::vector<Tensor> &outputs, const std::vector<Tensor> &gradients, bool retain_graph,
                const std::vector<Tensor> *inputs);
  /// Gradients of `inputs`, undefined where unused.
  std::vector<Tensor> grad(const std::vector<Tensor> &outputs, const std::vector<Tensor> &inputs,
                           const std::vector<Tensor> &gradients, bool retain_graph, bool allow_unused);

  /// Parameters' gradients that the function leaves behind, in the order of the parameters' states.
  std::vector<GradientAtEnd> gradients_at_end();

private:
  struct Flow {
    bool required = false; // PyTorch's requires_grad
    bool active = false;   // a leaf is reached by following operands, through no nn.detach
  };
  /// A tensor whose gradient is asked for, and the values it has had.
  struct Target {
    std::shared_ptr<ViewNode> node;
    std::vector<semantics::ValueId> values;
    semantics::ValueId gradient = semantics::kAbsent; // once computed
  };
  struct Walk; // of a loss' history

  const Flow &flow(semantics::ValueId value) const;
  Flow &flow(semantics::ValueId value);
  bool has_history(const ViewNode &node) const;
  bool is_floating(semantics::ValueId value) const;
  bool is_dirty(const GradientSlot &slot) const;
  Walk walk(semantics::ValueId loss) const;
  void restrict(Walk &walk, const std::vector<Target> &targets) const;
  std::vector<Target> targets_of(const std::vector<Tensor> &inputs);
  void collect_leaves(const Walk &walk, std::vector<Target> &targets) const;
  /// Records nn.backward for each output; adds to the gradients of `targets`, or of all leaves that it finds.
  void differentiate(const std::vector<Tensor> &outputs, const std::vector<Tensor> &gradients, bool retain_graph, bool all_leaves,
                     std::vector<Target> &targets);
  void record_backward(semantics::ValueId loss, semantics::ValueId gradient, const Walk &walk, std::vector<Target> &targets);
  semantics::ValueId checked_gradient(const Tensor &output, std::size_t index, const Tensor &gradient);
  void accumulate(const Target &target);

  Recorder &recorder_;
  ProgramRecorder &program_;
  TrainingOrder order_;
  std::vector<Flow> flows_; // by value
  std::unordered_map<semantics::ValueId, semantics::ValueId> detached_;
  std::unordered_set<semantics::ValueId> cuts_; // what detached() handed out
  std::unordered_map<semantics::ValueId, std::shared_ptr<ViewNode>> leaf_nodes_;     // of leaf values
  std::unordered_map<semantics::ValueId, std::shared_ptr<ViewNode>> retained_nodes_; // by value
  std::unordered_set<std::size_t> freed_;                                            // operations
  std::vector<TensorImplPtr> zeroed_uninitialized_;
  std::vector<std::unique_ptr<GradientSlot>> slots_;
  std::unordered_map<const ViewNode *, std::size_t> slot_index_;
};

/// Sets a tensor's .grad to None, or to zeros where it is not None.
void zero_grad(const Tensor &tensor, bool set_to_none);
/// Says that `function` (clip_grad_norm_) is about to clip the gradients of these.
void note_clipping(const char *function, const std::vector<Tensor> &parameters);
/// Gives a tensor's .grad other elements where it is not None.
void write_grad(const Tensor &tensor, const Tensor &value);

/// Whether a concrete tensor requires a gradient: by its own flag, or as a view of one that does.
bool concrete_requires_grad(const TensorImpl &impl);
/// Whether what a recording computes from this concrete tensor has a history, though no recorded value takes part: it is a leaf.
bool begins_history(const TensorImpl &impl);

/// Result types of a recorded operation; also of nn.backward, which the semantics table leaves to the recorder.
std::vector<semantics::TensorType> infer_recorded(const std::string &operation,
                                                  const std::vector<std::optional<semantics::TensorType>> &operands,
                                                  const semantics::Attributes &attributes);

/// The mode while a view's value is computed, or while gradients are stored, whatever the model's code has set.
class GradModeGuard {
public:
  explicit GradModeGuard(bool enabled) : previous_(grad_mode()) { grad_mode() = enabled; }
  ~GradModeGuard() { grad_mode() = previous_; }
  GradModeGuard(const GradModeGuard &) = delete;
  GradModeGuard &operator=(const GradModeGuard &) = delete;

private:
  bool previous_;
};

} // namespace kiln::detail
