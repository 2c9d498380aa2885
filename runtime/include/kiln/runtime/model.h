// A model: a program with state of its own, ready to be called.
//
// Shared and private. A Model may be called by any number of threads at once. Calls of functions that only read state run side by
// side; a function that writes state, and load_state_dict, run alone, after the calls in flight and before those that come later, so
// every call sees the old weights wholly or the new ones. What a call needs for itself (arena, pointers, copies of inputs that are not
// contiguous) is in a context; Model::call borrows one from the model, or a caller keeps a Context.
//
// A call may be made within a call of the same model on the same thread (a host's executor that runs other work while it waits): it
// sees the state that the outer call sees. Changing the state there, or calling the model while the thread changes its state, is an
// Error.
//
// Nothing is allocated by a call that is given its outputs, from the second call with the same shapes on; a pool starts a thread when a
// job first finds work for it.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kiln/runtime/export.h"
#include "kiln/runtime/program.h"
#include "kiln/runtime/state_dict.h"
#include "kiln/runtime/statistics.h"
#include "kiln/runtime/tensor.h"
#include "kiln/runtime/thread_pool.h"
#include "kiln/runtime/value.h"

namespace kiln::runtime {

struct ModelParts;
struct ContextParts;

struct ModelOptions {
  /// 0: the pool that all models of the process share. Otherwise a pool of this model's own with so many threads.
  int threads = 0;
  /// The host's threads instead of a pool; must outlive the model. Values that are prepared from state (packed weights) are computed
  /// by the calling thread alone then, since other callers may be waiting for them.
  Executor *executor = nullptr;
  /// "cpu", "cuda" or "cuda:1", as in PyTorch. Empty: what the environment variable KILN_DEVICE says, else CUDA for a program that was
  /// built for it, and the processor for any other.
  std::string device = {};
};

struct CallOptions {
  /// At most this many threads of the model's pool, the caller's included; 0: all. Results don't depend on it.
  int threads = 0;
  /// Used for this call instead of the model's pool; `threads` means nothing then.
  Executor *executor = nullptr;
  /// For measuring: the nanoseconds that each of Function::launches takes are added here, in their order. As many entries as there are
  /// launches, ValueError otherwise; empty, as it is for every other call, costs nothing.
  std::span<int64_t> launch_nanoseconds = {};
};

/// Memory of one tensor, owned by somebody else: what a call takes for an input or an output. A Tensor converts to it.
struct KILN_API TensorView {
  TensorView(const Tensor &tensor);
  /// `strides` in elements; empty means contiguous. The arrays must outlive the view.
  TensorView(void *data, DType dtype, std::span<const int64_t> sizes, std::span<const int64_t> strides = {})
      : data(data), dtype(dtype), defined(true), sizes(sizes), strides(strides) {}

  void *data;
  DType dtype;
  bool defined;
  std::span<const int64_t> sizes, strides;
};

/// What calls look like, for Model and Context alike.
///
/// Inputs and outputs are in the function's order. Inputs need not be contiguous. Errors: KeyError for an unknown function, ValueError
/// or TypeError for inputs that do not fit its declaration, ValueError when state that it reads has no value yet, and what compiled
/// code finds, such as IndexError from an embedding.
template <class Derived> class Callable {
public:
  std::vector<Tensor> call(std::string_view function, std::span<const Tensor> inputs, const CallOptions &options = {}) {
    return self().call_new(function, inputs, options);
  }
  std::vector<Tensor> call(std::string_view function, std::initializer_list<TensorView> inputs,
                           const CallOptions &options = {}) {
    return self().call_new(function, std::span<const TensorView>(inputs.begin(), inputs.size()), options);
  }
  /// Writes into `outputs`, which must have the dtypes and sizes of the results; an undefined one is replaced by a new tensor. An
  /// output may be an input's memory, but not the model's state.
  void call(std::string_view function, std::span<const Tensor> inputs, std::span<Tensor> outputs,
            const CallOptions &options = {}) {
    self().call_into(function, inputs, outputs, options);
  }
  void call(std::string_view function, std::span<const TensorView> inputs, std::span<const TensorView> outputs,
            const CallOptions &options = {}) {
    self().call_into(function, inputs, outputs, options);
  }

private:
  Derived &self() { return static_cast<Derived &>(*this); }
};

class KILN_API Model : public Callable<Model> {
public:
  /// Copies the program's initial state. Throws Error when the processor lacks every instruction set of the artifact, or when the model
  /// is for CUDA and there is no driver, no device or no code for it; ValueError for a wrong KILN_ISA, KILN_NUM_THREADS or device.
  explicit Model(Program program, const ModelOptions &options = {});
  ~Model();
  Model(Model &&) noexcept;
  Model &operator=(Model &&) noexcept;

  const Program &program() const;
  /// The instruction set that calls run with.
  InstructionSet instruction_set() const;
  /// Where functions with CUDA code run: "cpu" or "cuda:0". State and prepared values are the processor's in any case.
  std::string device() const;

