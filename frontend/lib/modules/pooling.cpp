// Pooling: modules and functions.
#include "kiln/nn/modules/pooling.h"

#include "../errors.h"
#include "../python_text.h"
#include "../tensor_impl.h"
#include "kiln/nn/functional/pooling.h"
#include "run.h"

namespace kiln {

namespace nn {

namespace {

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

template <std::size_t D> std::string named(const char *function) { return std::string(function) + std::to_string(D) + "d"; }

template <std::size_t D> Tensor maximum_of(const char *operation, const Tensor &input, const MaxPoolOptions<D> &options) {
  kiln::detail::require(input, named<D>("max_pool").c_str());
  return kiln::detail::apply(operation, {input},
                             {{"kernel_size", options.kernel_size().vec()},
                              {"stride", options.stride().vec()},
                              {"padding", options.padding().vec()},
                              {"dilation", options.dilation().vec()},
                              {"ceil_mode", options.ceil_mode()}});
}

template <std::size_t D> Tensor maximum(const Tensor &input, const MaxPoolOptions<D> &options) {
  return maximum_of("nn.max_pool", input, options);
}

template <std::size_t D> std::tuple<Tensor, Tensor> maximum_with_indices(const Tensor &input, const MaxPoolOptions<D> &options) {
  return {maximum(input, options), maximum_of("nn.max_pool_indices", input, options)};
}

template <std::size_t D> Tensor average(const Tensor &input, const AvgPoolOptions<D> &options) {
  kiln::detail::require(input, named<D>("avg_pool").c_str());
  semantics::Attributes attributes{{"kernel_size", options.kernel_size().vec()},
                                   {"stride", options.stride().vec()},
                                   {"padding", options.padding().vec()},
                                   {"ceil_mode", options.ceil_mode()},
                                   {"count_include_pad", options.count_include_pad()}};
  if (D > 1 && options.divisor_override())
    attributes.set("divisor_override", *options.divisor_override());
  return kiln::detail::apply("nn.avg_pool", {input}, attributes);
}

template <std::size_t D> Tensor adaptive_average(const Tensor &input, const AdaptiveAvgPoolOptions<D> &options) {
  kiln::detail::require(input, named<D>("adaptive_avg_pool").c_str());
  const int64_t leading = input.dim() - static_cast<int64_t>(D);
  if (leading <= 0 && !options.output_size().is_single())
    kiln::detail::fail("Input dimension should be at least " + std::to_string(D + 1) + "\n" + named<D>("adaptive_avg_pool") +
                       " got " + kiln::detail::sizes_text(input.sizes())); // else the operation refuses it
  std::vector<semantics::DimExpr> sizes;
  for (std::size_t d = 0; d < D; ++d) {
    const std::optional<int64_t> size = options.output_size()[d];
    sizes.push_back(size || leading < 0 ? size.value_or(1) : input.size(leading + static_cast<int64_t>(d)));
  }
  return kiln::detail::apply("nn.adaptive_avg_pool", {input}, {{"output_size", std::move(sizes)}});
}

//===----------------------------------------------------------------------===//
// Texts
//===----------------------------------------------------------------------===//

std::string number_text(int64_t number) { return std::to_string(number); }
std::string number_text(const std::optional<int64_t> &number) { return number ? std::to_string(*number) : "None"; }

/// What was given: a number or a tuple.
template <std::size_t D, class T> std::string given_text(const ExpandingArray<D, T> &array, bool always_tuple = false) {
  if (array.is_single() && !always_tuple)
    return number_text(array[0]);
  std::string text = "(";
  for (std::size_t d = 0; d < D; ++d)
    text += (d ? ", " : "") + number_text(array[d]);
  return text + (D == 1 ? ",)" : ")");
}

} // namespace

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

namespace functional {

Tensor max_pool1d(const Tensor &input, const MaxPool1dFuncOptions &options) { return maximum(input, options); }
Tensor max_pool2d(const Tensor &input, const MaxPool2dFuncOptions &options) { return maximum(input, options); }
Tensor max_pool3d(const Tensor &input, const MaxPool3dFuncOptions &options) { return maximum(input, options); }

std::tuple<Tensor, Tensor> max_pool1d_with_indices(const Tensor &input, const MaxPool1dFuncOptions &options) {
  return maximum_with_indices(input, options);
}
std::tuple<Tensor, Tensor> max_pool2d_with_indices(const Tensor &input, const MaxPool2dFuncOptions &options) {
  return maximum_with_indices(input, options);
}
std::tuple<Tensor, Tensor> max_pool3d_with_indices(const Tensor &input, const MaxPool3dFuncOptions &options) {
  return maximum_with_indices(input, options);
}

Tensor avg_pool1d(const Tensor &input, const AvgPool1dFuncOptions &options) { return average(input, options); }
Tensor avg_pool2d(const Tensor &input, const AvgPool2dFuncOptions &options) { return average(input, options); }
Tensor avg_pool3d(const Tensor &input, const AvgPool3dFuncOptions &options) { return average(input, options); }

Tensor adaptive_avg_pool1d(const Tensor &input, const AdaptiveAvgPool1dFuncOptions &options) {
  return adaptive_average(input, options);
}
Tensor adaptive_avg_pool2d(const Tensor &input, const AdaptiveAvgPool2dFuncOptions &options) {
  return adaptive_average(input, options);
}
Tensor adaptive_avg_pool3d(const Tensor &input, const AdaptiveAvgPool3dFuncOptions &options) {
  return adaptive_average(input, options);
}

} // namespace functional

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

template <std::size_t D> Tensor MaxPoolNdBase<D>::forward(const Tensor &input) {
  return detail::run_layer(*this, [&] { return maximum(input, options); });
}

template <std::size_t D> std::tuple<Tensor, Tensor> MaxPoolNdBase<D>::forward_with_indices(const Tensor &input) {
  RunningModule running(*this);
  std::tuple<Tensor, Tensor> results = maximum_with_indices(input, options);
  running.returned({std::get<0>(results), std::get<1>(results)});
  return results;
}

template <std::size_t D> std::string MaxPoolNdBase<D>::extra_repr() const {
  return "kernel_size=" + given_text(options.kernel_size()) + ", stride=" + given_text(options.stride()) +
         ", padding=" + given_text(options.padding()) + ", dilation=" + given_text(options.dilation()) +
         ", ceil_mode=" + kiln::detail::bool_text(options.ceil_mode());
}

template <std::size_t D> Tensor AvgPoolNdBase<D>::forward(const Tensor &input) {
  return detail::run_layer(*this, [&] { return average(input, options); });
}

// Over one dimension, PyTorch makes tuples of single numbers.
template <std::size_t D> std::string AvgPoolNdBase<D>::extra_repr() const {
  return "kernel_size=" + given_text(options.kernel_size(), D == 1) + ", stride=" + given_text(options.stride(), D == 1) +
         ", padding=" + given_text(options.padding(), D == 1);
}

template <std::size_t D> Tensor AdaptiveAvgPoolNdBase<D>::forward(const Tensor &input) {
  return detail::run_layer(*this, [&] { return adaptive_average(input, options); });
}

template <std::size_t D> std::string AdaptiveAvgPoolNdBase<D>::extra_repr() const {
  return "output_size=" + given_text(options.output_size());
}

template class MaxPoolNdBase<1>;
template class MaxPoolNdBase<2>;
template class MaxPoolNdBase<3>;
template class AvgPoolNdBase<1>;
template class AvgPoolNdBase<2>;
template class AvgPoolNdBase<3>;
template class AdaptiveAvgPoolNdBase<1>;
template class AdaptiveAvgPoolNdBase<2>;
template class AdaptiveAvgPoolNdBase<3>;

} // namespace nn

//===----------------------------------------------------------------------===//
// As in ATen
//===----------------------------------------------------------------------===//

namespace {
ExpandingArray<2> stride_or(IntArrayRef stride, const ExpandingArray<2> &otherwise) {
  if (stride.empty())
    return otherwise;
  return stride.size() == 1 ? ExpandingArray<2>(stride[0]) : ExpandingArray<2>(stride);
}
} // namespace

Tensor max_pool2d(const Tensor &input, ExpandingArray<2> kernel_size, IntArrayRef stride, ExpandingArray<2> padding,
                  ExpandingArray<2> dilation, bool ceil_mode) {
  return nn::functional::max_pool2d(input, nn::MaxPool2dOptions(kernel_size)
                                               .stride(stride_or(stride, kernel_size))
                                               .padding(padding)
                                               .dilation(dilation)
                                               .ceil_mode(ceil_mode));
}

Tensor avg_pool2d(const Tensor &input, ExpandingArray<2> kernel_size, IntArrayRef stride, ExpandingArray<2> padding,
                  bool ceil_mode, bool count_include_pad, std::optional<int64_t> divisor_override) {
  return nn::functional::avg_pool2d(input, nn::AvgPool2dOptions(kernel_size)
                                               .stride(stride_or(stride, kernel_size))
                                               .padding(padding)
                                               .ceil_mode(ceil_mode)
                                               .count_include_pad(count_include_pad)
                                               .divisor_override(divisor_override));
}

Tensor adaptive_avg_pool2d(const Tensor &input, ExpandingArray<2> output_size) {
  return nn::functional::adaptive_avg_pool2d(input, output_size.is_single() ? nn::AdaptiveAvgPool2dOptions(output_size[0])
                                                                            : nn::AdaptiveAvgPool2dOptions(output_size.vec()));
}

} // namespace kiln
