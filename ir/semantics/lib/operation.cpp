// The table of operations and the checked calls through it.
#include "kiln/semantics/operation.h"

#include <algorithm>

#include "families.h"

namespace kiln::semantics {

namespace {

// Sorted by name. Built at the first use, so it does not depend on the order of static
// initialisers.
const std::vector<Operation> &table() {
  static const std::vector<Operation> operations = [] {
    std::vector<Operation> all;
    for (auto family :
         {elementwise_unary_operations, elementwise_binary_operations, comparison_operations,
          detach_operations, linear_operations, matmul_operations, convolution_operations,
          packed_convolution_operations, pooling_operations, pooling_gradient_operations, normalization_operations,
          normalization_gradient_operations, dropout_operations, embedding_operations,
          shape_operations, cast_operations, creation_operations, reduction_operations,
          softmax_operations, cross_entropy_operations, optimizer_operations}) {
      std::span<const Operation> members = family();
      all.insert(all.end(), members.begin(), members.end());
    }
    std::sort(all.begin(), all.end(),
              [](const Operation &a, const Operation &b) { return a.name < b.name; });
    return all;
  }();
  return operations;
}

const Operation &require_operation(std::string_view name) {
  if (const Operation *operation = find_operation(name))
    return *operation;
  throw runtime::KeyError("there is no operation '" + std::string(name) + "'");
}

} // namespace

bool TensorType::is_static() const {
  return std::all_of(sizes.begin(), sizes.end(),
                     [](const DimExpr &size) { return size.is_constant(); });
}

std::string TensorType::shape_text() const { return semantics::shape_text(sizes); }

std::string shape_text(std::span<const DimExpr> sizes) {
  std::string text = "[";
  for (const DimExpr &size : sizes)
    text += (text.size() > 1 ? ", " : "") + size.text();
  return text + "]";
}

TensorType type_of(const Tensor &tensor) {
  return {tensor.dtype(), std::vector<DimExpr>(tensor.sizes().begin(), tensor.sizes().end())};
}

const Operation *find_operation(std::string_view name) {
  const std::vector<Operation> &operations = table();
  auto found = std::lower_bound(
      operations.begin(), operations.end(), name,
      [](const Operation &operation, std::string_view key) { return operation.name < key; });
  return found != operations.end() && found->name == name ? &*found : nullptr;
}

std::vector<const Operation *> all_operations() {
  std::vector<const Operation *> result;
  for (const Operation &operation : table())
    result.push_back(&operation);
  return result;
}

std::vector<TensorType> infer(std::string_view name, OperandTypes operands,
                              const Attributes &attributes) {
  return require_operation(name).infer(operands, attributes);
}

std::vector<Tensor> evaluate(std::string_view name, std::span<const Tensor> operands,
                             const Attributes &attributes) {
  const Operation &operation = require_operation(name);
  std::vector<std::optional<TensorType>> types;
  types.reserve(operands.size());
  for (const Tensor &operand : operands)
    types.push_back(operand.defined() ? std::optional(type_of(operand)) : std::nullopt);
  operation.infer(types, attributes);
  return operation.evaluate(operands, attributes);
}

} // namespace kiln::semantics
