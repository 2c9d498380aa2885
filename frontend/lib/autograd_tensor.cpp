// What tensors, modules and the namespace autograd offer of gradients.
#include "kiln/autograd.h"

#include "autograd.h"
#include "errors.h"
#include "kiln/nn/module.h"
#include "recorder.h"

namespace kiln {

using detail::Autograd;
using detail::fail;
using detail::Recorder;
using detail::require;
using detail::TensorAccess;
using detail::TensorImplPtr;

namespace detail {
bool &grad_mode() {
  thread_local bool enabled = true;
  return enabled;
}
} // namespace detail

bool GradMode::is_enabled() { return detail::grad_mode(); }
void GradMode::set_enabled(bool enabled) { detail::grad_mode() = enabled; }
NoGradGuard::NoGradGuard() : AutoGradMode(false) {}
NoGradGuard::~NoGradGuard() = default;

namespace {

// The node of a tensor that the running recording knows; null for others.
std::shared_ptr<detail::ViewNode> recorded_node(const TensorImplPtr &impl) {
  Recorder *recorder = Recorder::current();
  if (!recorder || !impl || impl->uninitialized)
    return nullptr;
  return recorder->is_recorded(impl) ? recorder->node_of(impl) : nullptr;
}

// The gradient slot of a tensor that the running recording knows; null for others.
detail::GradientSlot *gradient_slot(const TensorImplPtr &impl) {
  const std::shared_ptr<detail::ViewNode> node = recorded_node(impl);
  return node ? &Recorder::current()->autograd().gradient(node) : nullptr;
}

Recorder &differentiating(const char *what, bool create_graph) {
  Recorder *recorder = Recorder::current();
  if (!recorder)
    fail(std::string(what) +
         " is called outside of a recorded function\ngradients are compiled, not computed here: call it in the "
         "code of a program.function(...)");
  if (create_graph)
    fail(std::string(what) +
         " with create_graph = true is not supported: gradients of gradients can't be compiled\nleave create_graph out, or write "
         "the gradient as an expression of your own");
  return *recorder;
}

} // namespace

//===----------------------------------------------------------------------===//
// requires_grad and history
//===----------------------------------------------------------------------===//

bool Tensor::requires_grad() const {
  const TensorImplPtr impl = TensorAccess::impl(*this);
  if (!impl)
    return false;
  const std::shared_ptr<detail::ViewNode> node = recorded_node(impl);
  return node ? Recorder::current()->autograd().requires_grad(*node) : detail::concrete_requires_grad(*impl);
}

bool Tensor::is_leaf() const {
  const TensorImplPtr impl = TensorAccess::impl(*this);
  if (!impl)
    fail("is_leaf of an undefined Tensor (None)\nask defined() first");
  if (const std::shared_ptr<detail::ViewNode> node = recorded_node(impl))
    return Recorder::current()->autograd().is_leaf(*node);
  return impl->requires_grad || !detail::concrete_requires_grad(*impl);
}

const Tensor &Tensor::requires_grad_(bool value) const {
  const TensorImplPtr impl = TensorAccess::impl(*this);
  if (!impl)
    fail("requires_grad_ of an undefined Tensor (None)\nask defined() first");
  if (value && !runtime::is_floating_point(detail::dtype_of(*impl)))
    fail("only Tensors of floating point dtype can require gradients");
  if (!is_leaf()) {
    if (!value)
      fail("you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph that "
           "doesn't require differentiation use var_no_grad = var.detach().");
    return *this;
  }
  if (impl->symbolic)
    impl->symbolic->requires_grad = value;
  else
    impl->requires_grad = value;
  return *this;
}

Tensor Tensor::detach() const {
  const TensorImplPtr impl = require(*this, "detach");
  detail::ViewStep step;
  step.detached = true;
  return detail::make_view(*this, std::move(step), detail::geometry_of(*impl));
}

const Tensor &Tensor::detach_() const {
  const TensorImplPtr impl = require(*this, "detach_");
  if (impl->view_of || (impl->symbolic && impl->symbolic->parent))
    fail("Can't detach views in-place. Use detach() instead.");
  if (!impl->symbolic)
    impl->requires_grad = false;
  else if (Recorder *recorder = Recorder::current())
    recorder->autograd().forget_history(recorder->node_of(impl));
  return *this;
}

//===----------------------------------------------------------------------===//
// Gradients
//===----------------------------------------------------------------------===//

Tensor Tensor::grad() const {
  const TensorImplPtr impl = TensorAccess::impl(*this);
  if (!impl)
    fail("grad of an undefined Tensor (None)\nask defined() first");
  if (detail::GradientSlot *slot = gradient_slot(impl))
    return Recorder::current()->autograd().read(*slot);
  return impl->grad ? *impl->grad : Tensor();
}

Tensor &Tensor::mutable_grad() const {
  const TensorImplPtr impl = TensorAccess::impl(*this);
  if (!impl)
    fail("grad of an undefined Tensor (None)\nask defined() first");
  if (detail::GradientSlot *slot = gradient_slot(impl)) {
    Autograd &autograd = Recorder::current()->autograd();
    autograd.order().handed_out(*slot);
    return autograd.read(*slot);
  }
  if (!impl->grad)
    impl->grad = std::make_shared<Tensor>();
  return *impl->grad;
}

void Tensor::backward(const Tensor &gradient, std::optional<bool> retain_graph, bool create_graph,
                      const std::optional<std::vector<Tensor>> &inputs) const {
  differentiating("backward", create_graph)
      .autograd()
      .backward({*this}, {gradient}, retain_graph.value_or(create_graph), inputs ? &*inputs : nullptr);
}

void Tensor::retain_grad() const {
  const TensorImplPtr impl = require(*this, "retain_grad");
  if (!requires_grad())
    fail("can't retain_grad on Tensor that has requires_grad=False");
  if (const std::shared_ptr<detail::ViewNode> node = recorded_node(impl))
    Recorder::current()->autograd().retain_grad(node);
}

void autograd::backward(const variable_list &tensors, const variable_list &grad_tensors, std::optional<bool> retain_graph,
                        bool create_graph, const variable_list &inputs) {
  Recorder &recorder = differentiating("autograd::backward", create_graph);
  if (!grad_tensors.empty() && grad_tensors.size() != tensors.size())
    fail("got " + std::to_string(tensors.size()) + " tensors and " + std::to_string(grad_tensors.size()) + " gradients");
  recorder.autograd().backward(tensors, grad_tensors, retain_graph.value_or(create_graph), inputs.empty() ? nullptr : &inputs);
}

autograd::variable_list autograd::grad(const variable_list &outputs, const variable_list &inputs,
                                       const variable_list &grad_outputs, std::optional<bool> retain_graph, bool create_graph,
                                       bool allow_unused) {
  Recorder &recorder = differentiating("autograd::grad", create_graph);
  if (!grad_outputs.empty() && grad_outputs.size() != outputs.size())
    fail("got " + std::to_string(outputs.size()) + " tensors and " + std::to_string(grad_outputs.size()) + " gradients");
  return recorder.autograd().grad(outputs, inputs, grad_outputs, retain_graph.value_or(create_graph), allow_unused);
}

void nn::Module::zero_grad(bool set_to_none) const {
  for (const Tensor &parameter : parameters())
    kiln::detail::zero_grad(parameter, set_to_none);
}

void detail::zero_grad(const Tensor &tensor, bool set_to_none) {
  const TensorImplPtr impl = TensorAccess::impl(tensor);
  if (GradientSlot *slot = gradient_slot(impl))
    Recorder::current()->autograd().zero(*slot, set_to_none);
  else if (impl && impl->uninitialized && Recorder::current())
    Recorder::current()->autograd().zero_uninitialized(impl);
  else if (impl && impl->grad && set_to_none)
    impl->grad = nullptr;
  else if (impl && impl->grad && impl->grad->defined())
    impl->grad->zero_();
}

void detail::note_clipping(const char *function, const std::vector<Tensor> &parameters) {
  std::vector<GradientSlot *> slots;
  for (const Tensor &parameter : parameters)
    if (GradientSlot *slot = parameter.requires_grad() ? gradient_slot(TensorAccess::impl(parameter)) : nullptr)
      slots.push_back(slot);
  if (!slots.empty())
    Recorder::current()->autograd().order().clipped(function, slots);
}

void detail::write_grad(const Tensor &tensor, const Tensor &value) {
  const TensorImplPtr impl = TensorAccess::impl(tensor);
  if (GradientSlot *slot = gradient_slot(impl)) {
    if (!slot->is_none())
      Recorder::current()->autograd().write(*slot, value);
  } else if (impl && impl->grad && impl->grad->defined()) {
    impl->grad->copy_(value);
  }
}

} // namespace kiln
