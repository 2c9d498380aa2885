// What the training members of Model share: reading and replacing states under the lock. Internal.
#pragma once

#include <string>
#include <vector>

#include "kiln/runtime/value.h"
#include "model_parts.h"

namespace kiln::runtime {

/// Runs `body` while no call writes state, or while no call is in flight.
template <class Body> auto while_reading(ModelParts &parts, Body body) {
  const StateLock::Hold hold(parts.lock, StateLock::Kind::Shared);
  return body();
}
template <class Body> auto while_writing(ModelParts &parts, Body body) {
  const StateLock::Hold hold(parts.lock, StateLock::Kind::Exclusive);
  return body();
}

/// New contents of a state, of its dtype and sizes and contiguous; an undefined value stands for zeros.
struct StateUpdate {
  uint32_t state;
  Tensor value;
};
/// Copies the values into the states and records the change. The caller holds the lock exclusively.
void apply_updates(ModelParts &parts, const std::vector<StateUpdate> &updates);

/// The one number in a state of float64, and the flags of gradients. The caller holds the lock.
double &number_of(const ModelParts &parts, uint32_t state);
std::span<bool> gradient_flags_of(const ModelParts &parts);

/// The first name of a state in the module tree; its path when it has none.
std::string name_of(const Program &program, uint32_t state);

/// The version that PyTorch's modules record in a state_dict.
void add_module_versions(const Program &program, StateDict &result);

/// PyTorch's state_dict of an optimizer, values copied. The caller holds the lock.
Value optimizer_value(const ModelParts &parts, const OptimizerDescription &optimizer);
/// What loading `source` would change. Throws what Model::load_optimizer_state_dict throws; with `ignore_options` other options than
/// the compiled ones are no error, and the compiled ones stay.
std::vector<StateUpdate> plan_optimizer(const Program &program, const OptimizerDescription &optimizer, const Value &source,
                                        bool ignore_options = false);
/// Throws ValueError with PyTorch's text where `source` has another number of parameter groups, or of parameters in one.
void check_optimizer_groups(const Program &program, const OptimizerDescription &optimizer, const Value &source);
/// A line for each option of `source` that is not the compiled one, beginning with a line end; none where it is no state_dict.
std::string option_differences(const OptimizerDescription &optimizer, const Value &source);

} // namespace kiln::runtime
