// linear, and the forms that the compiler's layout passes make of it: pack_panels, packed_linear.
//
// Packed weights are panels of `panel` output features: [N, K] -> [ceil(N / panel), K, panel], zero
// where the last panel has no feature, so that a kernel reads one contiguous vector of weights for
// each k.
#include "families.h"
#include "kernels.h"
#include "matrix_product.h"

namespace kiln::semantics {

namespace {

std::string dtype_pair(DType a, DType b) {
  return std::string(runtime::scalar_type_name(a)) + " and " +
         std::string(runtime::scalar_type_name(b));
}

// "2x5 and 3x4": PyTorch sees all leading dimensions as one, a vector as one row, and the weight
// transposed.
void check_product(const TensorType &input, const DimExpr &in_features, const DimExpr &out_features,
                   bool has_bias) {
  if (input.sizes.back() == in_features)
    return;
  const DimExpr rows = product(std::span(input.sizes).first(input.sizes.size() - 1));
  throw ValueError((has_bias ? "addmm: " : "mm: ") +
                   ("mat1 and mat2 shapes cannot be multiplied (" + factor_text(rows)) + "x" +
                   factor_text(input.sizes.back()) + " and " + factor_text(in_features) + "x" +
                   factor_text(out_features) + ")\nlinear from " + in_features.text() + " to " +
                   out_features.text() + " features needs an input whose last dimension is " +
                   in_features.text() + ", but the input is " + input.shape_text());
}

void check_input_rank(const TensorType &input, std::size_t weight_rank) {
  if (input.sizes.empty())
    throw ValueError("both arguments to linear need to be at least 1D, but they are 0D and " +
                     std::to_string(weight_rank) + "D");
}

std::vector<TensorType> infer_linear(OperandTypes operands, const Attributes &) {
  check_operands(operands, 2, 3, "nn.linear");
  const TensorType &input = *operands[0], &weight = *operands[1];
  const std::optional<TensorType> bias = optional_operand(operands, 2);
  check_input_rank(input, weight.sizes.size());
  if (weight.sizes.size() > 2)
    throw ValueError("t() expects a tensor with <= 2 dimensions, but self is " +
                     std::to_string(weight.rank()) + "D");
  if (weight.sizes.size() != 2)
    throw ValueError(
        "nn.linear needs a weight of two dimensions [out_features, in_features], but got " +
        weight.shape_text());
  const DimExpr &out_features = weight.sizes[0], &in_features = weight.sizes[1];
  // PyTorch compares the types of bias and weight before all else, those of input and weight after
  // the shapes.
  if (bias && bias->dtype != weight.dtype)
    throw ValueError("self and mat2 must have the same dtype, but got " +
                     dtype_pair(bias->dtype, weight.dtype) + "\nthe bias of linear is " +
                     std::string(runtime::name(bias->dtype)) + ", its weight " +
                     std::string(runtime::name(weight.dtype)));
  check_product(input, in_features, out_features, bias.has_value());
  if (input.dtype != weight.dtype)
    throw ValueError((bias ? "mat1 and mat2 must have the same dtype, but got " +
                                 dtype_pair(input.dtype, weight.dtype)
                           : "expected m1 and m2 to have the same dtype, but got: " +
                                 std::string(cpp_type_name(input.dtype)) +
                                 " != " + std::string(cpp_type_name(weight.dtype))) +
                     "\nthe input of linear is " + std::string(runtime::name(input.dtype)) +
                     ", its weight " + std::string(runtime::name(weight.dtype)));
  if (input.dtype == DType::Bool)
    throw ValueError("\"addmm_impl_cpu_\" not implemented for 'Bool'");
  if (bias) {
    if (bias->sizes.size() == 1 && !(bias->sizes[0] == 1))
      check_expandable(bias->sizes, {product(std::span(input.sizes).first(input.sizes.size() - 1)),
                                     out_features});
    if (bias->sizes.size() != 1 || !(bias->sizes[0] == out_features))
      throw ValueError("nn.linear needs a bias of shape [" + out_features.text() + "], but got " +
                       bias->shape_text() + "\nadd a bias of another shape with nn.add");
  }
  TensorType result = input;
  result.sizes.back() = out_features;
  return {result};
}

// [..., features] as a matrix.
Tensor as_rows(const Tensor &input) {
  const int64_t features = input.size(-1);
  int64_t rows = 1;
  for (int64_t d = 0; d + 1 < input.dim(); ++d)
    rows *= input.size(d);
  return input.contiguous().view({rows, features});
}

Tensor linear(const Tensor &input, const Tensor &weight, const Tensor &bias) {
  std::vector<int64_t> sizes = sizes_of(input);
  sizes.back() = weight.size(0);
  Tensor result(sizes, input.dtype());
  matrix_product(as_rows(input), weight, bias, result, "addmm_impl_cpu_");
  return result;
}

std::vector<Tensor> evaluate_linear(std::span<const Tensor> operands, const Attributes &) {
  return {linear(operands[0], operands[1], optional_operand(operands, 2))};
}

DimExpr linear_multiply_adds(OperandTypes operands, const Attributes &) {
  return product(operands[0]->sizes) * operands[1]->sizes[0];
}

//===----------------------------------------------------------------------===//
// Packed weights
//===----------------------------------------------------------------------===//

int64_t panel_width(const Attributes &attributes) {
  const int64_t panel = attributes.get<int64_t>("panel");
  if (panel <= 0)
    throw ValueError("nn.pack_panels needs a positive panel, but got " + std::to_string(panel));
  return panel;
}

DimExpr panel_count(const DimExpr &features, int64_t panel) {
  return (features + (panel - 1)).floordiv(panel);
}

std::vector<TensorType> infer_pack_panels(OperandTypes operands, const Attributes &attributes) {
  check_operands(operands, 1, 1, "nn.pack_panels");
  const TensorType &weight = *operands[0];
  const int64_t panel = panel_width(attributes);
  if (weight.sizes.size() < 2)
    throw ValueError("nn.pack_panels needs a weight of two or more dimensions [..., out_features, "
                     "in_features], but got " +
                     weight.shape_text());
  TensorType result = weight;
  DimExpr &features = result.sizes[result.sizes.size() - 2];
  features = panel_count(features, panel);
  result.sizes.push_back(panel);
  return {result};
}

std::vector<Tensor> evaluate_pack_panels(std::span<const Tensor> operands,
                                         const Attributes &attributes) {
  const Tensor &weight = operands[0];
  const int64_t panel = panel_width(attributes), features = weight.size(-2), depth = weight.size(-1);
  const int64_t panels = (features + panel - 1) / panel;
  std::vector<int64_t> sizes = sizes_of(weight);
  int64_t matrices = 1;
  for (std::size_t d = 0; d + 2 < sizes.size(); ++d)
    matrices *= sizes[d];
  sizes[sizes.size() - 2] = panels;
  sizes.push_back(panel);
  Tensor result(sizes, weight.dtype());
  const Tensor from = weight.contiguous().view({matrices, features, depth}),
               to = result.view({matrices, panels, depth, panel});
  for (int64_t m = 0; m < matrices; ++m)
    for (int64_t p = 0; p < panels; ++p) {
      const int64_t first = p * panel, count = std::min(panel, features - first);
      const Tensor rows = from.select(0, m).slice(0, first, first + count, 1);
      to.select(0, m).select(0, p).slice(1, 0, count, 1).copy_(rows.transpose(0, 1));
    }
  return {result};
}

std::vector<TensorType> infer_packed_linear(OperandTypes operands, const Attributes &attributes) {
  check_operands(operands, 2, 2, "nn.packed_linear");
  const TensorType &input = *operands[0], &packed = *operands[1];
  const int64_t out_features = attributes.get<int64_t>("out_features");
  check_input_rank(input, 2);
  const std::optional<int64_t> panel =
      packed.sizes.size() == 3 ? packed.sizes[2].constant() : std::nullopt;
  if (!panel || *panel <= 0 || out_features < 0 ||
      !(packed.sizes[0] == panel_count(out_features, *panel)))
    throw ValueError("nn.packed_linear with " + std::to_string(out_features) +
                     " out_features needs packed weights of shape [ceil(out_features / panel), "
                     "in_features, panel], but got " +
                     packed.shape_text());
  check_product(input, packed.sizes[1], out_features, /*has_bias=*/false);
  if (input.dtype != packed.dtype)
    throw ValueError("expected m1 and m2 to have the same dtype, but got: " +
                     std::string(cpp_type_name(input.dtype)) +
                     " != " + std::string(cpp_type_name(packed.dtype)));
  TensorType result = input;
  result.sizes.back() = out_features;
  return {result};
}

std::vector<Tensor> evaluate_packed_linear(std::span<const Tensor> operands,
                                           const Attributes &attributes) {
  const Tensor &packed = operands[1];
  const int64_t out_features = attributes.get<int64_t>("out_features");
  const Tensor padded =
      packed.transpose(1, 2).contiguous().view({packed.size(0) * packed.size(2), packed.size(1)});
  return {linear(operands[0], padded.slice(0, 0, out_features, 1), {})};
}

DimExpr packed_linear_multiply_adds(OperandTypes operands, const Attributes &attributes) {
  return product(operands[0]->sizes) * attributes.get<int64_t>("out_features");
}

// The bias' gradient needs neither input nor weight.
bool linear_saves(const std::vector<bool> &requires_grad, const Attributes &) {
  return requires_grad[0] || requires_grad[1];
}

} // namespace

std::span<const Operation> linear_operations() {
  static const Operation operations[] = {
      saving_if(linear_saves,
                {"nn.linear", infer_linear, through_float<evaluate_linear>, linear_multiply_adds}),
      {"nn.pack_panels", infer_pack_panels, evaluate_pack_panels},
      {"nn.packed_linear", infer_packed_linear, through_float<evaluate_packed_linear>,
       packed_linear_multiply_adds}};
  return operations;
}

} // namespace kiln::semantics
