// Tensor handles: what they stand for, assignment, description.
#include "kiln/tensor.h"

#include <cmath>

#include "errors.h"
#include "recorder.h"
#include "tensor_impl.h"

namespace kiln {

using detail::fail;
using detail::require;
using detail::TensorAccess;
using detail::TensorImplPtr;

//===----------------------------------------------------------------------===//
// What a handle stands for
//===----------------------------------------------------------------------===//

namespace detail {

TensorImplPtr TensorAccess::impl(const Tensor &tensor) {
  if (!tensor.slot_)
    return tensor.impl_;
  const TensorSlot &slot = *tensor.slot_;
  if (slot.recorded) {
    const Recorder *recorder = Recorder::current();
    if (recorder && recorder->run() == slot.recorded_run)
      return slot.recorded;
  }
  return slot.impl;
}

namespace {

[[noreturn]] void fail_uninitialized_shape() {
  fail("Can't access the shape of an uninitialized parameter or buffer. This error usually happens in `load_state_dict` when "
       "trying to "
       "load an uninitialized parameter into an initialized one. Call `forward` to initialize the parameters before accessing "
       "their "
       "attributes.");
}

// Assignment to a handle that is bound to a registration: PyTorch's attribute assignment.
void assign_registered(const std::shared_ptr<TensorSlot> &slot, const Tensor &value) {
  const TensorImplPtr impl = TensorAccess::impl(value);
  if (impl && impl == TensorAccess::impl(TensorAccess::bound(slot)))
    return;
  Recorder *recorder = Recorder::current();
  if (recorder && slot->is_parameter) {
    const std::string type = impl ? std::string(runtime::scalar_type_name(dtype_of(*impl))) : std::string();
    fail<runtime::TypeError>(
        "cannot assign 'torch." + type + "Tensor' as parameter '" + slot->name +
        "' (torch.nn.Parameter or None expected)\na parameter can't be replaced while recording: keep the value "
        "in a variable of its own, or write into the parameter in place");
  }
  if (recorder) {
    if (!impl)
      fail("buffer '" + slot->name + "' can't be set to None while recording: a compiled model's state stays");
    recorder->assign_buffer(slot, value);
    return;
  }
  if (impl && impl->symbolic)
    fail("a value of a recording can't be registered as '" + slot->name + "' after the recording has ended");
  if (impl && slot->is_parameter && !impl->requires_grad && slot->requires_grad && runtime::is_floating_point(dtype_of(*impl)))
    impl->requires_grad = true;
  slot->impl = impl;
}

} // namespace

TensorImplPtr require(const Tensor &tensor, const char *operation) {
  TensorImplPtr impl = TensorAccess::impl(tensor);
  if (!impl)
    fail(std::string("Expected a proper Tensor but got None (or an undefined Tensor in C++) for argument #0 'self' of ") +
         operation + "\na parameter registered without a tensor is undefined, and .grad before backward(): ask defined() first");
  if (impl->uninitialized)
    fail(std::string("Attempted to use an uninitialized parameter in ") + operation +
         ". This error happens when you are using a `LazyModule` or explicitly manipulating `torch.nn.parameter." +
         (impl->is_buffer ? "UninitializedBuffer" : "UninitializedParameter") +
         "` objects. When using LazyModules Call `forward` with a dummy batch to initialize the parameters before calling torch "
         "functions");
  return impl;
}

DType dtype_of(const TensorImpl &impl) {
  if (impl.symbolic)
    return impl.symbolic->storage->dtype;
  return impl.uninitialized ? impl.uninitialized_dtype : impl.value.dtype();
}

Geometry geometry_of(const TensorImpl &impl) {
  if (impl.symbolic)
    return impl.symbolic->geometry;
  if (impl.uninitialized)
    fail_uninitialized_shape();
  Geometry result;
  result.sizes.assign(impl.value.sizes().begin(), impl.value.sizes().end());
  result.strides.assign(impl.value.strides().begin(), impl.value.strides().end());
  result.offset = impl.value.offset();
  return result;
}

Tensor wrap_concrete(runtime::Tensor value) {
  auto impl = std::make_shared<TensorImpl>();
  auto origin = std::make_shared<Origin>();
  const Recorder *recorder = Recorder::current();
  origin->run = recorder ? recorder->run() : 0;
  origin->sizes.assign(value.sizes().begin(), value.sizes().end());
  origin->dtype = value.dtype();
  origin->frames = capture_frames();
  impl->value = std::move(value);
  impl->origin = std::move(origin);
  return TensorAccess::wrap(std::move(impl));
}

Tensor uninitialized_tensor(DType dtype, bool is_buffer) {
  auto impl = std::make_shared<TensorImpl>();
  impl->uninitialized = true;
  impl->uninitialized_dtype = dtype;
  impl->is_buffer = is_buffer;
  return TensorAccess::wrap(std::move(impl));
}

void materialize(const Tensor &tensor, std::vector<int64_t> sizes) {
  const TensorImplPtr impl = TensorAccess::impl(tensor);
  const Tensor made = wrap_concrete(runtime::Tensor(std::move(sizes), impl->uninitialized_dtype));
  impl->value = TensorAccess::impl(made)->value;
  impl->origin = TensorAccess::impl(made)->origin;
  impl->uninitialized = false;
}

} // namespace detail

Tensor::Tensor(runtime::Tensor value) {
  if (value.defined())
    impl_ = TensorAccess::impl(detail::wrap_concrete(std::move(value)));
}
Tensor::Tensor(const Tensor &other) : impl_(TensorAccess::impl(other)) {}
Tensor::Tensor(Tensor &&other) noexcept : impl_(other.slot_ ? TensorAccess::impl(other) : std::move(other.impl_)) {}
Tensor::Tensor(const RegisteredTensor &registered) : slot_(registered.slot_) {
  if (!slot_)
    impl_ = registered.impl_;
}
Tensor::~Tensor() = default;

Tensor &Tensor::operator=(const Tensor &other) & {
  if (slot_)
    detail::assign_registered(slot_, other);
  else
    impl_ = TensorAccess::impl(other);
  return *this;
}
Tensor &Tensor::operator=(Tensor &&other) & { return *this = static_cast<const Tensor &>(other); }
Tensor &Tensor::operator=(const RegisteredTensor &registered) & {
  if (registered.slot_ && !slot_) {
    slot_ = registered.slot_;
    impl_ = nullptr;
    return *this;
  }
  if (registered.slot_ != slot_)
    *this = static_cast<const Tensor &>(registered);
  return *this;
}
Tensor &Tensor::operator=(const Tensor &other) && {
  copy_(other);
  return *this;
}
Tensor &Tensor::operator=(const Scalar &value) && {
  fill_(value);
  return *this;
}

bool Tensor::defined() const { return TensorAccess::impl(*this) != nullptr; }
bool Tensor::is_same(const Tensor &other) const { return TensorAccess::impl(*this) == TensorAccess::impl(other); }
bool Tensor::is_uninitialized() const {
  const TensorImplPtr impl = TensorAccess::impl(*this);
  return impl && impl->uninitialized;
}
bool Tensor::is_symbolic() const {
  const TensorImplPtr impl = TensorAccess::impl(*this);
  return impl && impl->symbolic != nullptr;
}

Tensor::operator bool() const {
  if (!defined())
    fail("an undefined Tensor has no truth value\nask defined() whether there is a tensor");
  if (numel() == 0)
    fail("Boolean value of Tensor with no values is ambiguous");
  if (numel() > 1)
    fail("Boolean value of Tensor with more than one value is ambiguous");
  return item<double>() != 0;
}

//===----------------------------------------------------------------------===//
// Description
//===----------------------------------------------------------------------===//

namespace {

// For questions that an uninitialised parameter answers with its own error.
TensorImplPtr described(const Tensor &tensor, const char *question) {
  TensorImplPtr impl = TensorAccess::impl(tensor);
  if (!impl)
    fail(std::string(question) + " of an undefined Tensor (None)\nask defined() first");
  if (impl->uninitialized)
    detail::geometry_of(*impl); // throws
  return impl;
}

} // namespace

DType Tensor::dtype() const {
  const TensorImplPtr impl = TensorAccess::impl(*this);
  if (!impl)
    fail("dtype of an undefined Tensor (None)\nask defined() first");
  return detail::dtype_of(*impl);
}
IntArrayRef Tensor::sizes() const {
  const TensorImplPtr impl = described(*this, "sizes");
  return impl->symbolic ? IntArrayRef(impl->symbolic->geometry.sizes) : IntArrayRef(impl->value.sizes());
}
IntArrayRef Tensor::strides() const {
  const TensorImplPtr impl = described(*this, "strides");
  return impl->symbolic ? IntArrayRef(impl->symbolic->geometry.strides) : IntArrayRef(impl->value.strides());
}
int64_t Tensor::dim() const { return static_cast<int64_t>(sizes().size()); }
int64_t Tensor::size(int64_t dim) const {
  const IntArrayRef all = sizes();
  if (all.empty())
    fail<runtime::IndexError>("Dimension specified as " + std::to_string(dim) + " but tensor has no dimensions");
  return all[static_cast<std::size_t>(detail::checked([&] { return semantics::wrap_dim(dim, this->dim()); }))];
}
int64_t Tensor::stride(int64_t dim) const {
  const IntArrayRef all = strides();
  if (all.empty())
    fail<runtime::IndexError>("Dimension specified as " + std::to_string(dim) + " but tensor has no dimensions");
  return all[static_cast<std::size_t>(detail::checked([&] { return semantics::wrap_dim(dim, this->dim()); }))];
}
int64_t Tensor::storage_offset() const { return detail::geometry_of(*described(*this, "storage_offset")).offset; }
int64_t Tensor::numel() const { return detail::geometry_of(*described(*this, "numel")).numel(); }
bool Tensor::is_contiguous() const { return detail::geometry_of(*described(*this, "is_contiguous")).is_contiguous(); }

const runtime::Tensor &Tensor::concrete() const {
  const TensorImplPtr impl = require(*this, "item");
  detail::Recorder *recorder = detail::Recorder::current();
  if (impl->symbolic || (recorder && recorder->is_recorded(impl)))
    fail("the value of a symbolic tensor is not known while recording\na recorded function is compiled for all inputs: an `if`, "
         "a loop "
         "or item() on a tensor's value would be decided now, once and for ever\ncompute with tensors instead (maximum, minimum, "
         "multiplying by a mask), decide by sizes or constructor arguments, or return the tensor and decide in the host program");
  return impl->value;
}

const runtime::Tensor &Tensor::only_element() const {
  const runtime::Tensor &value = concrete();
  if (value.numel() != 1)
    fail("a Tensor with " + std::to_string(value.numel()) + " elements cannot be converted to Scalar");
  return value;
}

//===----------------------------------------------------------------------===//
// Comparison of concrete tensors
//===----------------------------------------------------------------------===//

bool Tensor::equal(const Tensor &other) const {
  const runtime::Tensor &a = concrete(), &b = other.concrete();
  if (sizes() != other.sizes())
    return false;
  if (a.dtype() != b.dtype())
    fail("Expected object of data type " + std::string(runtime::name(a.dtype())) + " but got data type " +
         std::string(runtime::name(b.dtype())) + " for argument 'other' in call to equal");
  const runtime::Tensor x = a.contiguous(), y = b.contiguous();
  if (!runtime::is_floating_point(a.dtype()))
    return x.nbytes() == 0 || std::memcmp(x.data(), y.data(), x.nbytes()) == 0;
  const runtime::Tensor p = x.to(DType::Float64), q = y.to(DType::Float64);
  for (int64_t i = 0; i < p.numel(); ++i)
    if (!(p.data<double>()[i] == q.data<double>()[i]))
      return false;
  return true;
}

bool Tensor::allclose(const Tensor &other, double rtol, double atol, bool equal_nan) const {
  const std::vector<int64_t> shape = detail::broadcast_sizes(sizes(), other.sizes());
  const runtime::Tensor a = concrete().expand(shape).to(DType::Float64).contiguous(),
                        b = other.concrete().expand(shape).to(DType::Float64).contiguous();
  for (int64_t i = 0; i < a.numel(); ++i) {
    const double x = a.data<double>()[i], y = b.data<double>()[i];
    const bool both_nan = std::isnan(x) && std::isnan(y);
    if (x != y && !(both_nan && equal_nan) && !(std::fabs(x - y) <= atol + rtol * std::fabs(y) && std::isfinite(y)))
      return false;
  }
  return true;
}

} // namespace kiln
