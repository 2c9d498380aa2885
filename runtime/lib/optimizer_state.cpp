// An optimizer's state in PyTorch's layout, both ways.
//
//   {"state": {0: {"step": tensor(3.), "exp_avg": ..., "exp_avg_sq": ...}, ...},
//    "param_groups": [{"lr": 0.001, "betas": (0.9, 0.999), ..., "params": [0, 1, ...]}]}
//
// A parameter that was never updated has no entry in "state". SGD keeps no step: with momentum its entry is {"momentum_buffer": ...},
// without there is none.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "concat.h"
#include "model_training.h"

namespace kiln::runtime {

namespace {

bool counts_steps(const OptimizerDescription &optimizer) { return optimizer.type != "SGD"; }

/// How PyTorch computes, not what: any value may be loaded.
bool is_implementation_choice(std::string_view option) {
  constexpr std::array<std::string_view, 4> kChoices = {"foreach", "fused", "capturable", "differentiable"};
  return std::ranges::find(kChoices, option) != kChoices.end();
}

bool equal(const Value &a, const Value &b) {
  if (a.items() && b.items())
    return std::ranges::equal(*a.items(), *b.items(), equal);
  if (a.number() && b.number())
    return *a.number() == *b.number();
  return a.is_none() && b.is_none();
}

} // namespace

//===----------------------------------------------------------------------===//
// To a Value
//===----------------------------------------------------------------------===//

Value optimizer_value(const ModelParts &parts, const OptimizerDescription &optimizer) {
  const auto *steps = static_cast<const float *>(parts.state_pointers[optimizer.steps]);
  Value::Dict state;
  Value::List groups;
  int64_t number = 0; // of the parameter, through all groups
  for (const ParameterGroup &group : optimizer.groups) {
    Value::Dict entry{{"lr", number_of(parts, group.learning_rate)}};
    for (const auto &[name, value] : group.options)
      entry.set(std::string(name), Value(value));
    Value::List numbers;
    for (std::size_t i = 0; i < group.parameters.size(); ++i, ++number) {
      numbers.push_back(number);
      Value::Dict values;
      if (counts_steps(optimizer))
        values.set("step", Tensor::scalar(steps[number]));
      for (const OptimizerSlot &slot : group.slots)
        if (slot.states[i] != -1)
          values.set(std::string(slot.name), parts.states[static_cast<std::size_t>(slot.states[i])].clone());
      if (steps[number] != 0 && !values.empty())
        state.set(number, std::move(values));
    }
    entry.set("params", std::move(numbers));
    groups.push_back(std::move(entry));
  }
  return Value::Dict{{"state", std::move(state)}, {"param_groups", std::move(groups)}};
}

//===----------------------------------------------------------------------===//
// From a Value
//===----------------------------------------------------------------------===//

std::string option_differences(const OptimizerDescription &optimizer, const Value &source) {
  const auto *dict = source.get_if<Value::Dict>();
  const Value *entry = dict ? dict->find("param_groups") : nullptr;
  const auto *groups = entry ? entry->get_if<Value::List>() : nullptr;
  std::string result;
  for (std::size_t g = 0; groups && g < std::min(groups->size(), optimizer.groups.size()); ++g)
    for (const auto &[option, value] : optimizer.groups[g].options) {
      const auto *group = (*groups)[g].get_if<Value::Dict>();
      const std::string name(option);
      // AdamW decouples whatever a file says: that is how PyTorch reads those from before it shared its code with Adam.
      if (!group || is_implementation_choice(name) || (name == "decoupled_weight_decay" && optimizer.type == "AdamW"))
        continue;
      // Files of earlier PyTorch versions lack the newer options, whose defaults are no, none and zero.
      const Value *found = group->find(name), expected(value);
      const bool same = found ? equal(*found, expected) : expected.is_none() || expected.number() == 0.0;
      if (!same)
        result += concat(
            {"\n  parameter group ", g, ": ", name, " is ", (found ? found->text() : "missing"), ", expected ", expected.text()});
    }
  return result;
}

namespace {

class OptimizerLoader {
public:
  OptimizerLoader(const Program &program, const OptimizerDescription &optimizer, bool ignore_options)
      : program_(program), optimizer_(optimizer), ignore_options_(ignore_options) {}

  /// Throws where the groups are other ones.
  void read_groups(const Value &source) {
    const auto *dict = source.get_if<Value::Dict>();
    if (!dict)
      throw TypeError(concat({"'", source.type_name(), "' object is not a dict", here()}));
    const auto *groups = entry<Value::List>(*dict, "param_groups", "a list");
    state_ = entry<Value::Dict>(*dict, "state", "a dict");
    check_groups(*groups);
  }

  std::vector<StateUpdate> plan(const Value &source) {
    read_groups(source);
    if (const std::string differences = option_differences(optimizer_, source); !ignore_options_ && !differences.empty())
      throw ValueError(concat({"loaded state dict has other options than the program was compiled with", differences,
                               "\n  only lr can be changed without building the program again", here()}));
    for (std::size_t g = 0; g < optimizer_.groups.size(); ++g)
      plan_group(g);
    Tensor steps({static_cast<int64_t>(steps_.size())}, DType::Float32);
    std::ranges::copy(steps_, steps.data<float>());
    updates_.push_back({optimizer_.steps, std::move(steps)});
    return std::move(updates_);
  }

private:
  std::string here() const { return concat({"\n  optimizer: ", optimizer_.name, " (", optimizer_.type, ")"}); }

