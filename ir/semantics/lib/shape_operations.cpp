// reshape, permute, expand, slice, slice_scatter, cat: values moved, never changed. Any element
// type.
//
// The kernels are the tensor's views, copied: an operation's result is a value of its own.
#include <algorithm>

#include "families.h"
#include "kernels.h"

namespace kiln::semantics {

namespace {

using Sizes = std::vector<DimExpr>;

void check_not_negative(const Sizes &shape) {
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (std::optional<int64_t> size = shape[i].constant(); size && *size < 0)
      throw ValueError("invalid shape dimension " + std::to_string(*size) + " at index " +
                       std::to_string(i) + " of shape " + shape_text(shape));
}

//===----------------------------------------------------------------------===//
// reshape
//===----------------------------------------------------------------------===//

std::vector<TensorType> infer_reshape(OperandTypes operands, const Attributes &attributes) {
  check_operands(operands, 1, 1, "nn.reshape");
  const Sizes &shape = attributes.get<Sizes>("shape");
  check_not_negative(shape);
  const DimExpr count = product(operands[0]->sizes);
  if (!(product(shape) == count))
    throw ValueError("shape '" + shape_text(shape) + "' is invalid for input of size " +
                     count.text() + "\nthe input is " + operands[0]->shape_text());
  return {{operands[0]->dtype, shape}};
}

std::vector<Tensor> evaluate_reshape(std::span<const Tensor> operands,
                                     const Attributes &attributes) {
  return {operands[0].clone().view(
      require_constants(attributes.get<Sizes>("shape"), "a size of reshape"))};
}

//===----------------------------------------------------------------------===//
// permute
//===----------------------------------------------------------------------===//

std::vector<TensorType> infer_permute(OperandTypes operands, const Attributes &attributes) {
  check_operands(operands, 1, 1, "nn.permute");
  const TensorType &input = *operands[0];
  const auto &dims = attributes.get<std::vector<int64_t>>("dims");
  if (dims.size() != input.sizes.size())
    throw ValueError("permute(sparse_coo): number of dimensions in the tensor input does not match "
                     "the length of the desired "
                     "ordering of dimensions i.e. input.dim() = " +
                     std::to_string(input.rank()) +
                     " is not equal to len(dims) = " + std::to_string(dims.size()));
  std::vector<bool> seen(dims.size(), false);
  TensorType result{input.dtype, {}};
  for (int64_t dim : dims) {
    const std::size_t wrapped = static_cast<std::size_t>(wrap_dim(dim, input.rank()));
    if (seen[wrapped])
      throw ValueError("permute(): duplicate dims are not allowed.");
    seen[wrapped] = true;
    result.sizes.push_back(input.sizes[wrapped]);
  }
  return {result};
}

std::vector<Tensor> evaluate_permute(std::span<const Tensor> operands,
                                     const Attributes &attributes) {
  return {operands[0].permute(attributes.get<std::vector<int64_t>>("dims")).clone()};
}

//===----------------------------------------------------------------------===//
// expand
//===----------------------------------------------------------------------===//

std::vector<TensorType> infer_expand(OperandTypes operands, const Attributes &attributes) {
  check_operands(operands, 1, 1, "nn.expand");
  const TensorType &input = *operands[0];
  const Sizes &shape = attributes.get<Sizes>("shape");
  if (shape.size() < input.sizes.size())
    throw ValueError("expand(torch." + std::string(runtime::scalar_type_name(input.dtype)) +
                     "Tensor{" + input.shape_text() + "}, size=" + shape_text(shape) +
                     "): the number of sizes provided (" + std::to_string(shape.size()) +
                     ") must be greater or equal to the number of dimensions in the tensor (" +
                     std::to_string(input.rank()) + ")");
  check_not_negative(shape);
  check_expandable(input.sizes, shape);
  return {{input.dtype, shape}};
}

std::vector<Tensor> evaluate_expand(std::span<const Tensor> operands,
                                    const Attributes &attributes) {
  return {operands[0]
              .expand(require_constants(attributes.get<Sizes>("shape"), "a size of expand"))
              .clone()};
}

//===----------------------------------------------------------------------===//
// slice, slice_scatter
//===----------------------------------------------------------------------===//

bool known_negative(const DimExpr &value) {
  const std::optional<int64_t> constant = value.constant();
  return constant && *constant < 0;
}

// Type of the sliced part. start and end are clamped already; here it is checked where sizes are
// known.
TensorType sliced_type(const TensorType &input, const Attributes &attributes) {
  if (input.sizes.empty())
    throw IndexError("slice() cannot be applied to a 0-dim tensor.");
  const std::size_t dim =
      static_cast<std::size_t>(wrap_dim(attributes.get<int64_t>("dim"), input.rank()));
  const DimExpr &start = attributes.get<DimExpr>("start"), &end = attributes.get<DimExpr>("end");
  const int64_t step = attributes.get<int64_t>("step");
  if (step <= 0)
    throw ValueError("slice step must be positive");
  if (known_negative(start) || known_negative(end - start) ||
      known_negative(input.sizes[dim] - end))
    throw ValueError("slice needs 0 <= start <= end <= size, but got start " + start.text() +
                     ", end " + end.text() + " and size " + input.sizes[dim].text());
  TensorType result = input;
  result.sizes[dim] = (end - start + (step - 1)).floordiv(step);
  return result;
}

Tensor sliced_view(const Tensor &input, const Attributes &attributes) {
  return input.slice(attributes.get<int64_t>("dim"),
                     require_constant(attributes.get<DimExpr>("start"), "slice's start"),
                     require_constant(attributes.get<DimExpr>("end"), "slice's end"),
                     attributes.get<int64_t>("step"));
}

std::vector<TensorType> infer_slice(OperandTypes operands, const Attributes &attributes) {
  check_operands(operands, 1, 1, "nn.slice");
  return {sliced_type(*operands[0], attributes)};
}

std::vector<Tensor> evaluate_slice(std::span<const Tensor> operands, const Attributes &attributes) {
  return {sliced_view(operands[0], attributes).clone()};
}

std::vector<TensorType> infer_slice_scatter(OperandTypes operands, const Attributes &attributes) {
  check_operands(operands, 2, 2, "nn.slice_scatter");
  const TensorType &input = *operands[0], &source = *operands[1];
  const TensorType part = sliced_type(input, attributes);
  if (!(part.sizes == source.sizes))
    throw ValueError("expected src to have a size equal to the slice of self. src size = " +
                     source.shape_text() + ", slice size = " + part.shape_text());
  if (source.dtype != input.dtype)
    throw ValueError("nn.slice_scatter needs operands of one dtype, but got " +
                     std::string(runtime::scalar_type_name(input.dtype)) + " and " +
                     std::string(runtime::scalar_type_name(source.dtype)) +
                     "\nconvert the source (nn.cast) first");
  return {input};
}

std::vector<Tensor> evaluate_slice_scatter(std::span<const Tensor> operands,
                                           const Attributes &attributes) {
  Tensor result = operands[0].clone();
  sliced_view(result, attributes).copy_(operands[1]);
  return {result};
}

//===----------------------------------------------------------------------===//
// cat
//===----------------------------------------------------------------------===//

// PyTorch lets tensors of shape [0] through whatever the others' rank.
bool is_legacy_empty(const TensorType &type) {
  return type.sizes.size() == 1 && type.sizes[0] == 0;
}

std::vector<TensorType> infer_cat(OperandTypes operands, const Attributes &attributes) {
  if (operands.empty())
    throw ValueError("torch.cat(): expected a non-empty list of Tensors");
  check_operands(operands, operands.size(), operands.size(), "nn.cat");
  const TensorType *first = nullptr;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (operands[i]->sizes.empty())
      throw ValueError("zero-dimensional tensor (at position " + std::to_string(i) +
                       ") cannot be concatenated");
    if (operands[i]->dtype != operands[0]->dtype)
      throw ValueError("nn.cat needs operands of one dtype, but got " +
                       std::string(runtime::scalar_type_name(operands[0]->dtype)) +
                       " and, at position " + std::to_string(i) + ", " +
                       std::string(runtime::scalar_type_name(operands[i]->dtype)) +
                       "\nconvert them (nn.cast) first");
    if (!first && !is_legacy_empty(*operands[i]))
      first = &*operands[i];
  }
  if (!first)
    return {*operands[0]};
  const std::size_t dim =
      static_cast<std::size_t>(wrap_dim(attributes.get<int64_t>("dim"), first->rank()));
  TensorType result = *first;
  result.sizes[dim] = 0;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const TensorType &operand = *operands[i];
    if (is_legacy_empty(operand))
      continue;
    if (operand.sizes.size() != first->sizes.size())
      throw ValueError("Tensors must have same number of dimensions: got " +
                       std::to_string(first->rank()) + " and " + std::to_string(operand.rank()));
    for (std::size_t d = 0; d < operand.sizes.size(); ++d)
      if (d != dim && !(operand.sizes[d] == first->sizes[d]))
        throw ValueError("Sizes of tensors must match except in dimension " + std::to_string(dim) +
                         ". Expected size " + first->sizes[d].text() + " but got size " +
                         operand.sizes[d].text() + " for tensor number " + std::to_string(i) +
                         " in the list.\nthe shapes are " + first->shape_text() + " and " +
                         operand.shape_text());
    result.sizes[dim] = result.sizes[dim] + operand.sizes[dim];
  }
  return {result};
}

