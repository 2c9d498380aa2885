// Convolutions and padding as plain functions.
#pragma once

#include "kiln/nn/options/conv.h"

namespace kiln::nn::functional {

/// Of [N, C, ...] or, unbatched, [C, ...], with weight [O, C / groups, ...].
KILN_API Tensor conv1d(const Tensor &input, const Tensor &weight, const Conv1dFuncOptions &options = {});
KILN_API Tensor conv2d(const Tensor &input, const Tensor &weight, const Conv2dFuncOptions &options = {});
KILN_API Tensor conv3d(const Tensor &input, const Tensor &weight, const Conv3dFuncOptions &options = {});

/// Elements put around the last dimensions: a number, the input mirrored or repeated at its edges, or its other end.
KILN_API Tensor pad(const Tensor &input, const PadFuncOptions &options);

} // namespace kiln::nn::functional

namespace kiln {

KILN_API Tensor conv1d(const Tensor &input, const Tensor &weight, const Tensor &bias = {}, ExpandingArray<1> stride = 1,
                       ExpandingArray<1> padding = 0, ExpandingArray<1> dilation = 1, int64_t groups = 1);
KILN_API Tensor conv2d(const Tensor &input, const Tensor &weight, const Tensor &bias = {}, ExpandingArray<2> stride = 1,
                       ExpandingArray<2> padding = 0, ExpandingArray<2> dilation = 1, int64_t groups = 1);
KILN_API Tensor conv3d(const Tensor &input, const Tensor &weight, const Tensor &bias = {}, ExpandingArray<3> stride = 1,
                       ExpandingArray<3> padding = 0, ExpandingArray<3> dilation = 1, int64_t groups = 1);

} // namespace kiln