  template <class T> const T *entry(const Value::Dict &dict, const char *key, const char *expected) const {
    const Value *value = dict.find(key);
    if (!value)
      throw KeyError(concat({"'", key, "'\n  the loaded state dict has no such entry", here()}));
    const T *result = value->get_if<T>();
    if (!result)
      throw TypeError(
          concat({"'", key, "' of the loaded state dict is of type ", value->type_name(), ", expected ", expected, here()}));
    return result;
  }

  void check_groups(const Value::List &groups) {
    if (groups.size() != optimizer_.groups.size())
      throw ValueError(concat({"loaded state dict has a different number of parameter groups\n  found: ", groups.size(),
                               "\n  expected: ", optimizer_.groups.size(), here()}));
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const auto *group = groups[g].get_if<Value::Dict>();
      if (!group)
        throw TypeError(concat({"parameter group ", g, " of the loaded state dict is of type ", groups[g].type_name(),
                                ", expected a dict", here()}));
      const auto *numbers = entry<Value::List>(*group, "params", "a list");
      if (const std::size_t expected = optimizer_.groups[g].parameters.size(); numbers->size() != expected)
        throw ValueError(concat({"loaded state dict contains a parameter group that doesn't match the size of optimizer's group\n"
                                 "  parameter group: ",
                                 g, "\n  found: ", numbers->size(), " parameters\n  expected: ", expected, here()}));
      groups_.emplace_back(group, numbers);
    }
  }

  void plan_group(std::size_t g) {
    const auto &[group, numbers] = groups_[g];
    const ParameterGroup &description = optimizer_.groups[g];
    const Value *rate = group->find("lr");
    if (!rate || !rate->number())
      throw KeyError(concat({"'lr'\n  parameter group ", g, " of the loaded state dict has no learning rate", here()}));
    updates_.push_back({description.learning_rate, Tensor::scalar(*rate->number())});
    for (std::size_t i = 0; i < description.parameters.size(); ++i)
      plan_parameter(description, i, (*numbers)[i]);
  }

  void plan_parameter(const ParameterGroup &group, std::size_t i, const Value &number) {
    const int64_t *key = number.get_if<int64_t>();
    const Value *found = key ? state_->find(*key) : nullptr;
    const auto *values = found ? found->get_if<Value::Dict>() : nullptr;
    if (found && !values)
      throw TypeError(
          concat({"the state of parameter ", number.text(), " is of type ", found->type_name(), ", expected a dict", here()}));
    const std::string what = concat({"parameter ", number.text(), " ('", name_of(program_, group.parameters[i]), "')"});
    const bool used = values && !values->empty();
    float step = 0;
    if (used && counts_steps(optimizer_))
      step = step_of(*values, what);
    for (const OptimizerSlot &slot : group.slots) {
      if (slot.states[i] == -1)
        continue;
      const auto state = static_cast<uint32_t>(slot.states[i]);
      const Value *value = used ? values->find(std::string(slot.name)) : nullptr;
      const bool is_none = !value || value->is_none();
      // The largest values so far begin at zero where amsgrad is new.
      const bool may_begin = ignore_options_ && slot.name == "max_exp_avg_sq";
      if (used && is_none && counts_steps(optimizer_) && !may_begin)
        throw KeyError(concat({"'", slot.name, "'\n  the loaded state of ", what, " has no such value", here()}));
      // How often SGD has run is in no state_dict; whether it has decides how the next step uses the buffer.
      if (!counts_steps(optimizer_) && !is_none)
        step = 1;
      updates_.push_back({state, is_none ? Tensor() : tensor_of(*value, state, concat({slot.name, " of ", what}))});
    }
    steps_.push_back(step);
  }

  float step_of(const Value::Dict &values, const std::string &what) const {
    const Value *step = values.find("step");
    if (!step)
      throw KeyError(concat({"'step'\n  the loaded state of ", what, " has no such value", here()}));
    constexpr double kLargest = 1 << 24; // as far as a float32 counts
    if (!step->number() || !(*step->number() >= 0 && *step->number() <= kLargest) || *step->number() != std::floor(*step->number()))
      throw TypeError(concat({"step of ", what, " is ", step->text(), ", expected a whole number up to 2^24", here()}));
    return static_cast<float>(*step->number());
  }

  Tensor tensor_of(const Value &value, uint32_t state, const std::string &what) const {
    const auto *tensor = value.get_if<Tensor>();
    const State &expected = program_.states()[state];
    if (!tensor)
      throw TypeError(concat({what, " is of type ", value.type_name(), ", expected Tensor", here()}));
    if (!std::ranges::equal(tensor->sizes(), expected.sizes))
      throw ValueError(concat({"loaded state dict: ", what, " has shape torch.Size(", tensor->shape_text(),
                               "), expected torch.Size(", shape_text(expected.sizes), ")", here()}));
    return tensor->to(expected.dtype).contiguous();
  }

  const Program &program_;
  const OptimizerDescription &optimizer_;
  const Value::Dict *state_ = nullptr;
  std::vector<std::pair<const Value::Dict *, const Value::List *>> groups_; // and their parameters' numbers
  std::vector<float> steps_;
  std::vector<StateUpdate> updates_;
  bool ignore_options_;
};

} // namespace

void check_optimizer_groups(const Program &program, const OptimizerDescription &optimizer, const Value &source) {
  OptimizerLoader(program, optimizer, /*ignore_options=*/true).read_groups(source);
}

std::vector<StateUpdate> plan_optimizer(const Program &program, const OptimizerDescription &optimizer, const Value &source,
                                        bool ignore_options) {
  return OptimizerLoader(program, optimizer, ignore_options).plan(source);
}

} // namespace kiln::runtime
