// What training adds to a program's state: gradients that outlive a call, the optimizers' slots, learning rates, and the random
// generator.
//
// Made while functions are recorded, at first mention, so that all runs of a function and all functions agree on their numbers.
// Operations name them "@3". Their paths depend on the parameters' paths and are settled at the end (training_layout.cpp).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "kiln/semantics/program.h"
#include "optim/optimizer_core.h"
#include "tensor_impl.h"

namespace kiln::detail {

struct TrainingState {
  enum class Role {
    Gradient,     // of `parameter`
    GradientFlag, // one element of "gradients.defined", for `parameter`
    Slot,         // of `optimizer`, for `parameter`
    Steps,        // of `optimizer`
    LearningRate, // of `optimizer` and `group`
    Generator,
  };
  Role role = Role::Gradient;
  int32_t parameter = -1; // index of a state of ProgramRecorder
  int32_t optimizer = -1, group = -1;
  std::string slot;
  semantics::TensorType type;
};

class TrainingStates {
public:
  const TrainingState &operator[](int32_t index) const { return states_[static_cast<std::size_t>(index)]; }
  const std::vector<TrainingState> &all() const { return states_; }

  /// Indices of states, made at first mention. Parameters are given by their index, with the parameter's type.
  int32_t gradient(int32_t parameter, const semantics::TensorType &type);
  int32_t gradient_flag(int32_t parameter);
  int32_t slot(int32_t optimizer, const std::string &name, int32_t parameter, const semantics::TensorType &type);
  int32_t steps(int32_t optimizer, int64_t parameters);
  int32_t learning_rate(int32_t optimizer, int32_t group);
  int32_t generator();

  /// Optimizers of the program's block in order of construction.
  int32_t add_optimizer(const std::shared_ptr<OptimizerCore> &optimizer);
  const std::vector<std::shared_ptr<OptimizerCore>> &optimizers() const { return optimizers_; }

  /// Of all groups of all optimizers.
  std::vector<double> learning_rates() const;

  /// Some function calls backward().
  void note_backward() { calls_backward_ = true; }
  bool calls_backward() const { return calls_backward_; }
  /// A backward reached this parameter, or the model's code gave it a gradient.
  void note_gradient(int32_t parameter) { reached_.insert(parameter); }
  bool any_reached() const { return !reached_.empty(); }
  bool is_reached(int32_t parameter) const { return reached_.count(parameter) != 0; }
  /// Some function starts this parameter's gradient anew: makes it None or zeros, or assigns it.
  void note_reset(int32_t parameter) { reset_.insert(parameter); }
  bool is_reset(int32_t parameter) const { return reset_.count(parameter) != 0; }
  /// Some function looks at what earlier calls left in this parameter's gradient.
  bool is_inherited(int32_t parameter) const { return index_.count(Key(TrainingState::Role::Gradient, parameter, -1, -1, "")) != 0; }

private:
  using Key = std::tuple<TrainingState::Role, int32_t, int32_t, int32_t, std::string>; // all but the type
  int32_t find_or_add(TrainingState state);

  std::vector<TrainingState> states_;
  std::map<Key, int32_t> index_;
  std::vector<std::shared_ptr<OptimizerCore>> optimizers_;
  std::set<int32_t> reached_, reset_;
  bool calls_backward_ = false;
};

} // namespace kiln::detail
