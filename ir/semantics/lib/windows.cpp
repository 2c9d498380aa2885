// Windows over the last dimensions of a tensor.
#include "windows.h"

namespace kiln::semantics {

std::vector<int64_t> window_attribute(const Attributes &attributes, const std::string &name,
                                      std::size_t rank, std::string_view operation) {
  const auto &values = attributes.get<std::vector<int64_t>>(name);
  if (values.size() != rank)
    throw ValueError(std::string(operation) + " over " + std::to_string(rank) +
                     " dimensions needs as many values of " + name + ", but got " +
                     std::to_string(values.size()));
  return values;
}

std::string cross_text(std::span<const DimExpr> sizes) {
  std::string text;
  for (const DimExpr &size : sizes)
    text += (text.empty() ? "" : "x") + factor_text(size);
  return text;
}

Windows::Windows(std::span<const int64_t> input, std::span<const int64_t> output,
                 std::span<const int64_t> kernel, std::span<const int64_t> stride,
                 std::span<const int64_t> low, std::span<const int64_t> dilation) {
  const std::size_t missing = dims.size() - input.size();
  for (std::size_t d = 0; d < input.size(); ++d)
    dims[missing + d] = {input[d], output[d], kernel[d], stride[d], low[d], dilation[d]};
}

Tensor as_planes(const Tensor &tensor, std::size_t rank) {
  int64_t positions = 1, planes = 1;
  const auto leading = static_cast<std::size_t>(tensor.dim()) - rank;
  for (std::size_t d = 0; d < static_cast<std::size_t>(tensor.dim()); ++d)
    (d < leading ? planes : positions) *= tensor.size(static_cast<int64_t>(d));
  return tensor.contiguous().view({planes, positions});
}

} // namespace kiln::semantics
