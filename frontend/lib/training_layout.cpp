// Settling what training adds to a program: paths, initial values, what functions leave in .grad, and warnings.
//
// A gradient becomes state only if some function leaves it defined: then it has a buffer, zeros while it is None, and an element
// of "gradients.defined". A gradient that no function leaves behind is None at the beginning of every call.
#include <algorithm>

#include "errors.h"
#include "program_layout.h"

namespace kiln::detail {

using semantics::Attributes;
using semantics::DimExpr;
using semantics::RecordedOperation;
using semantics::RecordedState;
using semantics::StateKind;
using semantics::TensorType;
using semantics::ValueId;
using Role = TrainingState::Role;

namespace {

runtime::Tensor zeros(const TensorType &type) {
  std::vector<int64_t> sizes;
  for (const DimExpr &size : type.sizes)
    sizes.push_back(*size.constant());
  return runtime::Tensor(std::move(sizes), type.dtype);
}

RecordedState training_state(std::string path, StateKind kind, runtime::Tensor initial) {
  RecordedState state;
  state.path = std::move(path);
  state.kind = kind;
  state.trainable = false;
  state.initial = std::move(initial);
  return state;
}

runtime::Tensor bools(const std::vector<bool> &values) {
  runtime::Tensor result({static_cast<int64_t>(values.size())}, DType::Bool);
  std::copy(values.begin(), values.end(), result.data<bool>());
  return result;
}

} // namespace

//===----------------------------------------------------------------------===//
// State
//===----------------------------------------------------------------------===//

const std::string &ProgramRecorder::parameter_path(const Layout &layout, const TensorImpl &parameter,
                                                   const OptimizerCore &optimizer) const {
  if (auto path = layout.state_path.find(parameter.value.storage().get()); path != layout.state_path.end())
    return path->second;
  const int32_t index = find_state(parameter.value.storage().get());
  runtime::ValueError error(std::string("optimizer ") + optimizer.rule->type + " holds '" +
                            (index < 0 ? "a tensor" : state(index).slot->name) +
                            "', which is part of no model of the program\nname its module with program.register_module");
  error.frames = optimizer.frames;
  throw error;
}

void ProgramRecorder::add_gradients(Layout &layout) const {
  std::map<std::string, int32_t> kept; // parameters by path
  for (const Function &function : functions_)
    for (const GradientAtEnd &end : function.merged.gradients)
      if (end.known && end.value != semantics::kAbsent)
        if (auto path = layout.state_path.find(state(end.parameter).impl->value.storage().get()); path != layout.state_path.end())
          kept.emplace(path->second, end.parameter); // of no model: the function that reads it is refused below
  if (kept.empty())
    return;
  semantics::RecordedProgram &program = layout.recording.program;
  const std::vector<RecordedState> states = program.states; // in the order of state_dict
  for (const RecordedState &parameter : states) {
    const auto found = kept.find(parameter.path);
    if (found == kept.end())
      continue;
    const auto flag = static_cast<int64_t>(program.gradients.size());
    const std::string path = "gradients." + parameter.path;
    layout.gradient_flag.emplace(found->second, flag);
    program.gradients.push_back({parameter.path, path, flag});
    program.states.push_back(training_state(path, StateKind::Gradient, zeros(semantics::type_of(parameter.initial))));
  }
  program.states.push_back(
      training_state(semantics::kGradientFlags, StateKind::Gradient, bools(std::vector<bool>(program.gradients.size(), false))));
}

void ProgramRecorder::add_optimizer(Layout &layout, int32_t index, const std::string &name) const {
  const OptimizerCore &core = *training_.optimizers()[static_cast<std::size_t>(index)];
  semantics::RecordedProgram &program = layout.recording.program;
  semantics::RecordedOptimizer optimizer;
  optimizer.name = name;
  optimizer.type = core.rule->type;
  optimizer.steps = name + ".step";
  int64_t parameters = 0;
  for (std::size_t g = 0; g < core.groups.size(); ++g) {
    const optim::OptimizerParamGroup &group = core.groups[g];
    semantics::RecordedParameterGroup recorded;
    for (const Tensor &parameter : group.params())
      recorded.parameters.push_back(parameter_path(layout, *TensorAccess::impl(parameter), core));
    parameters += static_cast<int64_t>(recorded.parameters.size());
    recorded.options = core.rule->options(group.options());
    recorded.learning_rate = name + ".param_groups." + std::to_string(g) + ".lr";
    program.states.push_back(training_state(recorded.learning_rate, StateKind::Hyperparameter,
                                            runtime::Tensor::scalar<double>(group.options().get_lr())));
    for (const std::string &slot : core.rule->slots(group.options()))
      recorded.slots.emplace_back(slot, std::vector<std::string>(recorded.parameters.size()));
    optimizer.groups.push_back(std::move(recorded));
  }
  program.states.push_back(training_state(optimizer.steps, StateKind::Optimizer, zeros({DType::Float32, {parameters}})));
  // Slots exist for the parameters that some function updates.
  for (semantics::RecordedParameterGroup &group : optimizer.groups)
    for (auto &[slot, paths] : group.slots)
      for (std::size_t i = 0; i < paths.size(); ++i)
        for (std::size_t s = 0; s < training_.all().size(); ++s) {
          const TrainingState &state = training_.all()[s];
          if (state.role != Role::Slot || state.optimizer != index || state.slot != slot ||
              layout.state_path.at(this->state(state.parameter).impl->value.storage().get()) != group.parameters[i])
            continue;
          paths[i] = name + "." + slot + "." + group.parameters[i];
          layout.training_path[s] = paths[i];
          program.states.push_back(training_state(paths[i], StateKind::Optimizer, zeros(state.type)));
        }
  program.optimizers.push_back(std::move(optimizer));
}

void ProgramRecorder::add_training(Layout &layout) const {
  layout.training_path.resize(training_.all().size());
  add_gradients(layout);
  semantics::RecordedProgram &program = layout.recording.program;
  std::vector<int32_t> recorded(training_.optimizers().size(), -1); // place in the program; those that never step have none
  for (std::size_t i = 0; i < training_.optimizers().size(); ++i)
    if (training_.optimizers()[i]->is_stepped()) {
      const std::size_t place = program.optimizers.size();
      recorded[i] = static_cast<int32_t>(place);
      add_optimizer(layout, static_cast<int32_t>(i), place == 0 ? "optimizer" : "optimizer" + std::to_string(place));
    }
  for (std::size_t s = 0; s < training_.all().size(); ++s) {
    const TrainingState &state = training_.all()[s];
    std::string &path = layout.training_path[s];
    if (state.role == Role::Gradient) {
      if (auto flag = layout.gradient_flag.find(state.parameter); flag != layout.gradient_flag.end())
        path = program.gradients[static_cast<std::size_t>(flag->second)].state;
    } else if (state.role == Role::Steps || state.role == Role::LearningRate) {
      const semantics::RecordedOptimizer &optimizer =
          program.optimizers[static_cast<std::size_t>(recorded[static_cast<std::size_t>(state.optimizer)])];
      path = state.role == Role::Steps ? optimizer.steps : optimizer.groups[static_cast<std::size_t>(state.group)].learning_rate;
    } else if (state.role == Role::Generator) {
      path = "generator";
      const int64_t initial[] = {generator_seed_, 0};
      program.states.push_back(training_state(path, StateKind::Generator, runtime::Tensor::from<int64_t>(initial, {2})));
    }
  }
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

namespace {

// Rewrites a function's operations on training states, and appends what it leaves in .grad.
class Lowering {
public:
  Lowering(semantics::RecordedFunction &function, int64_t gradients) : function_(function), gradients_(gradients) {}

  void keep(RecordedOperation operation) { operations_.push_back(std::move(operation)); }

  // In place of `like`, whose result the new operation takes unless it is given another.
  ValueId add(const RecordedOperation &like, const char *name, std::vector<ValueId> operands, Attributes attributes,
              const TensorType *type = nullptr) {
    RecordedOperation operation{name, std::move(operands), std::move(attributes), like.results, like.module_path, like.frames};
    if (type) {
      operation.results = {static_cast<ValueId>(function_.values.size())};
      function_.values.push_back(*type);
    }
    const ValueId result = operation.results.empty() ? semantics::kAbsent : operation.results[0];
    keep(std::move(operation));
    return result;
  }

  ValueId zeros(const RecordedOperation &like, const TensorType &type, bool fresh) {
    return add(like, "nn.full", {}, {{"shape", type.sizes}, {"value", 0.0}, {"dtype", type.dtype}}, fresh ? &type : nullptr);
  }

  ValueId flags(const RecordedOperation &like) {
    if (flags_ == semantics::kAbsent) {
      const TensorType type{DType::Bool, {gradients_}};
      flags_ = add(like, "nn.read", {}, {{"state", std::string(semantics::kGradientFlags)}}, &type);
    }
    return flags_;
  }

  void read_flag(const RecordedOperation &like, int64_t index) {
    const TensorType one{DType::Bool, {1}};
    const ValueId element =
        add(like, "nn.slice", {flags(like)},
            {{"dim", int64_t{0}}, {"start", DimExpr(index)}, {"end", DimExpr(index + 1)}, {"step", int64_t{1}}}, &one);
    add(like, "nn.reshape", {element}, {{"shape", std::vector<DimExpr>()}});
  }

  void write(const RecordedOperation &like, ValueId value, const std::string &path) {
    RecordedOperation operation{"nn.write", {value}, {{"state", path}}, {}, like.module_path, like.frames};
    keep(std::move(operation));
  }

  // Elements that this function decides get their value, the others keep theirs.
  void write_flags(const RecordedOperation &like, const std::map<int64_t, bool> &decided) {
    std::vector<bool> mask(static_cast<std::size_t>(gradients_)), values(mask.size());
    for (const auto &[index, value] : decided) {
      mask[static_cast<std::size_t>(index)] = true;
      values[static_cast<std::size_t>(index)] = value;
    }
    const TensorType type{DType::Bool, {gradients_}};
    ValueId result = add(like, "nn.constant", {}, {{"value", bools(values)}}, &type);
    if (decided.size() != mask.size()) {
      const ValueId which = add(like, "nn.constant", {}, {{"value", bools(mask)}}, &type);
      result = add(like, "nn.where", {which, result, flags(like)}, {}, &type);
    }
    write(like, result, semantics::kGradientFlags);
  }

  void finish() { function_.operations = std::move(operations_); }

private:
  semantics::RecordedFunction &function_;
  int64_t gradients_;
  std::vector<RecordedOperation> operations_;
  ValueId flags_ = semantics::kAbsent; // read once
};

} // namespace

void ProgramRecorder::lower_training(const Layout &layout, semantics::RecordedFunction &function,
                                     const std::vector<GradientAtEnd> &gradients) const {
  const semantics::RecordedProgram &program = layout.recording.program;
  Lowering lowering(function, static_cast<int64_t>(program.gradients.size()));
  for (RecordedOperation &operation : function.operations) {
    const bool is_training = operation.attributes.has("state") && operation.attributes.get<std::string>("state").front() == '@';
    if (!is_training) {
      lowering.keep(std::move(operation));
      continue;
    }
    const std::size_t index = std::stoul(operation.attributes.get<std::string>("state").substr(1));
    const TrainingState &state = training_.all()[index];
    const auto flag = layout.gradient_flag.find(state.parameter);
    const bool is_gradient = state.role == Role::Gradient || state.role == Role::GradientFlag;
    if (is_gradient && flag == layout.gradient_flag.end()) {
      lowering.zeros(operation, state.type, /*fresh=*/false); // None, then as ever
    } else if (state.role == Role::GradientFlag) {
      lowering.read_flag(operation, flag->second);
    } else {
      operation.attributes.set("state", layout.training_path[index]);
      lowering.keep(std::move(operation));
    }
  }
  // What is left in .grad, in the order of the parameters.
  std::map<int64_t, const GradientAtEnd *> ends;
  for (const GradientAtEnd &end : gradients)
    if (auto flag = layout.gradient_flag.find(end.parameter); flag != layout.gradient_flag.end())
      ends.emplace(flag->second, &end);
  std::map<int64_t, bool> decided;
  RecordedOperation like;
  for (const auto &[flag, end] : ends) {
    like.frames = end->frames;
    const bool is_defined = end->value != semantics::kAbsent;
    const ValueId value =
        is_defined ? end->value : lowering.zeros(like, semantics::type_of(state(end->parameter).impl->value), /*fresh=*/true);
    lowering.write(like, value, program.gradients[static_cast<std::size_t>(flag)].state);
    if (end->known)
      decided.emplace(flag, is_defined);
  }
  if (!decided.empty())
    lowering.write_flags(like, decided);
  lowering.finish();
}

//===----------------------------------------------------------------------===//
// Warnings
//===----------------------------------------------------------------------===//

namespace {

// "'fc1.weight', 'fc1.bias', 'fc2.weight' and 5 more".
std::string listed(const std::vector<std::string> &paths) {
  constexpr std::size_t kShown = 3;
  std::string text;
  for (std::size_t i = 0; i < paths.size() && (i < kShown || paths.size() == kShown + 1); ++i)
    text += (i == 0 ? "'" : i + 1 == paths.size() ? " and '" : ", '") + paths[i] + "'";
  return paths.size() > kShown + 1 ? text + " and " + std::to_string(paths.size() - kShown) + " more" : text;
}

} // namespace

void ProgramRecorder::report_training(Layout &layout) const {
  const semantics::RecordedProgram &program = layout.recording.program;
  std::set<std::string> held;
  std::size_t next = 0; // recorded optimizers are those that step, in order
  const OptimizerCore *first = nullptr;
  auto warn = [&](const OptimizerCore &optimizer, const std::string &message) {
    recording::Diagnostic diagnostic;
    diagnostic.message = message;
    diagnostic.frames = optimizer.frames;
    layout.recording.diagnostics.push_back(std::move(diagnostic));
  };
  for (const std::shared_ptr<OptimizerCore> &core : training_.optimizers()) {
    if (!core->is_stepped())
      continue;
    first = first ? first : core.get();
    const semantics::RecordedOptimizer &optimizer = program.optimizers[next++];
    const std::string name = optimizer.name + " (" + optimizer.type + ")";
    std::vector<std::string> frozen, unreached;
    for (const optim::OptimizerParamGroup &group : core->groups)
      for (const Tensor &parameter : group.params()) {
        const TensorImplPtr impl = TensorAccess::impl(parameter);
        const std::string &path = parameter_path(layout, *impl, *core);
        held.insert(path);
        if (!impl->requires_grad)
          frozen.push_back(path);
        else if (!training_.is_reached(find_state(impl->value.storage().get())))
          unreached.push_back(path);
      }
    if (!frozen.empty())
      warn(*core, name + " holds frozen parameters, which it never updates: " + listed(frozen) +
                      "; give it only the parameters that require a gradient");
    if (!unreached.empty())
      warn(*core, name + " holds parameters that get no gradient, so it never updates them: " + listed(unreached) +
                      "; no loss that backward() is called on depends on them");
  }
  if (!first)
    return;
  std::vector<std::string> free;
  for (const RecordedState &state : program.states)
    if (state.kind == StateKind::Parameter && state.trainable && !held.count(state.path))
      free.push_back(state.path);
  if (!free.empty())
    warn(*first, "parameters that require a gradient are held by no optimizer, so training does not change them: " +
                     listed(free) + "; give them to one, or freeze them with requires_grad_(false)");
}

} // namespace kiln::detail
