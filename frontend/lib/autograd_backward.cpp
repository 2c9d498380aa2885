// backward and grad: from a loss to the leaves that it depends on.
//
// The graph is the recorded trace: its edges are the operands that require a gradient. What backward records is one nn.backward
// a loss, with the leaf values as targets; a pass of the compiler expands it.
#include <algorithm>
#include <set>

#include "autograd.h"
#include "errors.h"
#include "program_recorder.h"

namespace kiln::detail {

using semantics::kAbsent;
using semantics::RecordedOperation;
using semantics::TensorType;
using semantics::ValueId;

struct Autograd::Walk {
  std::set<std::size_t> operations; // in program order
  std::set<ValueId> values;
};

namespace {

// Whether PyTorch's node keeps what its formulas need. Operations outside the table keep nothing.
template <class Requires> bool keeps_tensors(const RecordedOperation &recorded, const Requires &requires_grad) {
  const semantics::Operation *operation = semantics::find_operation(recorded.name);
  if (!operation)
    return false;
  std::vector<bool> required;
  for (ValueId operand : recorded.operands)
    required.push_back(requires_grad(operand));
  return operation->saves_for_backward(required, recorded.attributes);
}

constexpr const char *kSecondTime =
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). "
    "Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if "
    "you need to backward through the graph a second time or if you need to access saved tensors after calling backward.";

} // namespace

Autograd::Walk Autograd::walk(ValueId loss) const {
  Walk result;
  std::vector<ValueId> pending{loss};
  while (!pending.empty()) {
    const ValueId value = pending.back();
    pending.pop_back();
    if (!result.values.insert(value).second || leaf_nodes_.count(value))
      continue;
    const std::size_t operation = recorder_.defined_by_.at(value); // an input that requires a gradient is a leaf
    result.operations.insert(operation);
    for (ValueId operand : recorder_.trace_.function.operations[operation].operands)
      if (requires_grad(operand))
        pending.push_back(operand);
  }
  return result;
}

// Leaves only what lies between the loss and the targets: nothing else is run.
void Autograd::restrict(Walk &walk, const std::vector<Target> &targets) const {
  std::set<ValueId> reaching;
  for (const Target &target : targets)
    reaching.insert(target.values.begin(), target.values.end());
  std::set<std::size_t> kept;
  for (std::size_t operation : walk.operations) {
    const RecordedOperation &recorded = recorder_.trace_.function.operations[operation];
    const bool reaches = std::any_of(recorded.operands.begin(), recorded.operands.end(),
                                     [&](ValueId operand) { return requires_grad(operand) && reaching.count(operand); });
    if (!reaches)
      continue;
    kept.insert(operation);
    reaching.insert(recorded.results.begin(), recorded.results.end());
  }
  walk.operations = std::move(kept);
}

std::vector<Autograd::Target> Autograd::targets_of(const std::vector<Tensor> &inputs) {
  std::vector<Target> targets;
  for (const Tensor &input : inputs) {
    const TensorImplPtr impl = require(input, "autograd.grad");
    const std::shared_ptr<ViewNode> node = recorder_.is_recorded(impl) ? recorder_.node_of(impl) : nullptr;
    if (!node || !requires_grad(*node))
      fail("One of the differentiated Tensors does not require grad");
    Target target;
    target.node = node;
    const ValueId value = recorder_.value_of(node);
    if (has_history(*node)) {
      target.values.push_back(value);
    } else {
      for (const auto &[leaf, owner] : leaf_nodes_)
        if (owner == node)
          target.values.push_back(leaf);
      std::sort(target.values.begin(), target.values.end());
    }
    targets.push_back(std::move(target));
  }
  return targets;
}

ValueId Autograd::checked_gradient(const Tensor &output, std::size_t index, const Tensor &gradient) {
  if (!gradient.defined()) {
    if (output.numel() != 1)
      fail("grad can be implicitly created only for scalar outputs\nthe tensor has sizes " + sizes_text(output.sizes()) +
           ": go backward from its mean() or sum(), or pass a gradient of its sizes");
    return kAbsent;
  }
  require(gradient, "backward");
  if (gradient.sizes() != output.sizes()) {
    const std::string number = std::to_string(index);
    fail("Mismatch in shape: grad_output[" + number + "] has a shape of torch.Size(" + sizes_text(gradient.sizes()) +
         ") and output[" + number + "] has a shape of torch.Size(" + sizes_text(output.sizes()) + ").");
  }
  const GradModeGuard no_grad(false);
  return recorder_.operand_value(gradient.to(output.dtype()));
}

