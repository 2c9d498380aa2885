// Recording one step of an optimizer.
#include "step.h"

#include "../autograd.h"
#include "../errors.h"
#include "../program_recorder.h"

namespace kiln::detail {

using optim::OptimizerParamGroup;
using semantics::Attributes;
using semantics::DimExpr;
using semantics::kAbsent;
using semantics::ValueId;

ValueId OptimizerStep::emit(const std::string &operation, std::vector<ValueId> operands, Attributes attributes) {
  return recorder_.emit_inferred(operation, std::move(operands), std::move(attributes))[0];
}

// Options but the learning rate are compiled in, and the program lists them once.
void OptimizerStep::check_options() {
  std::vector<OptionList> options;
  for (const OptimizerParamGroup &group : core_->groups) {
    core_->rule->check(group.options());
    options.push_back(core_->rule->options(group.options()));
  }
  if (!core_->is_stepped())
    core_->recorded_options = options;
  else if (core_->recorded_options != options)
    fail(std::string("options of optimizer ") + core_->rule->type +
         " change from one recorded step to the next\nall options but the learning rate are compiled in: make another optimizer, "
         "or set them before the first program.function");
}

// Frozen parameters have no part in it: none is expected to have a gradient.
void OptimizerStep::check_order() {
  std::vector<GradientSlot *> slots;
  for (const OptimizerParamGroup &group : core_->groups)
    for (const Tensor &parameter : group.params())
      if (const TensorImplPtr impl = TensorAccess::impl(parameter); impl->requires_grad && !impl->uninitialized)
        slots.push_back(&recorder_.autograd().gradient(recorder_.node_of(impl)));
  recorder_.autograd().order().stepped(core_->rule->type, slots);
}

std::vector<OptimizerStep::Member> OptimizerStep::members(const OptimizerParamGroup &group, int64_t first_position) {
  ProgramRecorder &program = recorder_.program();
  std::vector<Member> result;
  for (int64_t i = 0; i < static_cast<int64_t>(group.params().size()); ++i) {
    const TensorImplPtr impl = TensorAccess::impl(group.params()[static_cast<std::size_t>(i)]);
    if (impl->uninitialized)
      continue; // nothing has been computed from it, so it has no gradient
    if (impl->symbolic || program.find_state(impl->value.storage().get()) < 0)
      fail("can't optimize a tensor that no module has registered\na compiled function keeps what it updates only where it is "
           "state: register the tensor with register_parameter");
    Member member{recorder_.node_of(impl), -1, first_position + i, kAbsent};
    member.state = member.node->storage->state;
    GradientSlot &slot = recorder_.autograd().gradient(member.node);
    if (slot.is_none())
      continue;
    if (slot.is_defined())
      program.training().note_gradient(member.state); // which the model's code may have assigned, and throw away after this step
    member.gradient = recorder_.operand_value(recorder_.autograd().read(slot));
    if (slot.is_inherited())
      member.flag = recorder_.training_value(program.training().gradient_flag(member.state));
    result.push_back(std::move(member));
  }
  return result;
}

// The optimizer's counts, each one higher where its parameter is updated.
ValueId OptimizerStep::counted_steps(const std::vector<std::vector<Member>> &groups, int64_t parameters) {
  std::vector<float> increments(static_cast<std::size_t>(parameters), 0);
  std::size_t counted = 0;
  for (const std::vector<Member> &group : groups)
    for (const Member &member : group)
      if (member.flag == kAbsent) {
        increments[static_cast<std::size_t>(member.position)] = 1;
        ++counted;
      }
  ValueId increment;
  if (counted == increments.size()) {
    increment = emit("nn.full", {}, {{"shape", std::vector<DimExpr>{parameters}}, {"value", 1.0}, {"dtype", DType::Float32}});
  } else {
    const runtime::Tensor value = runtime::Tensor::from<float>(increments, {parameters});
    increment = recorder_.emit("nn.constant", {}, {{"value", value}}, {semantics::type_of(value)})[0];
  }
  for (const std::vector<Member> &group : groups)
    for (const Member &member : group)
      if (member.flag != kAbsent) {
        const ValueId number = emit("nn.cast", {member.flag}, {{"dtype", DType::Float32}});
        const ValueId element = emit("nn.reshape", {number}, {{"shape", std::vector<DimExpr>{1}}});
        increment = emit("nn.slice_scatter", {increment, element},
                         {{"dim", int64_t{0}},
                          {"start", DimExpr(member.position)},
                          {"end", DimExpr(member.position + 1)},
                          {"step", int64_t{1}}});
      }
  const int32_t state = recorder_.program().training().steps(optimizer_, parameters);
  const ValueId steps = emit("nn.add", {recorder_.training_value(state), increment}, {});
  recorder_.set_training_value(state, steps);
  return steps;
}

void OptimizerStep::update(std::size_t group, const std::vector<Member> &members, ValueId steps) {
  TrainingStates &training = recorder_.program().training();
  const optim::OptimizerOptions &options = core_->groups[group].options();
  std::vector<ValueId> operands;
  std::vector<int64_t> indices;
  for (const Member &member : members) {
    operands.push_back(recorder_.value_of(member.node));
    indices.push_back(member.position);
  }
  const std::vector<ValueId> parameters = operands;
  for (const Member &member : members)
    operands.push_back(member.gradient);
  std::vector<int32_t> slots; // states, in the order of the operation's results behind the parameters
  for (const std::string &name : core_->rule->slots(options))
    for (std::size_t i = 0; i < members.size(); ++i)
      slots.push_back(training.slot(optimizer_, name, members[i].state, recorder_.type(parameters[i])));
  std::vector<ValueId> before = parameters; // what the results replace
  for (int32_t slot : slots) {
    before.push_back(recorder_.training_value(slot));
    operands.push_back(before.back());
  }
  operands.push_back(steps);
  operands.push_back(recorder_.training_value(training.learning_rate(optimizer_, static_cast<int32_t>(group))));
  Attributes attributes = core_->rule->attributes(options);
  attributes.set("count", static_cast<int64_t>(members.size()));
  attributes.set("indices", indices);
  std::vector<ValueId> after = recorder_.emit_inferred(core_->rule->operation, std::move(operands), std::move(attributes));
  for (std::size_t r = 0; r < after.size(); ++r) {
    if (const ValueId flag = members[r % members.size()].flag; flag != kAbsent)
      after[r] = emit("nn.where", {flag, after[r], before[r]}, {});
    if (r < members.size())
      recorder_.write_node(members[r].node, after[r]);
    else
      recorder_.set_training_value(slots[r - members.size()], after[r]);
  }
}

void OptimizerStep::record() {
  const GradModeGuard no_grad(false);
  optimizer_ = recorder_.program().training().add_optimizer(core_);
  check_options();
  if (core_->first_step.empty())
    core_->first_step = capture_frames();
  std::vector<std::vector<Member>> groups;
  int64_t parameters = 0;
  bool any = false;
  for (const OptimizerParamGroup &group : core_->groups) {
    any = !groups.emplace_back(members(group, parameters)).empty() || any;
    parameters += static_cast<int64_t>(group.params().size());
  }
  check_order();
  if (!any)
    return;
  const ValueId steps = counted_steps(groups, parameters);
  for (std::size_t group = 0; group < groups.size(); ++group)
    if (!groups[group].empty())
      update(group, groups[group], steps);
}

} // namespace kiln::detail
