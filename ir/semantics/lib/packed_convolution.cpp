// packed_conv and packed_conv_backward_input: what the compiler's layout pass makes of conv and its
// gradient. Data has its channels last, the weight
// is in panels as kernels read it. It is conv between two changes of layout.
#include "channels_last.h"
#include "families.h"

namespace kiln::semantics {

namespace {

// conv's own operands and attributes, from those of packed_conv.
struct PlainConvolution {
  TensorType input, weight;
  Attributes attributes;
  int64_t groups, panel;
};

constexpr const char *kName = "nn.packed_conv";

// The panel of packed weights. They are a matrix a group, or one of several groups whose rows are in
// a single panel; where each channel is a group of its own, all channels are the rows of one.
int64_t panel_of(const TensorType &packed, int64_t groups, int64_t rows_of_group, bool is_depthwise,
                 const DimExpr &depth, const std::string &what) {
  int64_t matrices = groups, panel = 0;
  if (packed.sizes.size() == 4 && packed.sizes[0].constant() && packed.sizes[3].constant()) {
    const int64_t given = *packed.sizes[0].constant();
    panel = *packed.sizes[3].constant();
    if (given > 0 && groups % given == 0 && groups / given * rows_of_group <= panel)
      matrices = given;
  }
  if (is_depthwise)
    matrices = 1;
  const int64_t rows = groups / matrices * rows_of_group;
  if (panel <= 0 || !(packed.sizes[0] == matrices) ||
      !(packed.sizes[1] == (rows + panel - 1) / panel) || !(packed.sizes[2] == depth))
    throw ValueError(what + " in " + std::to_string(groups) +
                     " groups needs packed weights of shape [matrices, ceil(rows / panel), depth, "
                     "panel] with " +
                     std::to_string(matrices) + " matrices of " + std::to_string(rows) +
                     " rows and depth " + depth.text() + ", but got " + packed.shape_text());
  return panel;
}

PlainConvolution plain_convolution(OperandTypes operands, const Attributes &attributes) {
  check_operands(operands, 2, 2, kName);
  const TensorType &input = *operands[0], &packed = *operands[1];
  const auto &kernel = attributes.get<std::vector<int64_t>>("kernel_size");
  const int64_t groups = attributes.get<int64_t>("groups"),
                out_channels = attributes.get<int64_t>("out_channels");
  if (kernel.empty() || kernel.size() > 3 || input.sizes.size() != kernel.size() + 2)
    throw ValueError(std::string(kName) +
                     " needs an input [N, ..., C] of two dimensions more than kernel_size has, one "
                     "to three, but got " +
                     input.shape_text() + " and " + std::to_string(kernel.size()));
  if (groups <= 0 || out_channels < 0 ||
      std::any_of(kernel.begin(), kernel.end(), [](int64_t size) { return size < 1; }))
    throw ValueError(std::string(kName) + " needs a positive kernel_size and positive groups");
  if (!runtime::is_floating_point(input.dtype))
    throw ValueError(std::string(kName) + " needs a floating-point input, but got " +
                     std::string(runtime::scalar_type_name(input.dtype)));

  PlainConvolution plain;
  plain.groups = groups;
  plain.input = channels_first(input);
  const DimExpr channels = input.sizes.back().floordiv(groups);
  plain.weight = {packed.dtype, {out_channels, channels}};
  DimExpr depth = channels;
  for (int64_t size : kernel) {
    plain.weight.sizes.emplace_back(size);
    depth = depth * size;
  }
  for (const char *name : {"stride", "padding_low", "padding_high", "dilation"})
    plain.attributes.set(name, attributes.get<std::vector<int64_t>>(name));
  plain.attributes.set("groups", groups);

  plain.panel = panel_of(packed, groups, out_channels / groups, groups == out_channels && channels == 1, depth,
                         std::string(kName) + " with " + std::to_string(out_channels) + " out_channels");
  return plain;
}

std::vector<TensorType> infer_packed_conv(OperandTypes operands, const Attributes &attributes) {
  const PlainConvolution plain = plain_convolution(operands, attributes);
  const std::vector<std::optional<TensorType>> types = {plain.input, plain.weight};
  return {channels_last(infer("nn.conv", types, plain.attributes)[0])};
}

std::vector<Tensor> evaluate_packed_conv(std::span<const Tensor> operands,
                                         const Attributes &attributes) {
  const Tensor &input = operands[0], &packed = operands[1];
  const std::vector<std::optional<TensorType>> types = {type_of(input), type_of(packed)};
  const PlainConvolution plain = plain_convolution(types, attributes);
  const std::vector<int64_t> sizes = require_constants(plain.weight.sizes, "a size of the weight");
  // [matrices, panels, depth, panel] -> [matrices, rows, depth] without the padding.
  const int64_t matrices = packed.size(0), depth = packed.size(2), rows = sizes[0] / matrices;
  const Tensor padded = packed.transpose(2, 3).contiguous().view(
      {matrices, packed.size(1) * plain.panel, depth});
  // Channels last within a row: [O, ..., C / groups].
  std::vector<int64_t> last(sizes.begin(), sizes.end());
  std::rotate(last.begin() + 1, last.begin() + 2, last.end());
  const Tensor weight = channels_first(padded.slice(1, 0, rows, 1).contiguous().view(last));
  const std::vector<Tensor> plain_operands = {channels_first(input), weight};
  return {channels_last(evaluate("nn.conv", plain_operands, plain.attributes)[0]).contiguous()};
}

//===----------------------------------------------------------------------===//
// The gradient
//===----------------------------------------------------------------------===//

// conv_backward_input's operands and attributes.
PlainConvolution plain_backward_input(OperandTypes operands, const Attributes &attributes) {
  const std::string name = "nn.packed_conv_backward_input";
  check_operands(operands, 2, 2, name);
  const TensorType &grad = *operands[0], &packed = *operands[1];
  const auto &kernel = attributes.get<std::vector<int64_t>>("kernel_size");
  const int64_t groups = attributes.get<int64_t>("groups"),
                in_channels = attributes.get<int64_t>("in_channels");
  if (kernel.empty() || kernel.size() > 3 || grad.sizes.size() != kernel.size() + 2)
    throw ValueError(name +
                     " needs a gradient [N, ..., O] of two dimensions more than kernel_size has, "
                     "one to three, but got " +
                     grad.shape_text() + " and " + std::to_string(kernel.size()));
  if (groups <= 0 || in_channels < 0 || in_channels % groups != 0 ||
      std::any_of(kernel.begin(), kernel.end(), [](int64_t size) { return size < 1; }))
    throw ValueError(name +
                     " needs a positive kernel_size and positive groups that divide in_channels");
  PlainConvolution plain;
  plain.groups = groups;
  plain.input = channels_first(grad);
  plain.weight = {packed.dtype, {grad.sizes.back(), in_channels / groups}};
  DimExpr depth = grad.sizes.back().floordiv(groups);
  for (int64_t size : kernel) {
    plain.weight.sizes.emplace_back(size);
    depth = depth * size;
  }
  for (const char *list : {"stride", "padding_low", "padding_high", "dilation"})
    plain.attributes.set(list, attributes.get<std::vector<int64_t>>(list));
  plain.attributes.set("groups", groups);
  plain.attributes.set("input_size", attributes.get<std::vector<DimExpr>>("input_size"));

  plain.panel = panel_of(packed, groups, in_channels / groups,
                         groups == in_channels && grad.sizes.back() == groups, depth,
                         name + " with " + std::to_string(in_channels) + " in_channels");
  return plain;
}

std::vector<TensorType> infer_packed_conv_backward_input(OperandTypes operands,
                                                         const Attributes &attributes) {
  const PlainConvolution plain = plain_backward_input(operands, attributes);
  const std::vector<std::optional<TensorType>> types = {plain.input, plain.weight};
  return {channels_last(infer("nn.conv_backward_input", types, plain.attributes)[0])};
}

std::vector<Tensor> evaluate_packed_conv_backward_input(std::span<const Tensor> operands,
                                                        const Attributes &attributes) {
  const Tensor &grad = operands[0], &packed = operands[1];
  const std::vector<std::optional<TensorType>> types = {type_of(grad), type_of(packed)};
  const PlainConvolution plain = plain_backward_input(types, attributes);
  const std::vector<int64_t> sizes = require_constants(plain.weight.sizes, "a size of the weight");
  // [matrices, panels, depth, panel] -> [groups, C / groups, ..., O / groups] -> [O, C / groups, ...].
  const Tensor padded = packed.transpose(2, 3).contiguous().view(
      {packed.size(0), packed.size(1) * plain.panel, packed.size(2)});
  std::vector<int64_t> shape = {plain.groups, sizes[1]};
  shape.insert(shape.end(), sizes.begin() + 2, sizes.end());
  shape.push_back(sizes[0] / plain.groups);
  const int64_t rows_of_matrix = sizes[1] * plain.groups / packed.size(0);
  const Tensor rows = padded.slice(1, 0, rows_of_matrix, 1).contiguous().view(shape);
  std::vector<int64_t> dims = {0, rows.dim() - 1};
  for (int64_t d = 1; d + 1 < rows.dim(); ++d)
    dims.push_back(d);
  const std::vector<Tensor> plain_operands = {channels_first(grad),
                                              rows.permute(dims).contiguous().view(sizes)};
  return {channels_last(evaluate("nn.conv_backward_input", plain_operands, plain.attributes)[0])
              .contiguous()};
}

DimExpr packed_conv_backward_input_multiply_adds(OperandTypes operands,
                                                 const Attributes &attributes) {
  const PlainConvolution plain = plain_backward_input(operands, attributes);
  return product(operands[0]->sizes) * product(std::span(plain.weight.sizes).subspan(1));
}

DimExpr packed_conv_multiply_adds(OperandTypes operands, const Attributes &attributes) {
  const PlainConvolution plain = plain_convolution(operands, attributes);
  return product(infer_packed_conv(operands, attributes)[0].sizes) *
         product(std::span(plain.weight.sizes).subspan(1));
}

} // namespace

std::span<const Operation> packed_convolution_operations() {
  static const Operation operations[] = {
      without_gradient({"nn.packed_conv", infer_packed_conv, evaluate_packed_conv,
                        packed_conv_multiply_adds}),
      without_gradient({"nn.packed_conv_backward_input", infer_packed_conv_backward_input,
                        evaluate_packed_conv_backward_input,
                        packed_conv_backward_input_multiply_adds})};
  return operations;
}

} // namespace kiln::semantics
