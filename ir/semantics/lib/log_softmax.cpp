// log_softmax over one dimension.
#include "log_softmax.h"

#include "families.h"
#include "kernels.h"

namespace kiln::semantics {

namespace {

std::vector<TensorType> infer_log_softmax(OperandTypes operands, const Attributes &attributes) {
  check_operands(operands, 1, 1, "nn.log_softmax");
  const TensorType &input = *operands[0];
  const int64_t dim = wrap_dim(attributes.get<int64_t>("dim"), input.rank());
  // PyTorch has one kernel for the last dimension, and one for others.
  if (!runtime::is_floating_point(input.dtype))
    throw ValueError(std::string(dim + 1 >= input.rank() ? "\"log_softmax_lastdim_kernel_impl\""
                                                         : "\"log_softmax_kernel_impl\"") +
                     " not implemented for '" +
                     std::string(runtime::scalar_type_name(input.dtype)) + "'");
  return {input};
}

std::vector<Tensor> evaluate_log_softmax(std::span<const Tensor> operands,
                                         const Attributes &attributes) {
  const Tensor input = operands[0].contiguous();
  const int64_t rank = input.dim(), dim = wrap_dim(attributes.get<int64_t>("dim"), rank);
  int64_t outer = 1, inner = 1;
  for (int64_t d = 0; d < rank; ++d)
    (d < dim ? outer : inner) *= d == dim ? 1 : input.size(d);
  // A tensor without dimensions counts as having one.
  const int64_t count = rank == 0 ? 1 : input.size(dim);
  Tensor result(sizes_of(input), input.dtype());
  dispatch_floating(input.dtype(), "log_softmax", [&]<class T>(Type<T>) {
    std::vector<double> logarithms(static_cast<std::size_t>(count));
    for (int64_t row = 0; row < outer * inner; ++row) {
      const int64_t first = row / inner * count * inner + row % inner;
      log_softmax(input.data<T>() + first, inner, logarithms);
      for (int64_t i = 0; i < count; ++i)
        result.data<T>()[first + i * inner] =
            static_cast<T>(logarithms[static_cast<std::size_t>(i)]);
    }
  });
  return {result};
}

} // namespace

std::span<const Operation> log_softmax_operations() {
  static const Operation operations[] = {
      {"nn.log_softmax", infer_log_softmax, through_float<evaluate_log_softmax>}};
  return operations;
}

} // namespace kiln::semantics