std::vector<Tensor> evaluate_cat(std::span<const Tensor> operands, const Attributes &attributes) {
  std::vector<std::optional<TensorType>> types;
  for (const Tensor &operand : operands)
    types.push_back(type_of(operand));
  const TensorType type = infer_cat(types, attributes)[0];
  Tensor result(require_constants(type.sizes, "a size"), type.dtype);
  int64_t position = 0;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (is_legacy_empty(*types[i]))
      continue;
    const int64_t dim = wrap_dim(attributes.get<int64_t>("dim"), result.dim()),
                  length = operands[i].size(dim);
    result.slice(dim, position, position + length, 1).copy_(operands[i]);
    position += length;
  }
  return {result};
}

} // namespace

std::span<const Operation> shape_operations() {
  static const Operation operations[] = {
      saving_nothing({"nn.reshape", infer_reshape, evaluate_reshape}),
      saving_nothing({"nn.permute", infer_permute, evaluate_permute}),
      saving_nothing({"nn.expand", infer_expand, evaluate_expand}),
      saving_nothing({"nn.slice", infer_slice, evaluate_slice}),
      saving_nothing({"nn.slice_scatter", infer_slice_scatter, evaluate_slice_scatter}),
      saving_nothing({"nn.cat", infer_cat, evaluate_cat})};
  return operations;
}

} // namespace kiln::semantics
