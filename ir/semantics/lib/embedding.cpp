// embedding: rows of a table by index.
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

std::vector<TensorType> infer_embedding(OperandTypes operands, const Attributes &attributes) {
  check_operands(operands, 2, 2, "nn.embedding");
  const TensorType &indices = *operands[0], &weight = *operands[1];
  if (weight.sizes.size() != 2)
    throw ValueError(
        "'weight' must be 2-D\nthe table is [num_embeddings, embedding_dim], but got " +
        weight.shape_text());
  if (indices.dtype != DType::Int64 && indices.dtype != DType::Int32)
    throw ValueError("Expected tensor for argument #1 'indices' to have one of the following "
                     "scalar types: Long, Int; but got " +
                     tensor_type_name(indices.dtype) +
                     " instead (while checking arguments for embedding)");
  if (attributes.has("padding_idx")) { // changes gradients only
    const int64_t padding = attributes.get<int64_t>("padding_idx");
    const std::optional<int64_t> rows = weight.sizes[0].constant();
    if (rows && (padding >= *rows || padding < -*rows))
      throw ValueError("Padding_idx must be within num_embeddings\npadding_idx is " +
                       std::to_string(padding) + ", num_embeddings is " + std::to_string(*rows));
  }
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
      throw IndexError("index out of range in self\nindex " + std::to_string(index[i]) +
                       " at position " + std::to_string(i) + ", but the table has " +
                       std::to_string(rows) + " rows");
    if (row_bytes != 0)
      std::memcpy(to + static_cast<std::size_t>(i) * row_bytes,
                  from + static_cast<std::size_t>(index[i]) * row_bytes, row_bytes);
  }
  return {result};
}

} // namespace

std::span<const Operation> embedding_operations() {
  static const Operation operations[] = {{"nn.embedding", infer_embedding, evaluate_embedding}};
  return operations;
}

} // namespace kiln::semantics
