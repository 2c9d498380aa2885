// What pooling and its gradients share: reading their attributes, and sizes of results.
#pragma once

#include "windows.h"

namespace kiln::semantics {

struct Pooling {
  std::vector<int64_t> kernel, stride, padding, dilation;
  bool ceil_mode = false;
  std::size_t rank() const { return kernel.size(); }
};

/// Throws ValueError with PyTorch's text for values that are out of range. Without the attribute,
/// dilation is 1.
Pooling pooling_attributes(const Attributes &attributes, std::string_view operation);

/// The sizes of the input with the last ones pooled. Throws ValueError with PyTorch's text for a
/// wrong number of dimensions and for an input that is too small. `function` is PyTorch's name
/// without the number of dimensions: "max_pool".
std::vector<DimExpr> pooled_sizes(const TensorType &input, const Pooling &pooling,
                                  const std::string &function);

/// The windows of a pooling with these spatial sizes.
Windows pooling_windows(const Pooling &pooling, std::span<const int64_t> input,
                        std::span<const int64_t> output);

/// What the sum of the window at an output position is divided by.
int64_t average_divisor(const Windows &windows, const std::array<int64_t, 3> &position,
                        const Attributes &attributes);

/// The input positions that output position `position` of `outputs` averages.
inline Windows::Range adaptive_range(int64_t position, int64_t inputs, int64_t outputs) {
  return {position * inputs / outputs, ((position + 1) * inputs + outputs - 1) / outputs};
}

/// Calls `visit(output, input, area)` for every element of every window of an adaptive pooling over
/// up to three dimensions.
template <class Visit>
void for_each_adaptive(std::span<const int64_t> input, std::span<const int64_t> output,
                       Visit visit) {
  std::array<int64_t, 3> in{1, 1, 1}, out{1, 1, 1};
  std::copy_backward(input.begin(), input.end(), in.end());
  std::copy_backward(output.begin(), output.end(), out.end());
  int64_t number = 0;
  for (int64_t z = 0; z < out[0]; ++z)
    for (int64_t y = 0; y < out[1]; ++y)
      for (int64_t x = 0; x < out[2]; ++x, ++number) {
        const Windows::Range zs = adaptive_range(z, in[0], out[0]),
                             ys = adaptive_range(y, in[1], out[1]),
                             xs = adaptive_range(x, in[2], out[2]);
        const int64_t area = (zs.end - zs.begin) * (ys.end - ys.begin) * (xs.end - xs.begin);
        for (int64_t i = zs.begin; i < zs.end; ++i)
          for (int64_t j = ys.begin; j < ys.end; ++j)
            for (int64_t k = xs.begin; k < xs.end; ++k)
              visit(number, (i * in[1] + j) * in[2] + k, area);
      }
}

} // namespace kiln::semantics
