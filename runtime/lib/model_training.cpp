// Model's members for training that need no file: gradients, learning rates, the random generator, an optimizer's state.
#include "model_training.h"

#include <algorithm>
#include <cstring>

#include "concat.h"

namespace kiln::runtime {

//===----------------------------------------------------------------------===//
// States
//===----------------------------------------------------------------------===//

void apply_updates(ModelParts &parts, const std::vector<StateUpdate> &updates) {
  std::vector<uint32_t> changed;
  for (const auto &[state, value] : updates) {
    if (const std::size_t bytes = parts.states[state].nbytes(); bytes != 0 && value.defined())
      std::memmove(parts.state_pointers[state], value.data(), bytes); // it may be the state itself
    else
      std::memset(parts.state_pointers[state], 0, bytes);
    changed.push_back(state);
  }
  parts.mark_changed(changed);
}

double &number_of(const ModelParts &parts, uint32_t state) { return *static_cast<double *>(parts.state_pointers[state]); }

std::span<bool> gradient_flags_of(const ModelParts &parts) {
  const auto flags = parts.program.gradient_flags();
  return flags ? std::span(static_cast<bool *>(parts.state_pointers[*flags]), parts.program.gradients().size()) : std::span<bool>();
}

std::string name_of(const Program &program, uint32_t state) {
  for (const StateName &name : program.state_names())
    if (name.state == state)
      return std::string(name.name);
  return std::string(program.states()[state].path);
}

void add_module_versions(const Program &program, StateDict &result) {
  for (const ModuleEntry &module : program.modules()) {
    // The modules that PyTorch derives from _NormBase.
    const bool has_statistics = module.type.starts_with("BatchNorm") || module.type.starts_with("InstanceNorm") ||
                                module.type == "SyncBatchNorm";
    result.set_module_version(module.path, has_statistics ? 2 : 1);
  }
}

//===----------------------------------------------------------------------===//
// Gradients
//===----------------------------------------------------------------------===//

StateDict Model::gradients() const {
  return while_reading(*parts_, [&] {
    const std::span<const bool> flags = gradient_flags_of(*parts_);
    StateDict result;
    result.set_place("among the gradients that are defined (not None)");
    for (const Gradient &gradient : program().gradients())
      if (flags[gradient.flag])
        result.insert(name_of(program(), gradient.parameter), parts_->states[gradient.state]);
    return result;
  });
}

std::vector<std::pair<std::string, TensorStatistics>> Model::gradient_statistics() const {
  return while_reading(*parts_, [&] {
    std::vector<std::pair<std::string, TensorStatistics>> result;
    for (const auto &[name, gradient] : gradients())
      result.emplace_back(name, statistics(gradient));
    return result;
  });
}

void Model::zero_grad(bool set_to_none) {
  while_writing(*parts_, [&] {
    std::vector<StateUpdate> updates;
    for (const Gradient &gradient : program().gradients())
      updates.push_back({gradient.state, {}});
    if (const auto flags = program().gradient_flags(); flags && set_to_none)
      updates.push_back({*flags, {}});
    apply_updates(*parts_, updates);
  });
}

//===----------------------------------------------------------------------===//
// Learning rates and random numbers
//===----------------------------------------------------------------------===//

namespace {

const OptimizerDescription &optimizer_of(const Program &program, std::string_view name) {
  return program.optimizers()[program.optimizer_index(name)];
}

uint32_t learning_rate_of(const Program &program, std::string_view optimizer, std::size_t group) {
  const auto &groups = optimizer_of(program, optimizer).groups;
  if (group >= groups.size())
    throw IndexError(
        concat({"list index out of range\n  parameter group ", group, " of ", optimizer, ", which has ", groups.size()}));
  return groups[group].learning_rate;
}

} // namespace

double Model::learning_rate(std::string_view optimizer, std::size_t group) const {
  const uint32_t state = learning_rate_of(program(), optimizer, group);
  return while_reading(*parts_, [&] { return number_of(*parts_, state); });
}

void Model::set_learning_rate(double value, std::string_view optimizer, std::size_t group) {
  if (!(value >= 0))
    throw ValueError("Invalid learning rate: " + Value(value).text());
  const uint32_t state = learning_rate_of(program(), optimizer, group);
  while_writing(*parts_, [&] {
    number_of(*parts_, state) = value;
    parts_->mark_changed({&state, 1});
  });
}

void Model::set_learning_rate(double value, std::string_view optimizer) {
  const std::size_t groups = optimizer_of(program(), optimizer).groups.size();
  for (std::size_t group = 0; group < groups; ++group)
    set_learning_rate(value, optimizer, group);
}

void Model::manual_seed(uint64_t seed) {
  const auto generator = program().generator();
  if (!generator)
    return;
  const int64_t values[] = {static_cast<int64_t>(seed), 0};
  while_writing(*parts_, [&] { apply_updates(*parts_, {{*generator, Tensor::from<int64_t>(values, {2})}}); });
}

//===----------------------------------------------------------------------===//
// Optimizers
//===----------------------------------------------------------------------===//

Value Model::optimizer_state_dict(std::string_view optimizer) const {
  const OptimizerDescription &description = optimizer_of(program(), optimizer);
  return while_reading(*parts_, [&] { return optimizer_value(*parts_, description); });
}

void Model::load_optimizer_state_dict(const Value &source, std::string_view optimizer) {
  const auto updates = plan_optimizer(program(), optimizer_of(program(), optimizer), source);
  while_writing(*parts_, [&] { apply_updates(*parts_, updates); });
}

} // namespace kiln::runtime
