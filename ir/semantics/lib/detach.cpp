// detach: the identity, at which differentiation stops.
#include "families.h"
#include "kernels.h"

namespace kiln::semantics {

namespace {

std::vector<TensorType> infer_detach(OperandTypes operands, const Attributes &) {
  check_operands(operands, 1, 1, "nn.detach");
  return {*operands[0]};
}

std::vector<Tensor> evaluate_detach(std::span<const Tensor> operands, const Attributes &) {
  return {operands[0].clone()};
}

} // namespace

std::span<const Operation> detach_operations() {
  static const Operation operations[] = {
      without_gradient({"nn.detach", infer_detach, evaluate_detach})};
  return operations;
}

} // namespace kiln::semantics
