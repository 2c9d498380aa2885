// Convolutions, and their lazy forms.
#include "kiln/nn/modules/conv.h"

#include <cmath>

#include "../errors.h"
#include "../python_text.h"
#include "../recorder.h"
#include "../tensor_impl.h"
#include "kiln/nn/functional/conv.h"
#include "kiln/nn/init.h"
#include "run.h"

namespace kiln {

namespace detail {

void throw_wrong_count(std::size_t expected, std::size_t found) {
  fail("Expected " + std::to_string(expected) + " values, but instead got " + std::to_string(found) +
       "\ngive one number for each spatial dimension, or one for all of them");
}

} // namespace detail

namespace nn {

using kiln::detail::fail;

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

namespace {

constexpr const char *kSameAndStride = "padding='same' is not supported for strided convolutions";

template <std::size_t D> bool is_strided(const ExpandingArray<D> &stride) {
  return std::any_of(stride.begin(), stride.end(), [](int64_t step) { return step != 1; });
}

/// Elements of padding before and behind each dimension.
struct Padding {
  std::vector<int64_t> low, high;
};

template <std::size_t D>
Padding resolved(const detail::conv_padding_t<D> &padding, const std::vector<int64_t> &kernel,
                 const ExpandingArray<D> &dilation) {
  Padding result{std::vector<int64_t>(D, 0), std::vector<int64_t>(D, 0)};
  if (const auto *numbers = std::get_if<ExpandingArray<D>>(&padding))
    result.low = result.high = numbers->vec();
  if (std::holds_alternative<enumtype::kSame>(padding))
    for (std::size_t d = 0; d < D; ++d) {
      const int64_t total = dilation[d] * (kernel[d] - 1);
      result.low[d] = total / 2;
      result.high[d] = total - total / 2;
    }
  return result;
}

template <std::size_t D>
Tensor convolution(const Tensor &input, const Tensor &weight, const functional::ConvFuncOptions<D> &options) {
  const std::string name = "conv" + std::to_string(D) + "d";
  kiln::detail::require(input, name.c_str());
  kiln::detail::require(weight, name.c_str());
  const auto dim = static_cast<std::size_t>(input.dim());
  if (dim != D + 1 && dim != D + 2)
    fail("Expected " + std::to_string(D + 1) + "D (unbatched) or " + std::to_string(D + 2) + "D (batched) input to " + name +
         ", but got input of size: " + kiln::detail::sizes_text(input.sizes()));
  if (static_cast<std::size_t>(weight.dim()) != D + 2)
    fail(name + " needs a weight of " + std::to_string(D + 2) +
         " dimensions [out_channels, in_channels / groups, ...], but got " + kiln::detail::sizes_text(weight.sizes()));
  if (std::holds_alternative<enumtype::kSame>(options.padding()) && is_strided(options.stride()))
    fail(kSameAndStride);
  const std::vector<int64_t> weight_sizes = weight.sizes().vec();
  const Padding padding = resolved<D>(options.padding(), {weight_sizes.begin() + 2, weight_sizes.end()}, options.dilation());
  const bool is_batched = dim == D + 2;
  const Tensor result = kiln::detail::apply("nn.conv", {is_batched ? input : input.unsqueeze(0), weight, options.bias()},
                                            {{"stride", options.stride().vec()},
                                             {"padding_low", padding.low},
                                             {"padding_high", padding.high},
                                             {"dilation", options.dilation().vec()},
                                             {"groups", options.groups()}});
  return is_batched ? result : result.squeeze(0);
}

} // namespace

namespace functional {
Tensor conv1d(const Tensor &input, const Tensor &weight, const Conv1dFuncOptions &options) {
  return convolution<1>(input, weight, options);
}
Tensor conv2d(const Tensor &input, const Tensor &weight, const Conv2dFuncOptions &options) {
  return convolution<2>(input, weight, options);
}
Tensor conv3d(const Tensor &input, const Tensor &weight, const Conv3dFuncOptions &options) {
  return convolution<3>(input, weight, options);
}
} // namespace functional

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

template <std::size_t D> ConvNdBase<D>::ConvNdBase(const ConvOptions<D> &given) : options(given) {
  if (options.groups() <= 0)
    fail("groups must be a positive integer");
  if (options.in_channels() % options.groups() != 0)
    fail("in_channels must be divisible by groups");
  if (options.out_channels() % options.groups() != 0)
    fail("out_channels must be divisible by groups");
  if (std::holds_alternative<enumtype::kSame>(options.padding()) && is_strided(options.stride()))
    fail(kSameAndStride);
  weight = register_parameter("weight", kiln::empty(weight_sizes()));
  bias = register_parameter("bias", options.bias() ? kiln::empty({options.out_channels()}) : Tensor());
  ConvNdBase::reset_parameters();
}

template <std::size_t D> ConvNdBase<D>::ConvNdBase(const LazyConvOptions<D> &lazy) : options(lazy) {
  if (options.groups() <= 0)
    fail("groups must be a positive integer");
  if (std::holds_alternative<enumtype::kSame>(options.padding()) && is_strided(options.stride()))
    fail(kSameAndStride);
  weight = register_parameter("weight", kiln::detail::uninitialized_tensor(kFloat32, /*is_buffer=*/false));
  bias =
      register_parameter("bias", options.bias() ? kiln::detail::uninitialized_tensor(kFloat32, /*is_buffer=*/false) : Tensor());
}

template <std::size_t D> std::vector<int64_t> ConvNdBase<D>::weight_sizes() const {
  std::vector<int64_t> sizes = {options.out_channels(), options.in_channels() / options.groups()};
  sizes.insert(sizes.end(), options.kernel_size().begin(), options.kernel_size().end());
  return sizes;
}

template <std::size_t D> void ConvNdBase<D>::reset_parameters() {
  init::kaiming_uniform_(weight, std::sqrt(5.0));
  const int64_t out_channels = weight.size(0), fan_in = out_channels == 0 ? 0 : weight.numel() / out_channels;
  if (bias.defined() && fan_in != 0) {
    const double bound = 1 / std::sqrt(static_cast<double>(fan_in));
    init::uniform_(bias, -bound, bound);
  }
}

template <std::size_t D> Tensor ConvNdBase<D>::forward(const Tensor &input) {
  return detail::run_layer(*this, [&] {
    auto convolved = [&](const Tensor &padded, const detail::conv_padding_t<D> &padding) {
      return convolution<D>(padded, weight,
                            functional::ConvFuncOptions<D>()
                                .bias(bias)
                                .stride(options.stride())
                                .padding(padding)
                                .dilation(options.dilation())
                                .groups(options.groups()));
    };
    const detail::conv_padding_mode_t mode = options.padding_mode();
    if (std::holds_alternative<enumtype::kZeros>(mode))
      return convolved(input, options.padding());
    const Padding padding = resolved<D>(options.padding(), options.kernel_size().vec(), options.dilation());
    std::vector<int64_t> reversed; // F::pad begins with the last dimension
    for (std::size_t d = D; d-- > 0;)
      reversed.insert(reversed.end(), {padding.low[d], padding.high[d]});
    functional::PadFuncOptions pad(reversed);
    if (std::holds_alternative<enumtype::kReflect>(mode))
      pad.mode(kReflect);
    else if (std::holds_alternative<enumtype::kReplicate>(mode))
      pad.mode(kReplicate);
    else
      pad.mode(kCircular);
    return convolved(functional::pad(input, pad), kValid);
  });
}

namespace {

template <std::size_t D> std::string padding_text(const detail::conv_padding_t<D> &padding) {
  if (std::holds_alternative<enumtype::kSame>(padding))
    return "same";
  if (std::holds_alternative<enumtype::kValid>(padding))
    return "valid";
  return kiln::detail::tuple_text(std::get<ExpandingArray<D>>(padding).vec());
}

const char *mode_text(const detail::conv_padding_mode_t &mode) {
  static const char *const names[] = {"zeros", "reflect", "replicate", "circular"}; // the variant's order
  return names[mode.index()];
}

} // namespace

template <std::size_t D> std::string ConvNdBase<D>::extra_repr() const {
  using kiln::detail::tuple_text;
  auto uniform = [](int64_t value) { return tuple_text(std::vector<int64_t>(D, value)); };
  std::string text = std::to_string(options.in_channels()) + ", " + std::to_string(options.out_channels()) +
                     ", kernel_size=" + tuple_text(options.kernel_size().vec()) +
                     ", stride=" + tuple_text(options.stride().vec());
  if (const std::string padding = padding_text<D>(options.padding()); padding != uniform(0))
    text += ", padding=" + padding;
  if (const std::string dilation = tuple_text(options.dilation().vec()); dilation != uniform(1))
    text += ", dilation=" + dilation;
  if (options.groups() != 1)
    text += ", groups=" + std::to_string(options.groups());
  if (!bias.defined())
    text += ", bias=False";
  if (!std::holds_alternative<enumtype::kZeros>(options.padding_mode()))
    text += std::string(", padding_mode=") + mode_text(options.padding_mode());
  return text;
}

//===----------------------------------------------------------------------===//
// Lazy modules
//===----------------------------------------------------------------------===//

template <std::size_t D> void LazyConvNdBase<D>::reset_parameters() {
  if (!this->weight.is_uninitialized() && this->options.in_channels() != 0)
    ConvNdBase<D>::reset_parameters();
}

template <std::size_t D> void LazyConvNdBase<D>::initialize_parameters(const Tensor &input) {
  const auto dim = static_cast<std::size_t>(input.dim());
  const std::string own_name = "LazyConv" + std::to_string(D) + "d";
  if (!this->weight.is_uninitialized()) { // the shape came with a state_dict
    became_conv_ = true;
    return;
  }
  if (dim != D + 1 && dim != D + 2)
    fail("Expected " + std::to_string(D + 1) + "D (unbatched) or " + std::to_string(D + 2) + "D (batched) input to " + own_name +
         ", but got input of size: torch.Size(" + kiln::detail::sizes_text(input.sizes()) + ")");
  const int64_t in_channels = input.size(dim == D + 2 ? 1 : 0);
  kiln::detail::Recorder *recorder = kiln::detail::Recorder::current();
  if (recorder && recorder->expression_of(in_channels))
    fail(own_name + " can't learn in_channels from its first input " + kiln::detail::sizes_text(input.sizes()) +
         ": its channels are " + kiln::detail::size_text(in_channels) +
         ", which is known only at run time\ngive the input's channels a number, or use nn::Conv" + std::to_string(D) + "d");
  if (in_channels % this->options.groups() != 0)
    fail("in_channels must be divisible by groups");
  this->options.in_channels(in_channels);
  kiln::detail::materialize(this->weight, this->weight_sizes());
  if (this->bias.defined())
    kiln::detail::materialize(this->bias, {this->options.out_channels()});
  reset_parameters();
  if (recorder)
    recorder->tensors_materialized();
  became_conv_ = true;
}

template <std::size_t D> Tensor LazyConvNdBase<D>::forward(const Tensor &input) {
  return detail::run_layer(*this, [&] {
    if (!became_conv_)
      initialize_parameters(input);
    return ConvNdBase<D>::forward(input);
  });
}

template <std::size_t D> std::string LazyConvNdBase<D>::name() const {
  return (became_conv_ ? "Conv" : "LazyConv") + std::to_string(D) + "d";
}

template class ConvNdBase<1>;
template class ConvNdBase<2>;
template class ConvNdBase<3>;
template class LazyConvNdBase<1>;
template class LazyConvNdBase<2>;
template class LazyConvNdBase<3>;

} // namespace nn

//===----------------------------------------------------------------------===//
// As in ATen
//===----------------------------------------------------------------------===//

Tensor conv1d(const Tensor &input, const Tensor &weight, const Tensor &bias, ExpandingArray<1> stride, ExpandingArray<1> padding,
              ExpandingArray<1> dilation, int64_t groups) {
  return nn::functional::conv1d(
      input, weight,
      nn::functional::Conv1dFuncOptions().bias(bias).stride(stride).padding(padding).dilation(dilation).groups(groups));
}
Tensor conv2d(const Tensor &input, const Tensor &weight, const Tensor &bias, ExpandingArray<2> stride, ExpandingArray<2> padding,
              ExpandingArray<2> dilation, int64_t groups) {
  return nn::functional::conv2d(
      input, weight,
      nn::functional::Conv2dFuncOptions().bias(bias).stride(stride).padding(padding).dilation(dilation).groups(groups));
}
Tensor conv3d(const Tensor &input, const Tensor &weight, const Tensor &bias, ExpandingArray<3> stride, ExpandingArray<3> padding,
              ExpandingArray<3> dilation, int64_t groups) {
  return nn::functional::conv3d(
      input, weight,
      nn::functional::Conv3dFuncOptions().bias(bias).stride(stride).padding(padding).dilation(dilation).groups(groups));
}

} // namespace kiln
