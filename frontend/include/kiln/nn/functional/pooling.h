// Pooling as plain functions.
#pragma once

#include <tuple>

#include "kiln/nn/options/pooling.h"

namespace kiln::nn::functional {

/// Of [N, C, ...] or, unbatched, [C, ...].
KILN_API Tensor max_pool1d(const Tensor &input, const MaxPool1dFuncOptions &options);
KILN_API Tensor max_pool2d(const Tensor &input, const MaxPool2dFuncOptions &options);
KILN_API Tensor max_pool3d(const Tensor &input, const MaxPool3dFuncOptions &options);

/// The maxima, and where each is: its offset in the spatial dimensions of the input.
KILN_API std::tuple<Tensor, Tensor> max_pool1d_with_indices(const Tensor &input, const MaxPool1dFuncOptions &options);
KILN_API std::tuple<Tensor, Tensor> max_pool2d_with_indices(const Tensor &input, const MaxPool2dFuncOptions &options);
KILN_API std::tuple<Tensor, Tensor> max_pool3d_with_indices(const Tensor &input, const MaxPool3dFuncOptions &options);

KILN_API Tensor avg_pool1d(const Tensor &input, const AvgPool1dFuncOptions &options);
KILN_API Tensor avg_pool2d(const Tensor &input, const AvgPool2dFuncOptions &options);
KILN_API Tensor avg_pool3d(const Tensor &input, const AvgPool3dFuncOptions &options);

KILN_API Tensor adaptive_avg_pool1d(const Tensor &input, const AdaptiveAvgPool1dFuncOptions &options);
KILN_API Tensor adaptive_avg_pool2d(const Tensor &input, const AdaptiveAvgPool2dFuncOptions &options);
KILN_API Tensor adaptive_avg_pool3d(const Tensor &input, const AdaptiveAvgPool3dFuncOptions &options);

} // namespace kiln::nn::functional

namespace kiln {

/// As in ATen; an empty stride is the window's size.
KILN_API Tensor max_pool2d(const Tensor &input, ExpandingArray<2> kernel_size, IntArrayRef stride = {},
                           ExpandingArray<2> padding = 0, ExpandingArray<2> dilation = 1, bool ceil_mode = false);
KILN_API Tensor avg_pool2d(const Tensor &input, ExpandingArray<2> kernel_size, IntArrayRef stride = {},
                           ExpandingArray<2> padding = 0, bool ceil_mode = false, bool count_include_pad = true,
                           std::optional<int64_t> divisor_override = {});
KILN_API Tensor adaptive_avg_pool2d(const Tensor &input, ExpandingArray<2> output_size);

} // namespace kiln
