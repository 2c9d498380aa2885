// The recorder's reads and writes of what training keeps between calls.
#include <algorithm>

#include "autograd.h"
#include "frames.h"
#include "program_recorder.h"
#include "recorder.h"

namespace kiln::detail {

using semantics::ValueId;

namespace {
semantics::Attributes state_attribute(int32_t state) { return {{"state", "@" + std::to_string(state)}}; }
} // namespace

bool differentiates(const semantics::RecordedFunction &function) {
  return std::ranges::any_of(function.operations, [](const auto &operation) { return operation.name == "nn.backward"; });
}

ValueId Recorder::training_value(int32_t state) {
  auto [known, added] = training_values_.emplace(state, semantics::kAbsent);
  if (added)
    known->second = emit("nn.read", {}, state_attribute(state), {program_.training()[state].type})[0];
  return known->second;
}

void Recorder::set_training_value(int32_t state, ValueId value) {
  emit("nn.write", {value}, state_attribute(state), {});
  training_values_[state] = value;
}

Tensor Recorder::generator() {
  uses_generator_ = true;
  return new_value(training_value(program_.training().generator()));
}

void Recorder::warn_if_differentiated(std::string message) {
  if_differentiated_.push_back({std::move(message), running_module(), capture_frames()});
}

void Recorder::settle_training() {
  grad_mode() = false; // to the function's end: what it leaves in state has no history
  trace_.gradients = autograd_->gradients_at_end();
  autograd_->order().finish();
  if (differentiates(trace_.function))
    for (Warning &warning : if_differentiated_)
      program_.warn(warning.message, warning.module, std::move(warning.frames));
  if (!uses_generator_)
    return;
  // Each call draws numbers of its own: its end moves the generator's offset on by one.
  const int64_t advance[] = {0, 1};
  const runtime::Tensor step = runtime::Tensor::from<int64_t>(advance, {2});
  const ValueId one = emit("nn.constant", {}, {{"value", step}}, {semantics::type_of(step)})[0];
  const int32_t state = program_.training().generator();
  set_training_value(state, emit_inferred("nn.add", {training_value(state), one}, {})[0]);
}

} // namespace kiln::detail
