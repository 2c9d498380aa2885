// What a Tensor handle stands for: concrete numbers, or a view of a value of the running recording.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "geometry.h"
#include "kiln/semantics/program.h"
#include "kiln/tensor.h"

namespace kiln::nn {
class Module;
}

namespace kiln::detail {

/// Where in the user's program something was recorded.
struct RecordedPlace {
  semantics::Frames frames;
  std::string module_key; // as in Trace
};

/// One step from a tensor to a view of it, as the operation that computes the view's value.
struct ViewStep {
  enum class Kind {
    Alias,   // the same elements in the same shape
    Reshape, // row-major, to the view's sizes
    Permute, // dims
    Expand,  // to the view's sizes
    Slice,   // dim, start, end, step
    Dropout, // the identity, kept as an operation so that the compiler sees the layer
  };
  Kind kind = Kind::Alias;
  std::vector<int64_t> dims;
  int64_t dim = 0, start = 0, end = 0, step = 1;
  double p = 0;
  /// No gradient flows through it: detach(), or a view that was made under no_grad.
  bool detached = false;
  /// Where the view was made: its value is computed when it is first used, but belongs there. Null outside a recording.
  std::shared_ptr<const RecordedPlace> place;
};

/// Where a concrete tensor came from; operations on it hand its origin on.
struct Origin {
  /// Number of the recording run that made it; 0 for none.
  uint64_t run = 0;
  std::vector<int64_t> sizes;
  DType dtype = DType::Float32;
  semantics::Frames frames;
};

/// What all views of a symbolic value share: the current value of the whole, which in-place writes replace.
struct SymbolicStorage {
  uint64_t run = 0; // recording run that it belongs to
  Geometry geometry;
  DType dtype = DType::Float32;
  semantics::ValueId value = semantics::kAbsent; // kAbsent: not read yet (state)
  uint64_t version = 0;                          // in-place writes so far
  int32_t state = -1;                            // index of the state that lay here when the call began; -1: none
  bool is_foreign = false;                       // a tensor made before the recording, which no compiled program can write
};

/// The values that stand for a leaf of the autograd graph, while its elements do not change.
struct LeafValues {
  semantics::ValueId raw = semantics::kAbsent;       // what the node computes
  semantics::ValueId trainable = semantics::kAbsent; // what is used, and differentiated, while the leaf requires a gradient
  bool used_frozen = false;                          // whether `raw` was used while it did not
};

/// A view of a symbolic storage. The root stands for the whole.
struct ViewNode {
  std::shared_ptr<SymbolicStorage> storage;
  std::shared_ptr<ViewNode> parent; // null for the root
  ViewStep step;                    // from parent
  Geometry geometry;
  semantics::ValueId value = semantics::kAbsent; // value at `version`, once computed from the parent's value `from`
  semantics::ValueId from = semantics::kAbsent;
  uint64_t version = 0;
  const TensorImpl *owner = nullptr; // the concrete tensor that it stands for, whose requires_grad flag counts; else
  bool requires_grad = false;        // the flag of the symbolic one
  LeafValues leaf;
};

struct TensorImpl {
  runtime::Tensor value;              // concrete
  std::shared_ptr<ViewNode> symbolic; // or symbolic
  bool uninitialized = false;         // or a lazy parameter without a shape, of this element type:
  DType uninitialized_dtype = DType::Float32;

  bool requires_grad = false;           // of a concrete one; a symbolic one's flag is its node's
  std::shared_ptr<Tensor> grad;         // set by the model's code outside of recordings
  bool is_buffer = false;               // of an uninitialized one
  std::shared_ptr<const Origin> origin; // concrete only
  // Concrete views remember how they were made: inside a recording a view of state becomes the same view of the state's value.
  TensorImplPtr view_of;
  ViewStep view_step;
};

/// A registration: the tensor under a name of a module. Handles bound to it and the module share it.
struct TensorSlot {
  TensorImplPtr impl; // null: None
  bool is_parameter = true;
  bool persistent = true;
  bool requires_grad = true;
  std::string name;
  /// What stands in the slot for the rest of the running recording, after the model's code assigned another tensor to a buffer.
  TensorImplPtr recorded;
  uint64_t recorded_run = 0;
};

struct TensorAccess {
  /// Null for an undefined tensor.
  static TensorImplPtr impl(const Tensor &tensor);
  static const std::shared_ptr<TensorSlot> &slot(const Tensor &tensor) { return tensor.slot_; }
  static Tensor wrap(TensorImplPtr impl) {
    Tensor result;
    result.impl_ = std::move(impl);
    return result;
  }
  static RegisteredTensor bound(std::shared_ptr<TensorSlot> slot) { return RegisteredTensor(std::move(slot)); }
  static std::shared_ptr<RegisteredTensor> make_bound(std::shared_ptr<TensorSlot> slot) {
    return std::shared_ptr<RegisteredTensor>(new RegisteredTensor(std::move(slot)));
  }
};

/// The impl of a defined, initialised tensor. Throws with PyTorch's texts otherwise; `operation` is who asks.
TensorImplPtr require(const Tensor &tensor, const char *operation);
DType dtype_of(const TensorImpl &impl);
Geometry geometry_of(const TensorImpl &impl);

/// A concrete tensor made by the running code.
Tensor wrap_concrete(runtime::Tensor value);
/// A parameter or buffer whose shape the first call of a lazy module decides.
Tensor uninitialized_tensor(DType dtype, bool is_buffer);
/// Gives an uninitialised tensor its shape, zero-filled.
void materialize(const Tensor &tensor, std::vector<int64_t> sizes);

/// Whether gradients are recorded: false under a NoGradGuard.
bool &grad_mode();

/// A view of `base`; concrete or symbolic as it is.
Tensor make_view(const Tensor &base, ViewStep step, Geometry geometry);

// Operations. All operands and results of the program go through these.

/// Evaluates or records an operation of the semantics table. Undefined tensors are absent operands.
std::vector<Tensor> dispatch(const char *operation, const std::vector<Tensor> &operands,
                             const semantics::Attributes &attributes = {});
/// The same for one result.
Tensor apply(const char *operation, const std::vector<Tensor> &operands, const semantics::Attributes &attributes = {});
/// The same for an element-wise operation: the result's strides follow the operands', as PyTorch's do.
Tensor apply_elementwise(const char *operation, const std::vector<Tensor> &operands,
                         const semantics::Attributes &attributes = {});
/// A fresh result with the strides of `geometry`, whose sizes it has: what PyTorch's layout rules say about it.
Tensor with_geometry(const Tensor &result, Geometry geometry);
/// nn.full: recorded inside a recording, evaluated outside.
Tensor make_full(std::vector<int64_t> sizes, const Scalar &value, DType dtype);
/// Replaces the elements of `target` by those of `value`, which has its sizes and element type.
void write_elements(const Tensor &target, const Tensor &value);
/// Throws PyTorch's errors for tensors that may not be written in place.
void check_writable(const Tensor &target);

// Type promotion.

struct PromotionOperand {
  DType dtype;
  int64_t dim;    // number of dimensions
  bool is_number; // a C++ number: weaker than any tensor
};
DType promote_types(DType a, DType b);
/// PyTorch's result_type: numbers and tensors without dimensions only count where their category is higher.
DType result_type(const std::vector<PromotionOperand> &operands);
/// Whether a result may be stored in a tensor of another type in place.
bool can_cast(DType from, DType to);

} // namespace kiln::detail
