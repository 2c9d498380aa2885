// Tensor: what models compute with.
//
// A handle: copying one shares the tensor. A tensor is one of three things, and a model never has to know which:
//   concrete   holds numbers (a kiln::runtime::Tensor). Operations on concrete tensors are evaluated at once.
//   symbolic   a value of the function that is being recorded (see program.h). Operations on it are recorded.
//   state      a concrete tensor whose storage belongs to a parameter or buffer that a module has registered. Outside a recording
//   it
//              is concrete; inside one, using it reads the compiled model's state and writing to it writes that state.
//
// A member that holds what `register_parameter` or `register_buffer` returned stays bound to the registration: assigning another
// tensor to it replaces what is registered, as attribute assignment does in PyTorch. `output->weight = embedding->weight` ties
// two weights; `running_mean = 0.9 * running_mean + 0.1 * x.mean(0)` updates a buffer. Copies of the handle are not bound.
//
// Views share storage and keep strides, in a recording too: `view` fails exactly where PyTorch's fails, and in-place writes are
// seen through every view.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kiln/int_array_ref.h"
#include "kiln/runtime/tensor.h"
#include "kiln/scalar.h"
#include "kiln/tensor_options.h"

namespace kiln {

class RegisteredTensor;

namespace detail {
struct TensorImpl;
struct TensorSlot;
using TensorImplPtr = std::shared_ptr<TensorImpl>;
/// What a handle stands for; null for an undefined tensor.
struct TensorAccess;
} // namespace detail

class KILN_API Tensor {
public:
  /// An undefined tensor: Python's None.
  Tensor() = default;
  /// A concrete tensor that shares `value`'s storage.
  explicit Tensor(runtime::Tensor value);
  Tensor(const Tensor &other);
  Tensor(Tensor &&other) noexcept;
  /// Binds this handle to the registration.
  Tensor(const RegisteredTensor &registered);
  ~Tensor();

  /// Makes this handle stand for `other`'s tensor; a bound handle also replaces what is registered.
  Tensor &operator=(const Tensor &other) &;
  Tensor &operator=(Tensor &&other) &;
  Tensor &operator=(const RegisteredTensor &registered) &;
  /// Assignment to a temporary view copies elements: `x[0] = y`, `x.select(1, 2) = 0`.
  Tensor &operator=(const Tensor &other) &&;
  Tensor &operator=(const Scalar &value) &&;

  bool defined() const;
  explicit operator bool() const;
  /// Same tensor object: what Python's `is` tells.
  bool is_same(const Tensor &other) const;
  /// True while a lazy parameter has no shape yet.
  bool is_uninitialized() const;
  /// True for a value of a running recording.
  bool is_symbolic() const;

  // Description. While a function is recorded, sizes of named dimensions are stand-in numbers that differ from one recording run
  // to the next; Kiln finds out what was computed from them.
  DType dtype() const;
  DType scalar_type() const { return dtype(); }
  int64_t dim() const;
  int64_t ndimension() const { return dim(); }
  int64_t size(int64_t dim) const;
  IntArrayRef sizes() const;
  IntArrayRef strides() const;
  int64_t stride(int64_t dim) const;
  int64_t storage_offset() const;
  int64_t numel() const;
  bool is_contiguous() const;
  bool is_floating_point() const { return runtime::is_floating_point(dtype()); }
  TensorOptions options() const { return TensorOptions(dtype()); }

  // Gradients (see autograd.h). Inside a recording, backward is recorded; outside it is an error, for nothing is differentiated
  // eagerly.

  bool requires_grad() const;
  /// Throws ValueError with PyTorch's text for integer tensors, and for computed tensors that are to require none.
  const Tensor &requires_grad_(bool value = true) const;
  const Tensor &set_requires_grad(bool value) const { return requires_grad_(value); }
  /// Not computed from a tensor that requires a gradient.
  bool is_leaf() const;
  /// The same storage without requires_grad.
  Tensor detach() const;
  const Tensor &detach_() const;
  Tensor data() const { return detach(); }
  /// What backward has accumulated; undefined (None) before. A gradient that an earlier call of a compiled function may have left
  /// counts as defined while recording, and reads as zeros where it is None.
  Tensor grad() const;
  /// For assignment: `mutable_grad() = Tensor()` is Python's `x.grad = None`.
  Tensor &mutable_grad() const;
  /// Accumulates the gradients of this tensor, which has one element unless `gradient` is given, into the .grad of all leaves that
  /// it depends on, or of `inputs` alone. Throws ValueError with PyTorch's texts.
  void backward(const Tensor &gradient = {}, std::optional<bool> retain_graph = {}, bool create_graph = false,
                const std::optional<std::vector<Tensor>> &inputs = {}) const;
  /// Makes backward accumulate the .grad of a computed tensor too.
  void retain_grad() const;