  /// Names of the module tree and their values, persistent ones only, in PyTorch's order; tied names share storage. The tensors are
  /// the live state, not copies: read them while no other thread writes state, and write them inside update_state only.
  StateDict state_dict() const;
  /// state_dict() as a copy, taken at one moment between calls.
  StateDict snapshot() const;
  /// Parameters by name, buffers by name (not persistent ones too); a tied one under its first name only, as in PyTorch.
  StateDict named_parameters() const;
  StateDict named_buffers() const;
  /// The live value of Program::states()[index].
  const Tensor &state(std::size_t index) const;

  /// Copies values into the state, as PyTorch's Module.load_state_dict does. Throws StateDictError, with all differences and nothing
  /// changed, when they do not fit. Compiled code need not be built again: what was prepared from the old values is prepared anew.
  IncompatibleKeys load_state_dict(const StateDict &source, bool strict = true);

  /// Runs `write` while no call is in flight; it may write to tensors of state_dict(). It must not call the model.
  void update_state(const std::function<void()> &write);

  // Training. What changes state here runs alone, as load_state_dict does; what reads it waits for such.

  /// Gradients by the name of their parameter, those that are not None: `.grad` of PyTorch's parameters. Live, as state_dict() is.
  StateDict gradients() const;
  /// Mean, standard deviation and norm of each of them, at one moment between calls.
  std::vector<std::pair<std::string, TensorStatistics>> gradient_statistics() const;
  /// Makes all gradients None, or with `set_to_none` false zeros those that are not None.
  void zero_grad(bool set_to_none = true);

  /// The state of an optimizer as PyTorch's Optimizer.state_dict() returns it: {"state": {0: {"step": ..., ...}}, "param_groups":
  /// [...]}. A copy. Throws KeyError for an unknown optimizer.
  Value optimizer_state_dict(std::string_view optimizer = "optimizer") const;
  /// Takes such a state, one of PyTorch's too, as Optimizer.load_state_dict does, and with its messages. Options other than lr are
  /// constants of the compiled program: they must be the same, ValueError otherwise. Nothing has changed when it throws.
  void load_optimizer_state_dict(const Value &source, std::string_view optimizer = "optimizer");

  /// `lr` of a parameter group.
  double learning_rate(std::string_view optimizer = "optimizer", std::size_t group = 0) const;
  /// Sets `lr` of one group, or of all. Throws ValueError for a negative one.
  void set_learning_rate(double value, std::string_view optimizer, std::size_t group);
  void set_learning_rate(double value, std::string_view optimizer = "optimizer");

  /// Seeds the random numbers of compiled functions (dropout); nothing where there are none.
  void manual_seed(uint64_t seed);

  /// Everything that training goes on from: {"model": state_dict, "optimizer": ..., "kiln": {...}}, a copy taken at one moment
  /// between calls. "kiln" holds the fingerprint, the random generator, and what else lives between calls and is in no state_dict.
  Value checkpoint() const;
  /// Takes a checkpoint. One of PyTorch's, {"model": ..., "optimizer": ...} without "kiln", leaves what PyTorch does not save as it is:
  /// the random generator, gradients, buffers that are not persistent. A checkpoint of another architecture, or of optimizers with
  /// other options, is an error that names what differs. `ignore_fingerprint` leaves it to names and shapes to decide, keeps what the
  /// checkpoint lacks under "kiln", and goes on with the compiled options. Nothing has changed when it throws.
  void load_checkpoint(const Value &checkpoint, bool ignore_fingerprint = false);

  /// Sizes of the outputs that a call with these inputs would return, one after another. Throws what such a call would throw for its
  /// inputs.
  std::vector<std::vector<int64_t>> output_sizes(std::string_view function, std::span<const TensorView> inputs);

private:
  friend class Callable<Model>;
  friend class Context;
  template <class Inputs> std::vector<Tensor> call_new(std::string_view, Inputs, const CallOptions &);
  template <class Inputs, class Outputs> void call_into(std::string_view, Inputs, Outputs, const CallOptions &);

  std::shared_ptr<ModelParts> parts_;
};

/// What one caller needs to call a model. To be used by one thread at a time; keeps the model's state alive. Worth having where
/// calls should not share memory with those of other callers.
class KILN_API Context : public Callable<Context> {
public:
  explicit Context(const Model &model);
  ~Context();
  Context(Context &&) noexcept;
  Context &operator=(Context &&) noexcept;

private:
  friend class Callable<Context>;
  template <class Inputs> std::vector<Tensor> call_new(std::string_view, Inputs, const CallOptions &);
  template <class Inputs, class Outputs> void call_into(std::string_view, Inputs, Outputs, const CallOptions &);

  std::shared_ptr<ModelParts> model_;
  std::unique_ptr<ContextParts> parts_;
};

} // namespace kiln::runtime