void Autograd::differentiate(const std::vector<Tensor> &outputs, const std::vector<Tensor> &gradients, bool retain_graph,
                             bool all_leaves, std::vector<Target> &targets) {
  std::vector<ValueId> losses;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const TensorImplPtr impl = require(outputs[i], "backward");
    losses.push_back(recorder_.is_recorded(impl) ? recorder_.value_of(recorder_.node_of(impl)) : kAbsent);
    if (!requires_grad(losses[i]))
      fail("element " + std::to_string(i) +
           " of tensors does not require grad and does not have a grad_fn\nit depends on no parameter that requires a gradient, "
           "or "
           "was computed under no_grad or from detached tensors");
  }
  std::vector<ValueId> implied;
  std::vector<Walk> walks;
  std::set<std::size_t> executed;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    implied.push_back(checked_gradient(outputs[i], i, i < gradients.size() ? gradients[i] : Tensor()));
    Walk &found = walks.emplace_back(walk(losses[i]));
    if (all_leaves)
      collect_leaves(found, targets);
    else
      restrict(found, targets);
    executed.insert(found.operations.begin(), found.operations.end());
  }
  for (std::size_t operation : executed)
    if (freed_.count(operation) &&
        keeps_tensors(recorder_.trace_.function.operations[operation], [&](ValueId operand) { return requires_grad(operand); }))
      fail(std::string(kSecondTime) + "\nin C++: loss.backward({}, /*retain_graph=*/true), or compute the loss anew");
  if (!retain_graph)
    freed_.insert(executed.begin(), executed.end());
  for (std::size_t i = 0; i < outputs.size(); ++i)
    record_backward(losses[i], implied[i], walks[i], targets);
}

// Leaves and tensors that retain their gradients, in the order of their values.
void Autograd::collect_leaves(const Walk &walk, std::vector<Target> &targets) const {
  for (ValueId value : walk.values)
    for (const auto *nodes : {&leaf_nodes_, &retained_nodes_}) {
      const auto found = nodes->find(value);
      if (found == nodes->end())
        continue;
      auto target = std::find_if(targets.begin(), targets.end(), [&](const Target &t) { return t.node == found->second; });
      if (target == targets.end())
        target = targets.insert(targets.end(), Target{found->second, {}, kAbsent});
      if (std::find(target->values.begin(), target->values.end(), value) == target->values.end())
        target->values.push_back(value);
    }
}

void Autograd::record_backward(ValueId loss, ValueId gradient, const Walk &walk, std::vector<Target> &targets) {
  const GradModeGuard no_grad(false);
  std::vector<ValueId> operands{loss, gradient};
  std::vector<Target *> owners;
  std::vector<TensorType> types;
  for (Target &target : targets)
    for (ValueId value : target.values)
      if (walk.values.count(value)) {
        operands.push_back(value);
        owners.push_back(&target);
        types.push_back(recorder_.type(value));
      }
  if (owners.empty())
    return;
  const std::vector<ValueId> results = recorder_.emit("nn.backward", std::move(operands), {}, types);
  for (std::size_t i = 0; i < results.size(); ++i) {
    flow(results[i]) = {false, true};
    ValueId &total = owners[i]->gradient;
    total = total == kAbsent ? results[i] : recorder_.emit_inferred("nn.add", {total, results[i]}, {})[0];
  }
}

void Autograd::backward(const std::vector<Tensor> &outputs, const std::vector<Tensor> &gradients, bool retain_graph,
                        const std::vector<Tensor> *inputs) {
  program_.training().note_backward();
  std::vector<Target> targets;
  if (inputs) {
    if (inputs->empty())
      fail("`inputs` argument to `backward()` cannot be empty.");
    targets = targets_of(*inputs);
  }
  differentiate(outputs, gradients, retain_graph, /*all_leaves=*/!inputs, targets);
  order_.begin_backward();
  for (const Target &target : targets)
    if (target.gradient != kAbsent)
      accumulate(target);
}

std::vector<Tensor> Autograd::grad(const std::vector<Tensor> &outputs, const std::vector<Tensor> &inputs,
                                   const std::vector<Tensor> &gradients, bool retain_graph, bool allow_unused) {
  std::vector<Target> targets = targets_of(inputs);
  differentiate(outputs, gradients, retain_graph, /*all_leaves=*/false, targets);
  std::vector<Tensor> results;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (targets[i].gradient == kAbsent && !allow_unused)
      fail("The differentiated Tensor at index " + std::to_string(i) +
           " appears to not have been used in the graph. Set allow_unused=True if this is the desired behavior.");
    results.push_back(targets[i].gradient == kAbsent ? Tensor() : recorder_.new_value(targets[i].gradient));
  }
  return results;
}

} // namespace kiln::detail