  // Numbers of concrete tensors. Throw ValueError for a symbolic tensor: its values are not known while recording.
  const runtime::Tensor &concrete() const;
  template <class T> T item() const;
  template <class T> T *data_ptr() const { return concrete().data<T>(); }

  // Views.
  Tensor view(IntArrayRef sizes) const;
  Tensor view_as(const Tensor &other) const { return view(other.sizes()); }
  Tensor reshape(IntArrayRef sizes) const;
  Tensor reshape_as(const Tensor &other) const { return reshape(other.sizes()); }
  Tensor flatten(int64_t start_dim = 0, int64_t end_dim = -1) const;
  Tensor unflatten(int64_t dim, IntArrayRef sizes) const;
  Tensor permute(IntArrayRef dims) const;
  Tensor transpose(int64_t dim0, int64_t dim1) const;
  Tensor t() const;
  Tensor mT() const { return transpose(-2, -1); }
  Tensor squeeze() const;
  Tensor squeeze(int64_t dim) const;
  Tensor unsqueeze(int64_t dim) const;
  Tensor expand(IntArrayRef sizes) const;
  Tensor expand_as(const Tensor &other) const { return expand(other.sizes()); }
  Tensor select(int64_t dim, int64_t index) const;
  Tensor slice(int64_t dim = 0, std::optional<int64_t> start = {}, std::optional<int64_t> end = {}, int64_t step = 1) const;
  Tensor narrow(int64_t dim, int64_t start, int64_t length) const;
  Tensor operator[](int64_t index) const { return select(0, index); }
  std::vector<Tensor> chunk(int64_t chunks, int64_t dim = 0) const;
  std::vector<Tensor> split(int64_t split_size, int64_t dim = 0) const;
  std::vector<Tensor> split(IntArrayRef split_sizes, int64_t dim = 0) const;
  std::vector<Tensor> unbind(int64_t dim = 0) const;

  // Copies.
  Tensor contiguous() const;
  Tensor clone() const;
  Tensor to(DType dtype) const;
  Tensor to(const TensorOptions &options) const { return to(options.dtype_or(dtype())); }
  Tensor type_as(const Tensor &other) const { return to(other.dtype()); }
  Tensor repeat(IntArrayRef repeats) const;

  // Arithmetic with PyTorch's broadcasting and type promotion.
  Tensor add(const Tensor &other, const Scalar &alpha = 1) const;
  Tensor add(const Scalar &other, const Scalar &alpha = 1) const;
  Tensor sub(const Tensor &other, const Scalar &alpha = 1) const;
  Tensor sub(const Scalar &other, const Scalar &alpha = 1) const;
  Tensor mul(const Tensor &other) const;
  Tensor mul(const Scalar &other) const;
  Tensor div(const Tensor &other) const;
  Tensor div(const Scalar &other) const;
  Tensor neg() const;
  Tensor abs() const;
  Tensor exp() const;
  Tensor log() const;
  Tensor sqrt() const;
  Tensor rsqrt() const;
  Tensor relu() const;
  Tensor sigmoid() const;
  Tensor tanh() const;
  /// Over one dimension, which may be counted from the end. With `dtype` the elements are converted before. Throw ValueError with
  /// PyTorch's text for integers.
  Tensor softmax(int64_t dim, std::optional<DType> dtype = {}) const;
  Tensor log_softmax(int64_t dim, std::optional<DType> dtype = {}) const;
  Tensor square() const { return mul(*this); }
  Tensor maximum(const Tensor &other) const;
  Tensor minimum(const Tensor &other) const;
  Tensor matmul(const Tensor &other) const;
  Tensor mm(const Tensor &other) const;
  Tensor bmm(const Tensor &other) const;
  Tensor sum() const;
  Tensor sum(IntArrayRef dims, bool keepdim = false) const;
  Tensor mean() const;
  Tensor mean(IntArrayRef dims, bool keepdim = false) const;

