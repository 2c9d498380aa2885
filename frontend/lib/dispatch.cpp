// The one door through which all operations go: evaluated at once, or recorded.
#include <cstdlib>

#include "autograd.h"
#include "errors.h"
#include "kiln/semantics/operation.h"
#include "recorder.h"
#include "tensor_impl.h"

namespace kiln::detail {

using semantics::Attributes;
using semantics::DimExpr;

namespace {

std::string operation_text(const char *operation) { return std::string(operation).substr(3); } // without "nn."

void check_usable(const TensorImpl &impl, const char *operation) {
  if (impl.symbolic && !Recorder::current())
    fail("a value of a recording is used in " + operation_text(operation) +
         " after the recording has ended\nwhat a function computes stays in it: return the tensor from the function");
}

std::vector<Tensor> evaluate(const char *operation, const std::vector<TensorImplPtr> &operands, const Attributes &attributes) {
  std::vector<runtime::Tensor> values;
  const Recorder *recorder = Recorder::current();
  std::shared_ptr<const Origin> outside; // of an operand made before this recording
  for (const TensorImplPtr &operand : operands) {
    values.push_back(operand ? operand->value : runtime::Tensor());
    if (operand && recorder && operand->origin && operand->origin->run != recorder->run() && !outside)
      outside = operand->origin;
  }
  std::vector<Tensor> results;
  for (runtime::Tensor &result : checked([&] { return semantics::evaluate(operation, values, attributes); })) {
    results.push_back(wrap_concrete(std::move(result)));
    if (outside)
      TensorAccess::impl(results.back())->origin = outside;
  }
  return results;
}

// The same elements with other strides.
runtime::Tensor with_strides(const runtime::Tensor &value, const Geometry &geometry) {
  runtime::Tensor result(runtime::Storage::allocate(value.nbytes()), geometry.sizes, geometry.strides, 0, value.dtype());
  result.copy_(value);
  return result;
}

} // namespace

std::vector<Tensor> dispatch(const char *operation, const std::vector<Tensor> &operands, const Attributes &attributes) {
  Recorder *recorder = Recorder::current();
  std::vector<TensorImplPtr> impls;
  bool recorded = false;
  for (const Tensor &operand : operands) {
    impls.push_back(operand.defined() ? require(operand, operation + 3) : nullptr);
    if (!impls.back())
      continue;
    check_usable(*impls.back(), operation);
    recorded = recorded || (recorder && (recorder->is_recorded(impls.back()) || begins_history(*impls.back())));
  }
  return recorded ? recorder->record(operation, operands, attributes) : evaluate(operation, impls, attributes);
}

Tensor apply(const char *operation, const std::vector<Tensor> &operands, const Attributes &attributes) {
  return dispatch(operation, operands, attributes)[0];
}

Tensor apply_elementwise(const char *operation, const std::vector<Tensor> &operands, const Attributes &attributes) {
  const Tensor result = apply(operation, operands, attributes);
  std::vector<Geometry> geometries;
  for (const Tensor &operand : operands)
    geometries.push_back(geometry_of(*TensorAccess::impl(operand)));
  return with_geometry(result, elementwise_geometry(result.sizes().vec(), geometries));
}

Tensor with_geometry(const Tensor &result, Geometry geometry) {
  const TensorImplPtr impl = TensorAccess::impl(result);
  geometry.offset = 0;
  if (geometry.is_contiguous())
    return result;
  if (impl->symbolic)
    impl->symbolic->geometry = impl->symbolic->storage->geometry = std::move(geometry);
  else
    impl->value = with_strides(impl->value, geometry);
  return result;
}

Tensor make_full(std::vector<int64_t> sizes, const Scalar &value, DType dtype) {
  // Integers beyond 2^53 are no doubles.
  constexpr int64_t kExact = int64_t{1} << 53;
  const bool keep_integer = !value.is_floating_point() && (runtime::is_integral(dtype) || std::abs(value.to_int64()) > kExact);
  Attributes attributes{{"shape", std::vector<DimExpr>(sizes.begin(), sizes.end())}, {"dtype", dtype}};
  if (keep_integer)
    attributes.set("value", value.to_int64());
  else
    attributes.set("value", value.to_double());
  Recorder *recorder = Recorder::current();
  return recorder ? recorder->record("nn.full", {}, attributes)[0] : evaluate("nn.full", {}, attributes)[0];
}

Tensor make_view(const Tensor &base, ViewStep step, Geometry geometry) {
  const TensorImplPtr from = TensorAccess::impl(base);
  auto impl = std::make_shared<TensorImpl>();
  if (const Recorder *recorder = Recorder::current())
    step.place = std::make_shared<RecordedPlace>(recorder->here());
  step.detached = step.detached || !grad_mode();
  if (from->symbolic) {
    check_usable(*from, "nn.view");
    auto node = std::make_shared<ViewNode>();
    node->storage = from->symbolic->storage;
    node->parent = from->symbolic;
    node->step = std::move(step);
    node->geometry = std::move(geometry);
    impl->symbolic = std::move(node);
  } else {
    impl->value = runtime::Tensor(from->value.storage(), geometry.sizes, geometry.strides, geometry.offset, from->value.dtype());
    impl->origin = from->origin;
    impl->view_of = from;
    impl->view_step = std::move(step);
  }
  return TensorAccess::wrap(std::move(impl));
}

namespace {

// A leaf's elements may not change in a way that a gradient would have to follow.
void check_no_leaf(const TensorImpl &impl) {
  std::string what;
  if (impl.symbolic) {
    const ViewNode *node = Recorder::current() ? impl.symbolic.get() : nullptr; // else there is a better error
    for (bool view = false; node && what.empty(); view = true) {
      if (Autograd::flag(*node) && Recorder::current()->autograd().is_leaf(*node))
        what = view ? "view of a leaf" : "leaf";
      node = node->step.detached ? nullptr : node->parent.get();
    }
  } else if (impl.requires_grad) {
    what = "leaf";
  } else if (concrete_requires_grad(impl)) {
    what = "view of a leaf";
  }
  if (!what.empty())
    fail("a " + what +
         " Variable that requires grad is being used in an in-place operation.\nwrite to a parameter under a kiln::NoGradGuard, or "
         "compute a new tensor");
}

} // namespace

void check_writable(const Tensor &target) {
  const TensorImplPtr impl = require(target, "an in-place operation");
  if (grad_mode())
    check_no_leaf(*impl);
  if (geometry_of(*impl).may_overlap_itself())
    fail("unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please "
         "clone() "
         "the tensor before performing the operation.");
}

void write_elements(const Tensor &target, const Tensor &value) {
  const TensorImplPtr to = TensorAccess::impl(target), from = TensorAccess::impl(value);
  check_usable(*to, "nn.write");
  Recorder *recorder = Recorder::current();
  const bool foreign = recorder && to->origin && to->origin->run != recorder->run(); // made before the recording
  if (recorder && (foreign || recorder->is_recorded(to) || recorder->is_recorded(from)))
    recorder->write(to, value);
  else
    checked([&] { to->value.copy_(from->value); });
}

} // namespace kiln::detail
