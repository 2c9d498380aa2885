// Clipping gradients, between backward() and an optimizer's step().
//
//   loss.backward();
//   nn::utils::clip_grad_norm_(model->parameters(), 1.0);
//   optimizer.step();
//
// As in PyTorch, parameters whose .grad is None are left out, and .grad itself is changed.
#pragma once

#include <vector>

#include "kiln/tensor.h"

namespace kiln::nn::utils {

/// Scales the gradients of all parameters together so that their norm, as of one vector, is at most `max_norm`. Returns the norm
/// that they had, a scalar: a function of a program may return it to the host. `norm_type` is positive, or infinity for the largest
/// magnitude. Throws ValueError for another norm, and with `error_if_nonfinite`, which no compiled function can decide.
KILN_API Tensor clip_grad_norm_(const std::vector<Tensor> &parameters, double max_norm, double norm_type = 2.0,
                                bool error_if_nonfinite = false);
KILN_API Tensor clip_grad_norm_(const Tensor &parameter, double max_norm, double norm_type = 2.0, bool error_if_nonfinite = false);

/// Clamps every element of the gradients to [-clip_value, clip_value].
KILN_API void clip_grad_value_(const std::vector<Tensor> &parameters, double clip_value);
KILN_API void clip_grad_value_(const Tensor &parameter, double clip_value);

} // namespace kiln::nn::utils
