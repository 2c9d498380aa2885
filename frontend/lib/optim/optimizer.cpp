// Parameter groups, zero_grad, and the checks of what an optimizer may hold.
#include "kiln/optim/optimizer.h"

#include <algorithm>
#include <sstream>
#include <typeinfo>

#include "../autograd.h"
#include "../errors.h"
#include "../program_recorder.h"
#include "optimizer_core.h"
#include "step.h"

namespace kiln {

using detail::fail;
using detail::ProgramRecorder;
using detail::Recorder;
using detail::TensorAccess;
using detail::TensorImplPtr;

void detail::check_option(bool holds, const std::string &what, double value) {
  if (holds)
    return;
  std::ostringstream text;
  text << "Invalid " << what << ": " << value;
  fail(text.str());
}

namespace optim {

namespace {

void check_parameter(const Tensor &parameter) {
  const TensorImplPtr impl = TensorAccess::impl(parameter);
  if (!impl)
    fail<runtime::TypeError>("optimizer can only optimize Tensors, but one of the params is None\nleave out what defined() says "
                             "false of");
  if (!parameter.is_leaf())
    fail("can't optimize a non-leaf Tensor\nit is computed from other tensors: give the optimizer those");
  const ProgramRecorder *program = ProgramRecorder::current();
  if (program && !ProgramRecorder::is_registered(impl))
    fail("can't optimize a tensor that no module has registered\na compiled function keeps what it updates only where it is "
         "state: "
         "register the tensor with register_parameter, and give the optimizer the registered one");
}

} // namespace

OptimizerOptions &OptimizerParamGroup::options() {
  if (!options_)
    fail("Cannot use options before they are set\nthe group gets the optimizer's defaults when it is added");
  return *options_;
}
const OptimizerOptions &OptimizerParamGroup::options() const { return const_cast<OptimizerParamGroup *>(this)->options(); }

Optimizer::Optimizer(const detail::UpdateRule &rule, std::vector<OptimizerParamGroup> groups,
                     std::unique_ptr<OptimizerOptions> defaults)
    : core_(std::make_shared<detail::OptimizerCore>()) {
  if (Recorder::current())
    fail(std::string("optimizer ") + rule.type +
         " is constructed inside a recorded function\nits state would begin anew at every call: construct it in the KILN_PROGRAM "
         "block");
  rule.check(*defaults);
  core_->rule = &rule;
  core_->defaults = std::move(defaults);
  core_->frames = detail::capture_frames();
  for (const OptimizerParamGroup &group : groups)
    add_param_group(group);
  if (size() == 0)
    fail("optimizer got an empty parameter list");
  if (ProgramRecorder *program = ProgramRecorder::current())
    program->training().add_optimizer(core_);
}
Optimizer::~Optimizer() = default;

void Optimizer::add_param_group(const OptimizerParamGroup &added) {
  if (core_->is_stepped())
    fail("a parameter group is added after a recorded function has stepped the optimizer\nadd all groups before the first "
         "program.function");
  OptimizerParamGroup group = added;
  if (!group.has_options())
    group.set_options(core_->defaults->clone());
  const OptimizerOptions &options = group.options(), &defaults = *core_->defaults;
  if (typeid(options) != typeid(defaults))
    fail<runtime::TypeError>(std::string("a parameter group of ") + core_->rule->type +
                             " has options of another optimizer\ngive it optim::" + core_->rule->type + "Options");
  core_->rule->check(options);
  std::vector<TensorImplPtr> held, own;
  for (const OptimizerParamGroup &other : core_->groups)
    for (const Tensor &parameter : other.params())
      held.push_back(TensorAccess::impl(parameter));
  for (const Tensor &parameter : group.params()) {
    check_parameter(parameter);
    const TensorImplPtr impl = TensorAccess::impl(parameter);
    if (std::find(own.begin(), own.end(), impl) != own.end())
      fail("optimizer contains a parameter group with duplicate parameters");
    if (std::find(held.begin(), held.end(), impl) != held.end())
      fail("some parameters appear in more than one parameter group");
    own.push_back(impl);
  }
  core_->groups.push_back(std::move(group));
}

std::vector<OptimizerParamGroup> &Optimizer::param_groups() { return core_->groups; }
const std::vector<OptimizerParamGroup> &Optimizer::param_groups() const { return core_->groups; }
OptimizerOptions &Optimizer::defaults() { return *core_->defaults; }
const OptimizerOptions &Optimizer::defaults() const { return *core_->defaults; }

std::size_t Optimizer::size() const {
  std::size_t count = 0;
  for (const OptimizerParamGroup &group : core_->groups)
    count += group.params().size();
  return count;
}

void Optimizer::zero_grad(bool set_to_none) {
  for (const OptimizerParamGroup &group : core_->groups)
    for (const Tensor &parameter : group.params())
      detail::zero_grad(parameter, set_to_none);
}

Tensor Optimizer::step(LossClosure closure) {
  Recorder *recorder = Recorder::current();
  if (!recorder)
    fail("optimizer.step() is called outside of a recorded function\nupdates are compiled, not computed here: call it in the "
         "code of "
         "a program.function(...)");
  Tensor loss;
  if (closure) {
    const AutoGradMode with_gradients(true);
    loss = closure();
  }
  detail::OptimizerStep(*recorder, core_).record();
  return loss;
}

} // namespace optim
} // namespace kiln
