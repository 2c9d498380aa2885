// Warnings about training that PyTorch would let pass in silence.
#include <set>

#include "program_layout.h"

namespace kiln::detail {

using semantics::RecordedState;
using semantics::StateKind;

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
  std::map<std::string, std::string> names; // by path: the first one in state_dict
  for (const semantics::RecordedStateName &name : program.state_names)
    names.emplace(name.state, name.name);
  std::set<std::string> held;
  std::size_t next = 0; // recorded optimizers are those that step, in order
  const OptimizerCore *first = nullptr;
  auto warn_at = [&](const semantics::Frames &frames, const std::string &message) {
    recording::Diagnostic diagnostic;
    diagnostic.message = message;
    diagnostic.frames = frames;
    layout.recording.diagnostics.push_back(std::move(diagnostic));
  };
  auto warn = [&](const OptimizerCore &optimizer, const std::string &message) { warn_at(optimizer.frames, message); };
  const bool has_gradients = training_.calls_backward() || training_.any_reached();
  if (has_gradients)
    layout.recording.diagnostics.insert(layout.recording.diagnostics.end(), if_differentiated_.begin(), if_differentiated_.end());
  for (const std::shared_ptr<OptimizerCore> &core : training_.optimizers()) {
    if (!core->is_stepped()) {
      warn(*core, std::string("optimizer ") + core->rule->type +
                      " never steps: no function of the program calls its step(), so its parameters stay as they are");
      continue;
    }
    first = first ? first : core.get();
    const semantics::RecordedOptimizer &optimizer = program.optimizers[next++];
    const std::string name = optimizer.name + " (" + optimizer.type + ")";
    std::vector<std::string> frozen, unreached, accumulating;
    for (const optim::OptimizerParamGroup &group : core->groups)
      for (const Tensor &parameter : group.params()) {
        const TensorImplPtr impl = TensorAccess::impl(parameter);
        const std::string &path = parameter_path(layout, *impl, *core);
        const int32_t index = find_state(impl->value.storage().get());
        held.insert(path);
        if (!impl->requires_grad)
          frozen.push_back(names.at(path));
        else if (!training_.is_reached(index))
          unreached.push_back(names.at(path));
        else if (training_.is_inherited(index) && !training_.is_reset(index))
          accumulating.push_back(names.at(path));
      }
    if (!frozen.empty())
      warn(*core, name + " holds frozen parameters, which it never updates: " + listed(frozen) +
                      "; give it only the parameters that require a gradient");
    if (!has_gradients)
      warn_at(core->first_step, "step() of " + name + " never updates anything, for backward() is never called: no function of the " +
                                    "program computes gradients; call backward() on the loss before it");
    else if (!unreached.empty())
      warn(*core, name + " holds parameters that get no gradient, so it never updates them: " + listed(unreached) +
                      "; no loss that backward() is called on depends on them");
    if (!accumulating.empty())
      warn(*core, name + " steps with gradients that add up from call to call, for no function of the program zeroes them: " +
                      listed(accumulating) + "; call zero_grad() before backward(), or let the host call it between steps");
  }
  if (!first)
    return;
  std::vector<std::string> free;
  for (const RecordedState &state : program.states)
    if (state.kind == StateKind::Parameter && state.trainable && !held.count(state.path))
      free.push_back(names.at(state.path));
  if (!free.empty())
    warn(*first, "parameters that require a gradient are held by no optimizer, so training does not change them: " +
                     listed(free) + "; give them to one, or freeze them with requires_grad_(false)");
}

} // namespace kiln::detail
