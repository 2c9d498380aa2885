// Tensors whose channels come last, [N, ..., C], seen as PyTorch has them: [N, C, ...].
#pragma once

#include <algorithm>

#include "kernels.h"

namespace kiln::semantics {

inline TensorType channels_first(TensorType type) {
  std::rotate(type.sizes.begin() + 1, type.sizes.end() - 1, type.sizes.end());
  return type;
}
inline TensorType channels_last(TensorType type) {
  std::rotate(type.sizes.begin() + 1, type.sizes.begin() + 2, type.sizes.end());
  return type;
}

/// Views; neither copies.
inline Tensor channels_first(const Tensor &tensor) {
  std::vector<int64_t> dims(static_cast<std::size_t>(tensor.dim()));
  for (int64_t d = 0; d < tensor.dim(); ++d)
    dims[static_cast<std::size_t>(d)] = d == 1 ? tensor.dim() - 1 : std::max<int64_t>(d - 1, 0);
  return tensor.permute(dims);
}
inline Tensor channels_last(const Tensor &tensor) {
  std::vector<int64_t> dims(static_cast<std::size_t>(tensor.dim()));
  for (int64_t d = 0; d < tensor.dim(); ++d)
    dims[static_cast<std::size_t>(d)] = d == 0 ? 0 : d + 1 < tensor.dim() ? d + 1 : 1;
  return tensor.permute(dims);
}

//===----------------------------------------------------------------------===//
// The attribute channels_last
//===----------------------------------------------------------------------===//

/// Of an operation whose attribute `spatial` has a value for each spatial dimension. Throws
/// ValueError where the input is not [N, ..., C].
template <class List>
bool is_channels_last(const Attributes &attributes, const std::string &spatial, std::int64_t rank,
                      std::string_view operation) {
  if (!attributes.get_or("channels_last", false))
    return false;
  if (rank != static_cast<std::int64_t>(attributes.get<List>(spatial).size()) + 2)
    throw ValueError(std::string(operation) +
                     " with channels_last needs an input [N, ..., C] of two dimensions more than " +
                     spatial + " has, but it has " + std::to_string(rank));
  return true;
}

// An operation on [N, C, ...], also on [N, ..., C]: what it does to the one, all operands turned, where `is_last` says so.
template <auto infer, auto is_last>
std::vector<TensorType> infer_either(OperandTypes operands, const Attributes &attributes) {
  std::vector<std::optional<TensorType>> first;
  for (const std::optional<TensorType> &operand : operands) {
    if (!operand || !is_last(*operand, attributes))
      return infer(operands, attributes);
    first.push_back(channels_first(*operand));
  }
  return {channels_last(infer(first, attributes)[0])};
}
template <auto evaluate, auto is_last>
std::vector<Tensor> evaluate_either(std::span<const Tensor> operands,
                                    const Attributes &attributes) {
  if (!is_last(type_of(operands[0]), attributes))
    return evaluate(operands, attributes);
  std::vector<Tensor> first;
  for (const Tensor &operand : operands)
    first.push_back(channels_first(operand));
  return {channels_last(evaluate(first, attributes)[0]).contiguous()};
}

} // namespace kiln::semantics
