// The one matrix product behind linear, packed_linear and matmul.
#pragma once

#include "kiln/runtime/tensor.h"

namespace kiln::semantics {

/// out[M, N] = lhs[M, K] * transposed[N, K]^T, plus bias[N] where it is defined. All of one dtype
/// (float, double or an integer type); any strides, but `out` is contiguous. Floating-point sums
/// accumulate in double, integers wrap. `kernel` is PyTorch's name of the kernel, for the message
/// about other types.
void matrix_product(const runtime::Tensor &lhs, const runtime::Tensor &transposed,
                    const runtime::Tensor &bias, const runtime::Tensor &out, const char *kernel);

} // namespace kiln::semantics
