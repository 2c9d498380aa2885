// Which values require a gradient, leaves, and what .grad holds.
#include "autograd.h"

#include <algorithm>

#include "errors.h"
#include "program_recorder.h"

namespace kiln::detail {

using semantics::kAbsent;
using semantics::ValueId;

std::vector<semantics::TensorType> infer_recorded(const std::string &operation,
                                                  const std::vector<std::optional<semantics::TensorType>> &operands,
                                                  const semantics::Attributes &attributes) {
  if (operation != "nn.backward")
    return semantics::infer(operation, operands, attributes);
  std::vector<semantics::TensorType> results;
  for (std::size_t target = 2; target < operands.size(); ++target) // behind the loss and its gradient
    results.push_back(*operands[target]);
  return results;
}

bool concrete_requires_grad(const TensorImpl &impl) {
  for (const TensorImpl *base = &impl;; base = base->view_of.get()) {
    if (base->requires_grad)
      return true;
    if (!base->view_of || base->view_step.detached)
      return false;
  }
}

bool begins_history(const TensorImpl &impl) { return grad_mode() && concrete_requires_grad(impl); }

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

const Autograd::Flow &Autograd::flow(ValueId value) const {
  static const Flow none;
  const auto index = static_cast<std::size_t>(value);
  return value == kAbsent || index >= flows_.size() ? none : flows_[index];
}

Autograd::Flow &Autograd::flow(ValueId value) {
  const auto index = static_cast<std::size_t>(value);
  if (index >= flows_.size())
    flows_.resize(index + 1);
  return flows_[index];
}

bool Autograd::is_floating(ValueId value) const { return runtime::is_floating_point(recorder_.type(value).dtype); }

bool Autograd::requires_grad(ValueId value) const { return flow(value).required; }

ValueId Autograd::detached(ValueId value, const RecordedPlace *place) {
  if (!std::as_const(*this).flow(value).active)
    return value;
  auto [known, added] = detached_.emplace(value, kAbsent);
  if (added)
    cuts_.insert(known->second = recorder_.emit("nn.detach", {value}, {}, {recorder_.type(value)}, place)[0]);
  return known->second;
}

namespace {
bool is_differentiable(const std::string &name) {
  const semantics::Operation *operation = semantics::find_operation(name);
  return operation && operation->differentiable;
}
} // namespace

void Autograd::cut_operands(const std::string &operation, std::vector<ValueId> &operands, const RecordedPlace *place) {
  const bool required = grad_mode() && is_differentiable(operation) &&
                        std::any_of(operands.begin(), operands.end(), [&](ValueId value) { return requires_grad(value); });
  if (!required)
    return;
  for (ValueId &operand : operands)
    if (operand != kAbsent && is_floating(operand) && !requires_grad(operand))
      operand = detached(operand, place);
}

void Autograd::note_results(const std::string &operation, const std::vector<ValueId> &operands,
                            const std::vector<ValueId> &results) {
  const bool differentiable = grad_mode() && is_differentiable(operation), cuts = operation == "nn.detach";
  bool required = false, active = false;
  for (ValueId operand : operands) {
    const Flow &from = std::as_const(*this).flow(operand);
    required = required || (differentiable && from.required);
    active = active || (!cuts && from.active);
  }
  if (!active)
    return;
  for (std::size_t i = 0; i < results.size(); ++i)
    if (is_floating(results[i])) // what follows the first result are statistics, without a history
      flow(results[i]) = {required && i == 0, true};
}

ValueId Autograd::leaf_value(const std::shared_ptr<ViewNode> &node, ValueId raw) {
  LeafValues &leaf = node->leaf;
  if (leaf.raw != raw) {
    leaf = {};
    leaf.raw = raw;
  }
  if (requires_grad(raw) && leaf.trainable != raw)
    return raw; // it has a history, so it is no leaf
  if (!flag(*node)) {
    if (leaf.trainable == kAbsent)
      leaf.used_frozen = true;
    return leaf.trainable == raw ? detached(raw) : raw;
  }
  if (leaf.trainable != kAbsent)
    return leaf.trainable;
  const bool active = std::as_const(*this).flow(raw).active;
  if (active && !grad_mode())
    return raw; // nothing follows it from here
  // A value that is something else too (all cuts of a value are one), or has been used while the leaf was frozen, can't stand for the
  // leaf.
  const bool is_shared = active || leaf.used_frozen || (node->parent && node->from == raw) || cuts_.contains(raw);
  ValueId value = raw;
  if (is_shared)
    value = recorder_.emit("nn.detach", {raw}, {}, {recorder_.type(raw)})[0];
  leaf.trainable = value;
  flow(value) = {true, true};
  leaf_nodes_[value] = node;
  return value;
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

bool Autograd::flag(const ViewNode &node) { return node.owner ? node.owner->requires_grad : node.requires_grad; }

bool Autograd::requires_grad(const ViewNode &node) const { return flag(node) || has_history(node); }

bool Autograd::has_history(const ViewNode &node) const {
  if (node.parent)
    return !node.step.detached && requires_grad(*node.parent);
  const ValueId value = node.storage->value;
  return value != kAbsent && requires_grad(value) && node.leaf.trainable != value;
}

bool Autograd::check_write(const ViewNode &node) const {
  bool cut = !grad_mode();
  const ViewNode *root = &node;
  for (; root->parent; root = root->parent.get())
    cut = cut || root->step.detached;
  if (cut && has_history(*root))
    fail(std::string("a tensor that a gradient flows through is written in place ") +
         (grad_mode() ? "through a detached view" : "under no_grad") +
         "\nits gradient would be the one of the values before: write to a clone() of it, or let gradients be recorded");
  return cut;
}

//===----------------------------------------------------------------------===//
// Gradients
//===----------------------------------------------------------------------===//

GradientSlot &Autograd::gradient(const std::shared_ptr<ViewNode> &node) {
  auto [known, added] = slot_index_.emplace(node.get(), slots_.size());
  if (added) {
    auto slot = std::make_unique<GradientSlot>();
    slot->node = node;
    if (const int32_t state = node->storage->state; !node->parent && state >= 0 && program_.state(state).slot->is_parameter)
      slot->parameter = state;
    const auto is_owner = [&](const TensorImplPtr &tensor) { return tensor.get() == node->owner; };
    const bool zeroed = std::any_of(zeroed_uninitialized_.begin(), zeroed_uninitialized_.end(), is_owner);
    slot->touched = slot->parameter < 0 || zeroed; // None, until this run computes it
    if (zeroed && slot->parameter >= 0)
      program_.training().note_reset(slot->parameter);
    slots_.push_back(std::move(slot));
  }
  return *slots_[known->second];
}

Tensor &Autograd::read(GradientSlot &slot) {
  if (!slot.touched) {
    slot.touched = true;
    const int32_t state =
        program_.training().gradient(slot.parameter, semantics::type_of(program_.state(slot.parameter).impl->value));
    slot.tensor = recorder_.new_value(recorder_.training_value(state));
    slot.inherited = TensorAccess::impl(slot.tensor);
    slot.frames = capture_frames();
  }
  return slot.tensor;
}

// Whether the inherited tensor may hold something else than zeros where it is None.
bool Autograd::is_dirty(const GradientSlot &slot) const {
  return slot.is_inherited() && slot.inherited->symbolic->storage->version > slot.clean_version;
}

ValueId Autograd::value(GradientSlot &slot) {
  const Tensor &tensor = read(slot);
  const ValueId value = recorder_.operand_value(tensor);
  if (!is_dirty(slot))
    return value;
  const GradModeGuard no_grad(false);
  const semantics::TensorType type = recorder_.type(value);
  const ValueId zeros =
      recorder_.emit_inferred("nn.full", {}, {{"shape", type.sizes}, {"value", 0.0}, {"dtype", type.dtype}})[0];
  const ValueId flag = recorder_.training_value(program_.training().gradient_flag(slot.parameter));
  return recorder_.emit_inferred("nn.where", {flag, value, zeros}, {})[0];
}

void Autograd::write(GradientSlot &slot, const Tensor &value) {
  const GradModeGuard no_grad(false);
  const bool was_dirty = is_dirty(slot);
  recorder_.write(TensorAccess::impl(read(slot)), value);
  slot.frames = capture_frames();
  if (was_dirty || !is_dirty(slot))
    return;
  recorder_.write(TensorAccess::impl(slot.tensor), recorder_.new_value(this->value(slot)));
  slot.clean_version = slot.inherited->symbolic->storage->version;
}

void Autograd::zero(GradientSlot &slot, bool set_to_none) {
  if (slot.parameter >= 0)
    program_.training().note_reset(slot.parameter);
  if (set_to_none) {
    slot.touched = true;
    slot.tensor = Tensor();
  } else if (const Tensor &tensor = read(slot); tensor.defined()) {
    const GradModeGuard no_grad(false);
    tensor.zero_();
    if (slot.is_inherited())
      slot.clean_version = slot.inherited->symbolic->storage->version;
  }
  slot.frames = capture_frames();
  order_.zeroed(slot);
}

void Autograd::retain_grad(const std::shared_ptr<ViewNode> &node) {
  const ValueId value = recorder_.value_of(node);
  if (has_history(*node))
    retained_nodes_[value] = node;
}

void Autograd::forget_history(const std::shared_ptr<ViewNode> &root) {
  root->requires_grad = false;
  SymbolicStorage &storage = *root->storage;
  if (storage.value != kAbsent)
    storage.value = detached(storage.value);
}

void Autograd::accumulate(const Target &target) {
  const GradModeGuard no_grad(false);
  GradientSlot &slot = gradient(target.node);
  const Tensor added = recorder_.new_value(target.gradient);
  if (read(slot).defined()) {
    const Tensor sum = recorder_.new_value(value(slot)).add(added); // what is None holds zeros, so one addition does for both
    if (slot.is_inherited())
      slot.sum = slot.inherited;
    recorder_.write(TensorAccess::impl(slot.tensor), sum);
  } else {
    slot.tensor = added;
  }
  slot.inherited = nullptr;
  slot.frames = capture_frames();
  order_.computed(slot);
  if (slot.parameter >= 0)
    program_.training().note_gradient(slot.parameter);
}

std::vector<GradientAtEnd> Autograd::gradients_at_end() {
  std::vector<GradientSlot *> slots;
  for (const std::unique_ptr<GradientSlot> &slot : slots_)
    if (slot->parameter >= 0 && slot->touched)
      slots.push_back(slot.get());
  std::sort(slots.begin(), slots.end(), [](const auto *a, const auto *b) { return a->parameter < b->parameter; });
  std::vector<GradientAtEnd> result;
  for (GradientSlot *slot : slots) {
    const bool needs_gradient = is_dirty(*slot);
    if (slot->is_defined()) // assigned by the model's code, if not computed: another function's step may use it
      program_.training().note_gradient(slot->parameter);
    GradientAtEnd end{slot->parameter, kAbsent, !slot->is_inherited(), needs_gradient, slot->frames};
    if (needs_gradient || (!slot->is_inherited() && (!slot->tensor.defined() || TensorAccess::impl(slot->tensor) != slot->sum)))
      program_.training().note_reset(slot->parameter);
    if (slot->is_inherited() && slot->inherited->symbolic->storage->version == 0)
      continue; // read, not changed
    if (slot->tensor.defined()) {
      const semantics::TensorType parameter = semantics::type_of(program_.state(slot->parameter).impl->value);
      end.value = value(*slot);
      if (!(recorder_.type(end.value) == parameter))
        fail("assigned grad has data of a different size\nthe gradient of '" + program_.state(slot->parameter).slot->name +
             "' is " + std::string(runtime::name(recorder_.type(end.value).dtype)) + recorder_.type(end.value).shape_text() +
             ", the parameter " + std::string(runtime::name(parameter.dtype)) + parameter.shape_text());
    }
    result.push_back(std::move(end));
  }
  return result;
}

} // namespace kiln::detail