  // Comparisons, element by element. Results are bool.
  Tensor eq(const Tensor &other) const;
  Tensor eq(const Scalar &other) const;
  Tensor ne(const Tensor &other) const;
  Tensor ne(const Scalar &other) const;
  Tensor lt(const Tensor &other) const;
  Tensor lt(const Scalar &other) const;
  Tensor le(const Tensor &other) const;
  Tensor le(const Scalar &other) const;
  Tensor gt(const Tensor &other) const;
  Tensor gt(const Scalar &other) const;
  Tensor ge(const Tensor &other) const;
  Tensor ge(const Scalar &other) const;
  /// This tensor's elements where `condition` is true, else `other`'s.
  Tensor where(const Tensor &condition, const Tensor &other) const;

  // In place. Return *this, as in libtorch.
  const Tensor &add_(const Tensor &other, const Scalar &alpha = 1) const;
  const Tensor &add_(const Scalar &other, const Scalar &alpha = 1) const;
  const Tensor &sub_(const Tensor &other, const Scalar &alpha = 1) const;
  const Tensor &sub_(const Scalar &other, const Scalar &alpha = 1) const;
  const Tensor &mul_(const Tensor &other) const;
  const Tensor &mul_(const Scalar &other) const;
  const Tensor &div_(const Tensor &other) const;
  const Tensor &div_(const Scalar &other) const;
  const Tensor &neg_() const;
  const Tensor &abs_() const;
  const Tensor &exp_() const;
  const Tensor &log_() const;
  const Tensor &sqrt_() const;
  const Tensor &rsqrt_() const;
  const Tensor &relu_() const;
  const Tensor &sigmoid_() const;
  const Tensor &tanh_() const;
  const Tensor &fill_(const Scalar &value) const;
  const Tensor &zero_() const { return fill_(0); }
  const Tensor &copy_(const Tensor &source) const;
  Tensor &operator+=(const Tensor &other) { return add_(other), *this; }
  Tensor &operator+=(const Scalar &other) { return add_(other), *this; }
  Tensor &operator-=(const Tensor &other) { return sub_(other), *this; }
  Tensor &operator-=(const Scalar &other) { return sub_(other), *this; }
  Tensor &operator*=(const Tensor &other) { return mul_(other), *this; }
  Tensor &operator*=(const Scalar &other) { return mul_(other), *this; }
  Tensor &operator/=(const Tensor &other) { return div_(other), *this; }
  Tensor &operator/=(const Scalar &other) { return div_(other), *this; }
  Tensor operator-() const { return neg(); }

  // Random fills, from the default generator; bit for bit PyTorch's on concrete tensors.
  const Tensor &uniform_(double from = 0, double to = 1) const;
  const Tensor &normal_(double mean = 0, double std = 1) const;

  /// All elements and sizes equal. Concrete tensors only.
  bool equal(const Tensor &other) const;
  /// |this - other| <= atol + rtol * |other| everywhere. Concrete tensors only.
  bool allclose(const Tensor &other, double rtol = 1e-5, double atol = 1e-8, bool equal_nan = false) const;
  /// PyTorch's `repr(tensor)`.
  std::string text() const;

protected:
  friend struct detail::TensorAccess;
  /// concrete(), which must have one element.
  const runtime::Tensor &only_element() const;
  detail::TensorImplPtr impl_;               // unused when bound
  std::shared_ptr<detail::TensorSlot> slot_; // set when bound to a registration
};

/// What `register_parameter` and `register_buffer` return: a Tensor that binds the handle it is assigned to or initialises.
class KILN_API RegisteredTensor : public Tensor {
public:
  /// A copy is not bound.
  RegisteredTensor(const RegisteredTensor &other) : Tensor(static_cast<const Tensor &>(other)) {}
  using Tensor::operator=;
  RegisteredTensor &operator=(const RegisteredTensor &other) & {
    Tensor::operator=(static_cast<const Tensor &>(other));
    return *this;
  }

private:
  friend struct detail::TensorAccess;
  explicit RegisteredTensor(std::shared_ptr<detail::TensorSlot> slot) { slot_ = std::move(slot); }
};

template <class T> T Tensor::item() const { return only_element().item<T>(); }

KILN_API std::ostream &operator<<(std::ostream &stream, const Tensor &tensor);

using TensorList = std::vector<Tensor>;

} // namespace kiln

#include "kiln/autograd.h"
#include "kiln/comparisons.h"
#include "kiln/factories.h"
#include "kiln/ops.h"
