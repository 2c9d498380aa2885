// Gradients: where they are recorded, and asking for them.
//
//   auto loss = F::cross_entropy(model(x), y);
//   loss.backward();                               // accumulates into the parameters' .grad
//
// Reads as in PyTorch, inside the functions of a program. What requires a gradient is decided while recording, from the
// parameters' requires_grad flags; the gradients' formulas are the compiler's. A parameter's .grad outlives the call: the host
// can read it, and the next call adds to it unless it is set to None (zero_grad).
#pragma once

#include <optional>
#include <vector>

#include "kiln/tensor.h"

namespace kiln {

/// Whether operations are recorded for differentiation. On unless code turns it off; a recorded function that returns gets back
/// the mode that it began with.
class KILN_API GradMode {
public:
  static bool is_enabled();
  static void set_enabled(bool enabled);
};

/// Sets the mode for as long as it lives.
class KILN_API AutoGradMode {
public:
  explicit AutoGradMode(bool enabled) : previous_(GradMode::is_enabled()) { GradMode::set_enabled(enabled); }
  ~AutoGradMode() { GradMode::set_enabled(previous_); }
  AutoGradMode(const AutoGradMode &) = delete;
  AutoGradMode &operator=(const AutoGradMode &) = delete;

private:
  bool previous_;
};

/// While one lives, what is computed requires no gradient, and parameters may be written in place: PyTorch's no_grad.
class KILN_API NoGradGuard : public AutoGradMode {
public:
  NoGradGuard();
  ~NoGradGuard();
};

namespace autograd {

using Variable = Tensor;
using variable_list = std::vector<Tensor>;
using kiln::AutoGradMode;
using kiln::GradMode;

/// Accumulates gradients of several tensors into the leaves' .grad, or that of `inputs` alone. `grad_tensors` may be left out for
/// tensors with one element. The graph can be used once unless `retain_graph` is true. Throws ValueError with PyTorch's texts.
KILN_API void backward(const variable_list &tensors, const variable_list &grad_tensors = {},
                       std::optional<bool> retain_graph = {}, bool create_graph = false, const variable_list &inputs = {});

/// The gradients of the sum of `outputs` with respect to `inputs`; no .grad changes. Unused inputs are an error, or undefined
/// with `allow_unused`.
KILN_API variable_list grad(const variable_list &outputs, const variable_list &inputs, const variable_list &grad_outputs = {},
                            std::optional<bool> retain_graph = {}, bool create_graph = false, bool allow_unused = false);

} // namespace autograd
} // namespace kiln
