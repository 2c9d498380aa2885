// What training adds to a program's state.
#include "training_states.h"

#include <algorithm>

namespace kiln::detail {

using semantics::TensorType;
using Role = TrainingState::Role;

int32_t TrainingStates::find_or_add(TrainingState state) {
  const auto next = static_cast<int32_t>(states_.size());
  const auto [place, added] = index_.emplace(Key(state.role, state.parameter, state.optimizer, state.group, state.slot), next);
  if (added)
    states_.push_back(std::move(state));
  return place->second;
}

int32_t TrainingStates::gradient(int32_t parameter, const TensorType &type) {
  return find_or_add({Role::Gradient, parameter, -1, -1, "", type});
}
int32_t TrainingStates::gradient_flag(int32_t parameter) {
  return find_or_add({Role::GradientFlag, parameter, -1, -1, "", {DType::Bool, {}}});
}
int32_t TrainingStates::slot(int32_t optimizer, const std::string &name, int32_t parameter, const TensorType &type) {
  return find_or_add({Role::Slot, parameter, optimizer, -1, name, type});
}
int32_t TrainingStates::steps(int32_t optimizer, int64_t parameters) {
  return find_or_add({Role::Steps, -1, optimizer, -1, "", {DType::Float32, {parameters}}});
}
int32_t TrainingStates::learning_rate(int32_t optimizer, int32_t group) {
  return find_or_add({Role::LearningRate, -1, optimizer, group, "", {DType::Float64, {}}});
}
int32_t TrainingStates::generator() { return find_or_add({Role::Generator, -1, -1, -1, "", {DType::Int64, {2}}}); }

int32_t TrainingStates::add_optimizer(const std::shared_ptr<OptimizerCore> &optimizer) {
  auto found = std::find(optimizers_.begin(), optimizers_.end(), optimizer);
  if (found == optimizers_.end())
    found = optimizers_.insert(optimizers_.end(), optimizer);
  return static_cast<int32_t>(found - optimizers_.begin());
}

std::vector<double> TrainingStates::learning_rates() const {
  std::vector<double> result;
  for (const std::shared_ptr<OptimizerCore> &optimizer : optimizers_)
    for (const optim::OptimizerParamGroup &group : optimizer->groups)
      result.push_back(group.options().get_lr());
  return result;
}

} // namespace kiln::detail
