// Settling what training adds to a program: paths, initial values, and what functions leave in .grad.
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

// Writing to a .grad in place needs one that some call leaves behind.
void ProgramRecorder::check_written_gradients(const std::map<std::string, int32_t> &kept) const {
  std::set<int32_t> left;
  for (const auto &[path, parameter] : kept)
    left.insert(parameter);
  for (const Function &function : functions_)
    for (const GradientAtEnd &end : function.merged.gradients)
      if (end.needs_gradient && !left.count(end.parameter)) {
        runtime::ValueError error("Expected a proper Tensor but got None (or an undefined Tensor in C++): function '" +
                                  function.merged.function.name + "' writes to .grad of '" + state(end.parameter).slot->name +
                                  "' in place, which is None in every call\nno function of the program leaves a gradient there: "
                                  "call backward() first, or assign one with mutable_grad()");
        error.frames = end.frames;
        throw error;
      }
}

void ProgramRecorder::add_gradients(Layout &layout) const {
  std::map<std::string, int32_t> kept; // parameters by path
  for (const Function &function : functions_)
    for (const GradientAtEnd &end : function.merged.gradients)
      if (end.known && end.value != semantics::kAbsent)
        if (auto path = layout.state_path.find(state(end.parameter).impl->value.storage().get()); path != layout.state_path.end())
          kept.emplace(path->second, end.parameter); // of no model: the function that reads it is refused below
  check_written_gradients(kept);
  if (kept.empty())
    return;
  semantics::RecordedProgram &program = layout.recording.program;
  const std::vector<RecordedState> states = program.states; // in the order of state_dict
  for (const RecordedState &parameter : states) {
    const auto found = kept.find(parameter.path);
    if (found == kept.end())
      continue;
    const auto flag = static_cast<int64_t>(program.gradients.size());
    const std::string path = layout.fresh_path("gradients." + parameter.path);
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
  optimizer.steps = layout.fresh_path(name + ".step");
  int64_t parameters = 0;
  for (std::size_t g = 0; g < core.groups.size(); ++g) {
    const optim::OptimizerParamGroup &group = core.groups[g];
    semantics::RecordedParameterGroup recorded;
    for (const Tensor &parameter : group.params())
      recorded.parameters.push_back(parameter_path(layout, *TensorAccess::impl(parameter), core));
    parameters += static_cast<int64_t>(recorded.parameters.size());
    recorded.options = core.rule->options(group.options());
    recorded.learning_rate = layout.fresh_path(name + ".param_groups." + std::to_string(g) + ".lr");
    program.states.push_back(training_state(recorded.learning_rate, StateKind::Hyperparameter,
                                            runtime::Tensor::scalar<double>(group.options().get_lr())));
    for (const std::string &slot : core.rule->slots(group.options()))
      recorded.slots.emplace_back(slot, std::vector<std::string>(recorded.parameters.size()));
    optimizer.groups.push_back(std::move(recorded));
  }
  program.states.push_back(training_state(optimizer.steps, StateKind::Optimizer, zeros({DType::Float32, {parameters}})));
  // Slots exist for the parameters that some function updates.
  std::map<std::pair<std::string, std::string>, std::size_t> updated; // training states by slot and parameter
  for (std::size_t s = 0; s < training_.all().size(); ++s)
    if (const TrainingState &state = training_.all()[s]; state.role == Role::Slot && state.optimizer == index)
      updated.emplace(std::pair(state.slot, layout.state_path.at(this->state(state.parameter).impl->value.storage().get())), s);
  for (semantics::RecordedParameterGroup &group : optimizer.groups)
    for (auto &[slot, paths] : group.slots)
      for (std::size_t i = 0; i < paths.size(); ++i)
        if (const auto found = updated.find({slot, group.parameters[i]}); found != updated.end()) {
          paths[i] = layout.fresh_path(name + "." + slot + "." + group.parameters[i]);
          layout.training_path[found->second] = paths[i];
          program.states.push_back(training_state(paths[i], StateKind::Optimizer, zeros(training_.all()[found->second].type)));
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
      path = layout.fresh_path("generator");
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

} // namespace kiln::detail
