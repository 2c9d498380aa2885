// embedding: rows of a table by index; embedding_backward: rows added into a table by index.
#include <algorithm>
#include <cstring>

#include "families.h"
#include "kernels.h"

namespace kiln::semantics {

namespace {

// How PyTorch's argument checks call a CPU tensor type.
std::string tensor_type_name(DType dtype) {
  const std::string scalar(runtime::scalar_type_name(dtype));
  return dtype == DType::Bool || dtype == DType::BFloat16 ? "CPU" + scalar + "Type"
                                                          : "torch." + scalar + "Tensor";
}

void check_indices(DType dtype, const std::string &operation) {
  if (dtype != DType::Int64 && dtype != DType::Int32)
    throw ValueError("Expected tensor for argument #1 'indices' to have one of the following "
                     "scalar types: Long, Int; but got " +
                     tensor_type_name(dtype) + " instead (while checking arguments for " +
                     operation + ")");
}

void check_padding(const DimExpr &num_embeddings, const Attributes &attributes) {
  if (!attributes.has("padding_idx"))
    return;
  const int64_t padding = attributes.get<int64_t>("padding_idx");
  const std::optional<int64_t> rows = num_embeddings.constant();
  if (rows && (padding >= *rows || padding < -*rows))
    throw ValueError("Padding_idx must be within num_embeddings\npadding_idx is " +
                     std::to_string(padding) + ", num_embeddings is " + std::to_string(*rows));
}

[[noreturn]] void index_out_of_range(int64_t index, int64_t position, int64_t rows) {
  throw IndexError("index out of range in self\nindex " + std::to_string(index) + " at position " +
                   std::to_string(position) + ", but the table has " + std::to_string(rows) +
                   " rows");
}

std::vector<TensorType> infer_embedding(OperandTypes operands, const Attributes &attributes) {
  check_operands(operands, 2, 2, "nn.embedding");
  const TensorType &indices = *operands[0], &weight = *operands[1];
  if (weight.sizes.size() != 2)
    throw ValueError(
        "'weight' must be 2-D\nthe table is [num_embeddings, embedding_dim], but got " +
        weight.shape_text());
  check_indices(indices.dtype, "embedding");
  check_padding(weight.sizes[0], attributes); // changes gradients only
  TensorType result{weight.dtype, indices.sizes};
  result.sizes.push_back(weight.sizes[1]);
  return {result};
}

std::vector<Tensor> evaluate_embedding(std::span<const Tensor> operands, const Attributes &) {
  const Tensor indices = operands[0].to(DType::Int64).contiguous(),
               weight = operands[1].contiguous();
  const int64_t rows = weight.size(0);
  const std::size_t row_bytes =
      static_cast<std::size_t>(weight.size(1)) * runtime::element_size(weight.dtype());
  std::vector<int64_t> sizes = sizes_of(indices);
  sizes.push_back(weight.size(1));
  Tensor result(sizes, weight.dtype());
  const int64_t *index = indices.data<int64_t>();
  const auto *from = static_cast<const std::byte *>(weight.data());
  auto *to = static_cast<std::byte *>(result.data());
  for (int64_t i = 0; i < indices.numel(); ++i) {
    if (index[i] < 0 || index[i] >= rows)
      index_out_of_range(index[i], i, rows);
    if (row_bytes != 0)
      std::memcpy(to + static_cast<std::size_t>(i) * row_bytes,
                  from + static_cast<std::size_t>(index[i]) * row_bytes, row_bytes);
  }
  return {result};
}

//===----------------------------------------------------------------------===//
// embedding_backward
//===----------------------------------------------------------------------===//

std::vector<TensorType> infer_embedding_backward(OperandTypes operands,
                                                 const Attributes &attributes) {
  check_operands(operands, 2, 2, "nn.embedding_backward");
  const TensorType &grad = *operands[0], &indices = *operands[1];
  const DimExpr &rows = attributes.get<DimExpr>("num_embeddings");
  check_indices(indices.dtype, "embedding_backward");
  check_padding(rows, attributes);
  if (!runtime::is_floating_point(grad.dtype))
    throw ValueError("nn.embedding_backward needs a floating-point gradient, but got " +
                     std::string(runtime::scalar_type_name(grad.dtype)));
  if (std::optional<int64_t> count = rows.constant(); count && *count < 0)
    throw ValueError("nn.embedding_backward needs a number of embeddings that is not negative, "
                     "but got " +
                     rows.text());
  if (grad.sizes.empty() ||
      !std::equal(grad.sizes.begin(), grad.sizes.end() - 1, indices.sizes.begin(),
                  indices.sizes.end()))
    throw ValueError("nn.embedding_backward needs a gradient of the shape of the indices and the "
                     "features of a row, but the gradient is " +
                     grad.shape_text() + ", the indices are " + indices.shape_text());
  return {{grad.dtype, {rows, grad.sizes.back()}}};
}

// Additions are in the order of the indices, so the result does not depend on who computes it.
std::vector<Tensor> evaluate_embedding_backward(std::span<const Tensor> operands,
                                                const Attributes &attributes) {
  const Tensor grad = operands[0].contiguous(),
               indices = operands[1].to(DType::Int64).contiguous();
  const int64_t rows = require_constant(attributes.get<DimExpr>("num_embeddings"),
                                        "the number of embeddings"),
                features = grad.size(-1);
  int64_t padding = attributes.get_or<int64_t>("padding_idx", rows);
  if (padding < 0)
    padding += rows;
  std::vector<double> sums(static_cast<std::size_t>(rows * features), 0);
  Tensor result({rows, features}, grad.dtype());
  dispatch_floating(grad.dtype(), "embedding_backward", [&]<class T>(Type<T>) {
    const T *from = grad.data<T>();
    for (int64_t i = 0; i < indices.numel(); ++i, from += features) {
      const int64_t row = indices.data<int64_t>()[i];
      if (row < 0 || row >= rows)
        index_out_of_range(row, i, rows);
      if (row == padding)
        continue;
      for (int64_t d = 0; d < features; ++d)
        sums[static_cast<std::size_t>(row * features + d)] += static_cast<double>(from[d]);
    }
    std::transform(sums.begin(), sums.end(), result.data<T>(),
                   [](double sum) { return static_cast<T>(sum); });
  });
  return {result};
}

} // namespace

std::span<const Operation> embedding_operations() {
  static const Operation operations[] = {
      {"nn.embedding", infer_embedding, evaluate_embedding},
      without_gradient({"nn.embedding_backward", infer_embedding_backward,
                        through_float<evaluate_embedding_backward>})};
  return operations;
}

} // namespace kiln::semantics
