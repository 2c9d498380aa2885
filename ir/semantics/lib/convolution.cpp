// conv, and its gradients: conv_backward_input and conv_backward_weight.
//
// Over one to three dimensions, [N, C, ...] with weight [O, C / groups, ...]. The gradients are
// convolutions of their own: each is linear in the cotangent, so all three walk over the same
// products.
#include "channels_last.h"
#include "families.h"
#include "kiln/semantics/window_error.h"
#include "windows.h"

namespace kiln::semantics {

namespace {

struct ConvAttributes {
  std::vector<int64_t> stride, low, high, dilation;
  int64_t groups;
};

// In PyTorch's order.
ConvAttributes conv_attributes(const Attributes &attributes, std::size_t rank,
                               std::string_view operation) {
  ConvAttributes result{window_attribute(attributes, "stride", rank, operation),
                        window_attribute(attributes, "padding_low", rank, operation),
                        window_attribute(attributes, "padding_high", rank, operation),
                        window_attribute(attributes, "dilation", rank, operation),
                        attributes.get<int64_t>("groups")};
  auto any_below = [](const std::vector<int64_t> &values, int64_t least) {
    return std::any_of(values.begin(), values.end(), [least](int64_t v) { return v < least; });
  };
  if (any_below(result.low, 0) || any_below(result.high, 0))
    throw ValueError("negative padding is not supported");
  if (any_below(result.stride, 1))
    throw ValueError("non-positive stride is not supported");
  if (any_below(result.dilation, 1))
    throw ValueError("non-positive dilation is not supported");
  if (result.groups <= 0)
    throw ValueError("non-positive groups is not supported");
  return result;
}

// The number of spatial dimensions, from the weight. PyTorch names the function by it: conv2d.
std::size_t spatial_rank(const TensorType &weight, std::string_view operation) {
  if (weight.sizes.size() < 3 || weight.sizes.size() > 5)
    throw ValueError(std::string(operation) +
                     " needs a weight of three to five dimensions [out_channels, in_channels / "
                     "groups, ...], but got " +
                     weight.shape_text());
  return weight.sizes.size() - 2;
}

// "(8 x 8)".
std::string extent_text(std::span<const DimExpr> sizes) {
  std::string text;
  for (const DimExpr &size : sizes)
    text += (text.empty() ? "" : " x ") + size.text();
  return "(" + text + ")";
}

bool known_below(const DimExpr &a, const DimExpr &b) {
  const std::optional<int64_t> difference = (a - b).constant();
  return difference && *difference < 0;
}

void check_channels(const TensorType &input, const TensorType &weight, int64_t groups) {
  const DimExpr &out_channels = weight.sizes[0];
  const std::string given = "Given groups=" + std::to_string(groups);
  if (known_below(out_channels, groups))
    throw ValueError(given + ", expected weight to be at least " + std::to_string(groups) +
                     " at dimension 0, but got weight of size " + weight.shape_text() + " instead");
  if (!(out_channels.mod(groups) == 0))
    throw ValueError(given + ", expected weight to be divisible by " + std::to_string(groups) +
                     " at dimension 0, but got weight of size [" + weight.shape_text() +
                     "] instead");
  if (const DimExpr channels = weight.sizes[1] * groups; !(input.sizes[1] == channels))
    throw ValueError(given + ", weight of size " + weight.shape_text() + ", expected input" +
                     input.shape_text() + " to have " + channels.text() + " channels, but got " +
                     input.sizes[1].text() + " channels instead");
}

std::vector<DimExpr> output_sizes(const TensorType &input, const TensorType &weight,
                                  const ConvAttributes &attributes) {
  const std::size_t rank = attributes.stride.size();
  std::vector<DimExpr> padded, extents, sizes = {input.sizes[0], weight.sizes[0]};
  bool fits = true;
  for (std::size_t d = 0; d < rank; ++d) {
    padded.push_back(input.sizes[2 + d] + attributes.low[d] + attributes.high[d]);
    extents.push_back((weight.sizes[2 + d] - 1) * attributes.dilation[d] + 1);
    fits = fits && !known_below(padded[d], extents[d]);
    sizes.push_back((padded[d] - extents[d]).floordiv(attributes.stride[d]) + 1);
  }
  if (!fits)
    throw WindowError("Calculated padded input size per channel: " + extent_text(padded) +
                      ". Kernel size: " + extent_text(extents) +
                      ". Kernel size can't be greater than actual input size");
  for (std::size_t d = 0; d < rank; ++d)
    if (input.sizes[2 + d] == 0)
      throw WindowError(
          "Only zero batch or zero channel inputs are supported, but got input shape: " +
          input.shape_text());
  return sizes;
}

void check_types(const TensorType &input, const TensorType &weight,
                 const std::optional<TensorType> &bias) {
  if (bias && bias->dtype != input.dtype)
    throw ValueError("Input type (" + std::string(cpp_type_name(input.dtype)) +
                     ") and bias type (" + std::string(cpp_type_name(bias->dtype)) +
                     ") should be the same");
  if (input.dtype != weight.dtype)
    throw ValueError("expected scalar type " + std::string(runtime::scalar_type_name(input.dtype)) +
                     " but found " + std::string(runtime::scalar_type_name(weight.dtype)) +
                     "\nthe input of the convolution is " +
                     std::string(runtime::name(input.dtype)) + ", its weight " +
                     std::string(runtime::name(weight.dtype)));
  if (input.dtype == DType::Bool)
    throw ValueError("\"slow_conv2d_cpu\" not implemented for 'Bool'");
}

std::vector<TensorType> infer_conv(OperandTypes operands, const Attributes &attributes) {
  check_operands(operands, 2, 3, "nn.conv");
  const TensorType &input = *operands[0], &weight = *operands[1];
  const std::optional<TensorType> bias = optional_operand(operands, 2);
  const std::size_t rank = spatial_rank(weight, "nn.conv");
  const ConvAttributes conv = conv_attributes(attributes, rank, "nn.conv");
  if (input.sizes.size() != rank + 2)
    throw ValueError("Expected " + std::to_string(rank + 2) + "-dimensional input for " +
                     std::to_string(rank + 2) + "-dimensional weight " + weight.shape_text() +
                     ", but got " + std::to_string(input.rank()) + "-dimensional input of size " +
                     input.shape_text() + " instead");
  check_channels(input, weight, conv.groups);
  if (bias && (bias->sizes.size() != 1 || !(bias->sizes[0] == weight.sizes[0])))
    throw ValueError("Given weight of size " + weight.shape_text() +
                     ", expected bias to be 1-dimensional with " + weight.sizes[0].text() +
                     " elements, but got bias of size " + bias->shape_text() + " instead");
  std::vector<DimExpr> sizes = output_sizes(input, weight, conv);
  check_types(input, weight, bias);
  return {{input.dtype, std::move(sizes)}};
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

template <class T> using Sum = std::conditional_t<std::is_floating_point_v<T>, double, uint64_t>;

// The tensors of one convolution, input-shaped, weight-shaped and output-shaped, contiguous.
struct Convolution {
  int64_t batch, groups, in_channels, out_channels; // channels a group
  Windows windows;

  Convolution(std::span<const int64_t> input, std::span<const int64_t> weight,
              std::span<const int64_t> output, const Attributes &attributes)
      : batch(input[0]), groups(attributes.get<int64_t>("groups")), in_channels(weight[1]),
        out_channels(weight[0] / groups),
        windows(input.subspan(2), output.subspan(2), weight.subspan(2),
                attributes.get<std::vector<int64_t>>("stride"),
                attributes.get<std::vector<int64_t>>("padding_low"),
                attributes.get<std::vector<int64_t>>("dilation")) {}

  /// Calls `visit(input_plane, weight_plane, output_plane)` for each pair of an input and an output
  /// channel that meet, one output plane after another.
  template <class Visit> void for_each_pair(Visit visit) const {
    for (int64_t n = 0; n < batch; ++n)
      for (int64_t g = 0; g < groups; ++g)
        for (int64_t o = 0; o < out_channels; ++o)
          for (int64_t c = 0; c < in_channels; ++c) {
            const int64_t output = g * out_channels + o;
            visit((n * groups + g) * in_channels + c, output * in_channels + c,
                  n * groups * out_channels + output);
          }
  }
};

template <class T>
Tensor rounded(const std::vector<Sum<T>> &sums, std::vector<int64_t> sizes, DType dtype) {
  Tensor result(std::move(sizes), dtype);
  std::transform(sums.begin(), sums.end(), result.data<T>(),
                 [](Sum<T> sum) { return static_cast<T>(sum); });
  return result;
}

std::vector<Tensor> evaluate_conv(std::span<const Tensor> operands, const Attributes &attributes) {
  const Tensor input = operands[0].contiguous(), weight = operands[1].contiguous(),
               bias = operands.size() > 2 && operands[2].defined() ? operands[2].contiguous()
                                                                   : Tensor();
  const std::vector<std::optional<TensorType>> types = {type_of(input), type_of(weight)};
  const std::vector<int64_t> sizes =
      require_constants(infer_conv(types, attributes)[0].sizes, "a size of the output");
  const Convolution conv(input.sizes(), weight.sizes(), sizes, attributes);
  const Windows &windows = conv.windows;
  return {dispatch_numbers(input.dtype(), "slow_conv2d_cpu", [&]<class T>(Type<T>) {
    const int64_t outputs = windows.outputs(), channels = sizes[1];
    std::vector<Sum<T>> sums(static_cast<std::size_t>(sizes[0] * channels * outputs), Sum<T>(0));
    if (bias.defined())
      for (std::size_t i = 0; i < sums.size(); ++i)
        sums[i] = static_cast<Sum<T>>(bias.data<T>()[static_cast<int64_t>(i) / outputs % channels]);
    conv.for_each_pair([&](int64_t in, int64_t w, int64_t out) {
      const T *x = input.data<T>() + in * windows.inputs();
      const T *taps = weight.data<T>() + w * windows.taps();
      Sum<T> *y = sums.data() + out * outputs;
      windows.for_each_segment([&](int64_t tap, int64_t to, int64_t from, int64_t count) {
        const Sum<T> factor = static_cast<Sum<T>>(taps[tap]);
        for (int64_t i = 0; i < count; ++i)
          y[to + i] += factor * static_cast<Sum<T>>(x[from + i * windows.step()]);
      });
    });
    return rounded<T>(sums, sizes, input.dtype());
  })};
}

DimExpr conv_multiply_adds(OperandTypes operands, const Attributes &attributes) {
  const TensorType output = infer_conv(operands, attributes)[0];
  return product(output.sizes) * product(std::span(operands[1]->sizes).subspan(1));
}

//===----------------------------------------------------------------------===//
// Gradients
//===----------------------------------------------------------------------===//

// Both gradients know the cotangent and one of input and weight; the other one's sizes are
// attributes.
TensorType with_spatial(DType dtype, DimExpr first, DimExpr second,
                        const std::vector<DimExpr> &spatial) {
  TensorType result{dtype, {std::move(first), std::move(second)}};
  result.sizes.insert(result.sizes.end(), spatial.begin(), spatial.end());
  return result;
}

void check_cotangent(const TensorType &grad, const TensorType &input, const TensorType &weight,
                     const Attributes &attributes, const std::string &operation) {
  if (!runtime::is_floating_point(grad.dtype))
    throw ValueError(operation + " needs a floating-point gradient, but got " +
                     std::string(runtime::scalar_type_name(grad.dtype)));
  const std::vector<std::optional<TensorType>> types = {input, weight};
  if (const TensorType output = infer_conv(types, attributes)[0]; !(grad == output))
    throw ValueError(operation + " needs a gradient of type " +
                     std::string(runtime::name(output.dtype)) + output.shape_text() +
                     ", that of the convolution's result, but got " +
                     std::string(runtime::name(grad.dtype)) + grad.shape_text());
}

std::vector<TensorType> infer_conv_backward_input(OperandTypes operands,
                                                  const Attributes &attributes) {
  const std::string name = "nn.conv_backward_input";
  check_operands(operands, 2, 2, name);
  const TensorType &grad = *operands[0], &weight = *operands[1];
  const auto &spatial = attributes.get<std::vector<DimExpr>>("input_size");
  if (const std::size_t rank = spatial_rank(weight, name);
      spatial.size() != rank || grad.sizes.size() != rank + 2)
    throw ValueError(
        name + " needs a gradient and an input_size of as many dimensions as the weight " +
        weight.shape_text() + " has, but got " + grad.shape_text() + " and " + shape_text(spatial));
  const TensorType input = with_spatial(
      grad.dtype, grad.sizes[0], weight.sizes[1] * attributes.get<int64_t>("groups"), spatial);
  check_cotangent(grad, input, weight, attributes, name);
  return {input};
}

std::vector<Tensor> evaluate_conv_backward_input(std::span<const Tensor> operands,
                                                 const Attributes &attributes) {
  const Tensor grad = operands[0].contiguous(), weight = operands[1].contiguous();
  std::vector<int64_t> sizes = {grad.size(0), weight.size(1) * attributes.get<int64_t>("groups")};
  for (const DimExpr &size : attributes.get<std::vector<DimExpr>>("input_size"))
    sizes.push_back(require_constant(size, "a size of the input"));
  const Convolution conv(sizes, weight.sizes(), grad.sizes(), attributes);
  const Windows &windows = conv.windows;
  return {dispatch_floating(grad.dtype(), "conv_backward", [&]<class T>(Type<T>) {
    std::vector<Sum<T>> sums(static_cast<std::size_t>(sizes[0] * sizes[1] * windows.inputs()), 0);
    conv.for_each_pair([&](int64_t in, int64_t w, int64_t out) {
      const T *dy = grad.data<T>() + out * windows.outputs();
      const T *taps = weight.data<T>() + w * windows.taps();
      Sum<T> *dx = sums.data() + in * windows.inputs();
      windows.for_each_segment([&](int64_t tap, int64_t from, int64_t to, int64_t count) {
        const Sum<T> factor = static_cast<Sum<T>>(taps[tap]);
        for (int64_t i = 0; i < count; ++i)
          dx[to + i * windows.step()] += factor * static_cast<Sum<T>>(dy[from + i]);
      });
    });
    return rounded<T>(sums, sizes, grad.dtype());
  })};
}

std::vector<TensorType> infer_conv_backward_weight(OperandTypes operands,
                                                   const Attributes &attributes) {
  const std::string name = "nn.conv_backward_weight";
  check_operands(operands, 2, 2, name);
  const TensorType &grad = *operands[0], &input = *operands[1];
  const auto &spatial = attributes.get<std::vector<DimExpr>>("kernel_size");
  const int64_t groups = attributes.get<int64_t>("groups");
  if (spatial.empty() || spatial.size() > 3 || input.sizes.size() != spatial.size() + 2 ||
      grad.sizes.size() != spatial.size() + 2)
    throw ValueError(
        name + " needs a gradient and an input of two dimensions more than kernel_size " +
        shape_text(spatial) + ", but got " + grad.shape_text() + " and " + input.shape_text());
  if (groups <= 0 || !(input.sizes[1].mod(groups) == 0))
    throw ValueError(name + " needs groups that divide the input's channels, but got " +
                     std::to_string(groups) + " groups and " + input.sizes[1].text() + " channels");
  const TensorType weight =
      with_spatial(grad.dtype, grad.sizes[1], input.sizes[1].floordiv(groups), spatial);
  check_cotangent(grad, input, weight, attributes, name);
  return {weight};
}

std::vector<Tensor> evaluate_conv_backward_weight(std::span<const Tensor> operands,
                                                  const Attributes &attributes) {
  const Tensor grad = operands[0].contiguous(), input = operands[1].contiguous();
  std::vector<int64_t> sizes = {grad.size(1), input.size(1) / attributes.get<int64_t>("groups")};
  for (const DimExpr &size : attributes.get<std::vector<DimExpr>>("kernel_size"))
    sizes.push_back(require_constant(size, "a size of the kernel"));
  const Convolution conv(input.sizes(), sizes, grad.sizes(), attributes);
  const Windows &windows = conv.windows;
  return {dispatch_floating(grad.dtype(), "conv_backward", [&]<class T>(Type<T>) {
    std::vector<Sum<T>> sums(static_cast<std::size_t>(sizes[0] * sizes[1] * windows.taps()), 0);
    conv.for_each_pair([&](int64_t in, int64_t w, int64_t out) {
      const T *dy = grad.data<T>() + out * windows.outputs();
      const T *x = input.data<T>() + in * windows.inputs();
      Sum<T> *taps = sums.data() + w * windows.taps();
      windows.for_each_segment([&](int64_t tap, int64_t from, int64_t at, int64_t count) {
        Sum<T> sum = 0;
        for (int64_t i = 0; i < count; ++i)
          sum +=
              static_cast<Sum<T>>(dy[from + i]) * static_cast<Sum<T>>(x[at + i * windows.step()]);
        taps[tap] += sum;
      });
    });
    return rounded<T>(sums, sizes, grad.dtype());
  })};
}

// With channels_last, gradient and input are [N, ..., C], the result [...kernel_size, C / groups, O].
bool is_weight_channels_last(const TensorType &input, const Attributes &attributes) {
  return is_channels_last<std::vector<DimExpr>>(attributes, "kernel_size", input.rank(),
                                                "nn.conv_backward_weight");
}

std::vector<TensorType> infer_either_backward_weight(OperandTypes operands,
                                                     const Attributes &attributes) {
  if (operands.size() != 2 || !operands[0] || !operands[1] ||
      !is_weight_channels_last(*operands[0], attributes) ||
      !is_weight_channels_last(*operands[1], attributes))
    return infer_conv_backward_weight(operands, attributes);
  const std::vector<std::optional<TensorType>> first = {channels_first(*operands[0]),
                                                        channels_first(*operands[1])};
  TensorType result = infer_conv_backward_weight(first, attributes)[0];
  std::rotate(result.sizes.begin(), result.sizes.begin() + 2, result.sizes.end());
  std::swap(result.sizes.back(), result.sizes[result.sizes.size() - 2]);
  return {result};
}

std::vector<Tensor> evaluate_either_backward_weight(std::span<const Tensor> operands,
                                                    const Attributes &attributes) {
  if (!is_weight_channels_last(type_of(operands[0]), attributes))
    return evaluate_conv_backward_weight(operands, attributes);
  const std::vector<Tensor> first = {channels_first(operands[0]), channels_first(operands[1])};
  const Tensor weight = evaluate_conv_backward_weight(first, attributes)[0];
  std::vector<int64_t> dims;
  for (int64_t d = 2; d < weight.dim(); ++d)
    dims.push_back(d);
  dims.insert(dims.end(), {1, 0});
  return {weight.permute(dims).contiguous()};
}

// As many as the convolution itself, whichever of its tensors is the result.
DimExpr backward_input_multiply_adds(OperandTypes operands, const Attributes &) {
  return product(operands[0]->sizes) * product(std::span(operands[1]->sizes).subspan(1));
}
DimExpr backward_weight_multiply_adds(OperandTypes operands, const Attributes &attributes) {
  const TensorType weight = infer_either_backward_weight(operands, attributes)[0];
  const std::size_t output = attributes.get_or("channels_last", false) ? weight.sizes.size() - 1 : 0;
  DimExpr products = product(operands[0]->sizes);
  for (std::size_t d = 0; d < weight.sizes.size(); ++d)
    if (d != output)
      products = products * weight.sizes[d];
  return products;
}

} // namespace

std::span<const Operation> convolution_operations() {
  static const Operation operations[] = {
      {"nn.conv", infer_conv, through_float<evaluate_conv>, conv_multiply_adds},
      without_gradient({"nn.conv_backward_input", infer_conv_backward_input,
                        through_float<evaluate_conv_backward_input>, backward_input_multiply_adds}),
      without_gradient({"nn.conv_backward_weight", infer_either_backward_weight,
                        through_float<evaluate_either_backward_weight>,
                        backward_weight_multiply_adds})};
  return operations;
}

} // namespace kiln::semantics
