// Checks of what a recorded program holds for training: nn.backward, gradients that are kept,
// optimizers.
#include "program_training.h"

#include <map>
#include <set>

#include "operands.h"

namespace kiln::semantics {

namespace {

std::string type_text(const TensorType &type) {
  return std::string(runtime::name(type.dtype)) + type.shape_text();
}

const char *kind_text(StateKind kind) {
  switch (kind) {
  case StateKind::Parameter:
    return "parameter";
  case StateKind::Buffer:
    return "buffer";
  case StateKind::Optimizer:
    return "optimizer";
  case StateKind::Gradient:
    return "gradient";
  case StateKind::Hyperparameter:
    return "hyperparameter";
  case StateKind::Generator:
    return "generator";
  }
  return "unknown";
}

class TrainingChecker {
public:
  TrainingChecker(const RecordedProgram &program, const std::string &where)
      : program_(program), where_(where) {
    for (const RecordedState &state : program.states)
      states_.emplace(state.path, &state);
  }

  void check() {
    for (const RecordedState &state : program_.states)
      if (state.kind == StateKind::Generator)
        require_type(state, {DType::Int64, {2}}, "the generator's seed and offset");
    check_gradients();
    std::set<std::string> names;
    for (const RecordedOptimizer &optimizer : program_.optimizers) {
      if (optimizer.name.empty() || !names.insert(optimizer.name).second)
        fail("two optimizers are named '" + optimizer.name + "'");
      check_optimizer(optimizer);
    }
  }

private:
  [[noreturn]] void fail(const std::string &what) const { throw ValueError(where_ + ": " + what); }

  const RecordedState &require(const std::string &path, StateKind kind,
                               const std::string &what) const {
    auto found = states_.find(path);
    if (found == states_.end())
      fail(what + " is '" + path + "', which is no state of the program");
    if (found->second->kind != kind)
      fail(what + " is '" + path + "', a state of kind " + kind_text(found->second->kind) +
           ", but needs one of kind " + kind_text(kind));
    return *found->second;
  }

  void require_type(const RecordedState &state, const TensorType &expected,
                    const std::string &what) const {
    if (const TensorType found = type_of(state.initial); !(found == expected))
      fail(what + " is '" + state.path + "' of type " + type_text(found) + ", but needs " +
           type_text(expected));
  }

  void check_gradients() const {
    if (program_.gradients.empty())
      return;
    const auto count = static_cast<int64_t>(program_.gradients.size());
    require_type(require(kGradientFlags, StateKind::Gradient, "the flags of gradients"),
                 {DType::Bool, {count}}, "the flags of gradients");
    std::set<std::string> parameters;
    std::set<int64_t> flags;
    for (const RecordedGradient &gradient : program_.gradients) {
      const std::string what = "the gradient of '" + gradient.parameter + "'";
      const RecordedState &parameter =
          require(gradient.parameter, StateKind::Parameter, "the parameter of a gradient");
      if (!parameters.insert(gradient.parameter).second)
        fail("there are two gradients of '" + gradient.parameter + "'");
      require_type(require(gradient.state, StateKind::Gradient, what), type_of(parameter.initial),
                   what);
      if (gradient.flag < 0 || gradient.flag >= count || !flags.insert(gradient.flag).second)
        fail(what + " has flag " + std::to_string(gradient.flag) +
             ", but each of the " + std::to_string(count) + " gradients has a flag of its own");
    }
  }

  void check_optimizer(const RecordedOptimizer &optimizer) const {
    const std::string whose = "optimizer '" + optimizer.name + "': ";
    if (optimizer.type.empty())
      fail(whose + "its type has no name");
    std::set<std::string> held;
    for (std::size_t g = 0; g < optimizer.groups.size(); ++g) {
      const RecordedParameterGroup &group = optimizer.groups[g];
      const std::string of_group = " of group " + std::to_string(g);
      require_type(require(group.learning_rate, StateKind::Hyperparameter,
                           whose + "the learning rate" + of_group),
                   {DType::Float64, {}}, whose + "the learning rate" + of_group);
      for (const std::string &parameter : group.parameters) {
        require(parameter, StateKind::Parameter, whose + "a parameter" + of_group);
        if (!held.insert(parameter).second)
          fail(whose + "some parameters appear in more than one parameter group: '" + parameter +
               "'");
      }
      std::set<std::string> names;
      for (const auto &[name, value] : group.options)
        if (name.empty() || !names.insert(name).second)
          fail(whose + "two options" + of_group + " are named '" + name + "'");
      check_slots(group, whose, of_group);
    }
    require_type(require(optimizer.steps, StateKind::Optimizer, whose + "its steps"),
                 {DType::Float32, {static_cast<int64_t>(held.size())}}, whose + "its steps");
  }

  void check_slots(const RecordedParameterGroup &group, const std::string &whose,
                   const std::string &of_group) const {
    std::set<std::string> names;
    for (const auto &[name, paths] : group.slots) {
      if (name.empty() || !names.insert(name).second)
        fail(whose + "two slots" + of_group + " are named '" + name + "'");
      if (paths.size() != group.parameters.size())
        fail(whose + "slot '" + name + "'" + of_group + " has " + std::to_string(paths.size()) +
             " states for " + std::to_string(group.parameters.size()) + " parameters");
      for (std::size_t i = 0; i < paths.size(); ++i) {
        if (paths[i].empty())
          continue; // the parameter has none
        const std::string what = whose + "slot '" + name + "' of '" + group.parameters[i] + "'";
        require_type(require(paths[i], StateKind::Optimizer, what),
                     type_of(states_.at(group.parameters[i])->initial), what);
      }
    }
  }

  const RecordedProgram &program_;
  const std::string &where_;
  std::map<std::string, const RecordedState *> states_;
};

} // namespace

std::vector<TensorType> infer_backward(OperandTypes operands) {
  if (operands.size() < 3 || !operands[0])
    throw ValueError("nn.backward takes a loss, a gradient that may be absent, and targets");
  const TensorType &loss = *operands[0];
  if (!runtime::is_floating_point(loss.dtype))
    throw ValueError("nn.backward needs a floating-point loss, but got " + type_text(loss));
  if (!operands[1] && !(product(loss.sizes) == 1))
    throw ValueError("grad can be implicitly created only for scalar outputs\nthe loss is " +
                     loss.shape_text() + "; reduce it to one number, or pass a gradient");
  if (operands[1] && !(*operands[1] == loss))
    throw ValueError("nn.backward needs a gradient of the loss's type " + type_text(loss) +
                     ", but got " + type_text(*operands[1]));
  std::vector<TensorType> results;
  for (std::size_t i = 2; i < operands.size(); ++i) {
    if (!operands[i] || !runtime::is_floating_point(operands[i]->dtype))
      throw ValueError("nn.backward needs floating-point targets, but target " +
                       std::to_string(i - 2) + " is " +
                       (operands[i] ? type_text(*operands[i]) : "absent"));
    results.push_back(*operands[i]);
  }
  return results;
}

void check_training(const RecordedProgram &program, const std::string &where) {
  TrainingChecker(program, where).check();
}

} // namespace kiln::semantics
