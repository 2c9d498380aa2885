// Losses as plain functions.
#pragma once

#include "kiln/nn/options/loss.h"

namespace kiln::nn::functional {

/// Of scores [C], [N, C] or [N, C, d1, ...] against class numbers of the same sizes without C: softmax and the negative logarithm
/// in one. Or against probabilities, a floating-point target of the same sizes; target and weight may then require gradients.
/// Throws ValueError with PyTorch's text for sizes and types that do not fit; IndexError for a class that does not exist.
KILN_API Tensor cross_entropy(const Tensor &input, const Tensor &target, const CrossEntropyFuncOptions &options = {});

/// Squared differences. Different sizes are broadcast, with PyTorch's warning.
KILN_API Tensor mse_loss(const Tensor &input, const Tensor &target, const MSELossFuncOptions &options = {});

} // namespace kiln::nn::functional

namespace kiln {

/// As in ATen: the reduction of a loss as a number.
namespace Reduction {
enum Reduction { None, Mean, Sum };
} // namespace Reduction

KILN_API Tensor cross_entropy_loss(const Tensor &input, const Tensor &target, const Tensor &weight = {},
                                   int64_t reduction = Reduction::Mean, int64_t ignore_index = -100, double label_smoothing = 0);
KILN_API Tensor mse_loss(const Tensor &input, const Tensor &target, int64_t reduction = Reduction::Mean);

} // namespace kiln
