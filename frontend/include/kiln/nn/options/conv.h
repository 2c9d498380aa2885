// Options of convolutions and of padding.
#pragma once

#include <variant>

#include "kiln/enum.h"
#include "kiln/expanding_array.h"
#include "kiln/nn/options.h"

namespace kiln::nn {

namespace detail {
/// What stands around the input: numbers of elements; none; or as many as keep the size.
template <std::size_t D> using conv_padding_t = std::variant<ExpandingArray<D>, enumtype::kValid, enumtype::kSame>;
/// What these elements are.
using conv_padding_mode_t = std::variant<enumtype::kZeros, enumtype::kReflect, enumtype::kReplicate, enumtype::kCircular>;
} // namespace detail

/// Over D spatial dimensions: `nn::Conv2dOptions(3, 64, 7).stride(2).padding(3).bias(false)`.
template <std::size_t D> struct ConvOptions {
  using padding_t = detail::conv_padding_t<D>;
  using padding_mode_t = detail::conv_padding_mode_t;
  ConvOptions(int64_t in_channels, int64_t out_channels, ExpandingArray<D> kernel_size)
      : in_channels_(in_channels), out_channels_(out_channels), kernel_size_(kernel_size) {}
  KILN_ARG(int64_t, in_channels);
  KILN_ARG(int64_t, out_channels);
  KILN_ARG(ExpandingArray<D>, kernel_size);
  KILN_ARG(ExpandingArray<D>, stride) = 1;

public:
  ConvOptions &padding(const padding_t &new_padding) {
    padding_ = new_padding;
    return *this;
  }
  /// `padding({1, 2})`.
  ConvOptions &padding(std::initializer_list<int64_t> new_padding) { return padding(padding_t(ExpandingArray<D>(new_padding))); }
  /// `padding(1)`.
  ConvOptions &padding(int64_t new_padding) { return padding(padding_t(ExpandingArray<D>(new_padding))); }
  const padding_t &padding() const noexcept { return padding_; }
  padding_t &padding() noexcept { return padding_; }

private:
  padding_t padding_ = ExpandingArray<D>(0);
  KILN_ARG(ExpandingArray<D>, dilation) = 1;
  KILN_ARG(int64_t, groups) = 1;
  KILN_ARG(bool, bias) = true;
  KILN_ARG(padding_mode_t, padding_mode) = kZeros;
};
using Conv1dOptions = ConvOptions<1>;
using Conv2dOptions = ConvOptions<2>;
using Conv3dOptions = ConvOptions<3>;

/// The same without in_channels, which the first input tells.
template <std::size_t D> struct LazyConvOptions : ConvOptions<D> {
  LazyConvOptions(int64_t out_channels, ExpandingArray<D> kernel_size) : ConvOptions<D>(0, out_channels, kernel_size) {}
  LazyConvOptions(const ConvOptions<D> &options) : ConvOptions<D>(options) {} // what chained setters return
};
using LazyConv1dOptions = LazyConvOptions<1>;
using LazyConv2dOptions = LazyConvOptions<2>;
using LazyConv3dOptions = LazyConvOptions<3>;

namespace functional {

template <std::size_t D> struct ConvFuncOptions {
  using padding_t = nn::detail::conv_padding_t<D>;
  KILN_ARG(Tensor, bias);
  KILN_ARG(ExpandingArray<D>, stride) = 1;

public:
  ConvFuncOptions &padding(const padding_t &new_padding) {
    padding_ = new_padding;
    return *this;
  }
  ConvFuncOptions &padding(std::initializer_list<int64_t> new_padding) {
    return padding(padding_t(ExpandingArray<D>(new_padding)));
  }
  ConvFuncOptions &padding(int64_t new_padding) { return padding(padding_t(ExpandingArray<D>(new_padding))); }
  const padding_t &padding() const noexcept { return padding_; }

private:
  padding_t padding_ = ExpandingArray<D>(0);
  KILN_ARG(ExpandingArray<D>, dilation) = 1;
  KILN_ARG(int64_t, groups) = 1;
};
using Conv1dFuncOptions = ConvFuncOptions<1>;
using Conv2dFuncOptions = ConvFuncOptions<2>;
using Conv3dFuncOptions = ConvFuncOptions<3>;

struct PadFuncOptions {
  using mode_t = std::variant<enumtype::kConstant, enumtype::kReflect, enumtype::kReplicate, enumtype::kCircular>;
  PadFuncOptions(std::vector<int64_t> pad) : pad_(std::move(pad)) {}
  /// Elements before and behind the last dimension, then the one before it, and so on. Negative ones are taken away (constant
  /// only).
  KILN_ARG(std::vector<int64_t>, pad);
  KILN_ARG(mode_t, mode) = kConstant;
  /// What is put there in the constant mode.
  KILN_ARG(double, value) = 0.0;
};

} // namespace functional
} // namespace kiln::nn
