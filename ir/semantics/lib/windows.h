// Windows that slide over the last dimensions of a tensor: the geometry that convolutions and
// pooling share.
//
// Along one dimension, tap k of the window at output position i reads input position
// i * stride - low + k * dilation; positions outside the input are padding. One to three such
// dimensions are always seen as three: a missing one has size 1 and a window of one tap.
#pragma once

#include <algorithm>
#include <array>

#include "kernels.h"

namespace kiln::semantics {

/// Attribute `name` as one number for each of `rank` dimensions. Throws ValueError otherwise.
std::vector<int64_t> window_attribute(const Attributes &attributes, const std::string &name,
                                      std::size_t rank, std::string_view operation);

/// "3x4x4": sizes without brackets.
std::string cross_text(std::span<const DimExpr> sizes);

struct Windows {
  struct Dim {
    int64_t input = 1, output = 1, kernel = 1, stride = 1, low = 0, dilation = 1;
  };
  std::array<Dim, 3> dims; // outermost first

  /// Windows over `input` sizes; every list has one entry a dimension.
  Windows(std::span<const int64_t> input, std::span<const int64_t> output,
          std::span<const int64_t> kernel, std::span<const int64_t> stride,
          std::span<const int64_t> low, std::span<const int64_t> dilation);

  /// Numbers of positions and taps, of all dimensions.
  int64_t inputs() const { return product_of(&Dim::input); }
  int64_t outputs() const { return product_of(&Dim::output); }
  int64_t taps() const { return product_of(&Dim::kernel); }

  struct Range {
    int64_t begin, end;
  };
  /// The output positions along dimension `d` whose tap `k` lies inside the input.
  Range positions(std::size_t d, int64_t k) const {
    const Dim &dim = dims[d];
    const int64_t offset = k * dim.dilation - dim.low; // input = position * stride + offset
    const int64_t begin = offset >= 0 ? 0 : (-offset + dim.stride - 1) / dim.stride;
    const int64_t last = dim.input - 1 - offset;
    const int64_t end = std::min(dim.output, last < 0 ? 0 : last / dim.stride + 1);
    return {begin, std::max(begin, end)};
  }

  /// Calls `visit(tap, output, input, count)` for each tap, in row-major order, and each row of
  /// output positions that have it inside the input: `count` neighbours from offset `output`, which
  /// read the offsets input, input + step(), ...
  template <class Visit> void for_each_segment(Visit visit) const {
    int64_t tap = 0;
    for (int64_t kz = 0; kz < dims[0].kernel; ++kz)
      for (int64_t ky = 0; ky < dims[1].kernel; ++ky)
        for (int64_t kx = 0; kx < dims[2].kernel; ++kx, ++tap) {
          const Range zs = positions(0, kz), ys = positions(1, ky), xs = positions(2, kx);
          if (xs.begin == xs.end)
            continue;
          for (int64_t z = zs.begin; z < zs.end; ++z)
            for (int64_t y = ys.begin; y < ys.end; ++y) {
              const int64_t row =
                  input_at(0, z, kz) * dims[1].input + input_at(1, y, ky); // of the input
              visit(tap, (z * dims[1].output + y) * dims[2].output + xs.begin,
                    row * dims[2].input + input_at(2, xs.begin, kx), xs.end - xs.begin);
            }
        }
  }
  int64_t step() const { return dims[2].stride; }

  /// Calls `visit(output, {z, y, x})` for each output position, in row-major order.
  template <class Visit> void for_each_output(Visit visit) const {
    int64_t number = 0;
    for (int64_t z = 0; z < dims[0].output; ++z)
      for (int64_t y = 0; y < dims[1].output; ++y)
        for (int64_t x = 0; x < dims[2].output; ++x)
          visit(number++, std::array<int64_t, 3>{z, y, x});
  }

private:
  int64_t input_at(std::size_t d, int64_t position, int64_t k) const {
    return position * dims[d].stride - dims[d].low + k * dims[d].dilation;
  }
  int64_t product_of(int64_t Dim::*member) const {
    return dims[0].*member * dims[1].*member * dims[2].*member;
  }
};

/// A tensor seen as [planes, positions], with `rank` dimensions of positions. Contiguous.
Tensor as_planes(const Tensor &tensor, std::size_t rank);
/// The last `rank` sizes.
inline std::vector<int64_t> spatial_sizes(const Tensor &tensor, std::size_t rank) {
  return {tensor.sizes().end() - static_cast<std::ptrdiff_t>(rank), tensor.sizes().end()};
}

} // namespace kiln::semantics
