// Softmax over one dimension, its logarithm, and the gradients of both.
#include "softmax.h"

#include "families.h"
#include "kernels.h"

namespace kiln::semantics {

namespace {

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

// `function` begins the names of PyTorch's kernels, of which there is one for the last dimension and
// one for others.
void check_scores(const TensorType &input, const Attributes &attributes,
                  const std::string &function) {
  const int64_t dim = wrap_dim(attributes.get<int64_t>("dim"), input.rank());
  if (!runtime::is_floating_point(input.dtype))
    throw ValueError("\"" + function + (dim + 1 >= input.rank() ? "_lastdim" : "") +
                     "_kernel_impl\" not implemented for '" +
                     std::string(runtime::scalar_type_name(input.dtype)) + "'");
}

std::vector<TensorType> infer_softmax(OperandTypes operands, const Attributes &attributes) {
  check_operands(operands, 1, 1, "nn.softmax");
  check_scores(*operands[0], attributes, "softmax");
  return {*operands[0]};
}

std::vector<TensorType> infer_log_softmax(OperandTypes operands, const Attributes &attributes) {
  check_operands(operands, 1, 1, "nn.log_softmax");
  check_scores(*operands[0], attributes, "log_softmax");
  return {*operands[0]};
}

std::vector<TensorType> infer_backward(OperandTypes operands, const Attributes &attributes,
                                       const std::string &function) {
  check_operands(operands, 2, 2, "nn." + function);
  const TensorType &grad = *operands[0], &output = *operands[1];
  if (grad.sizes != output.sizes)
    throw ValueError("Expected tensor for argument #1 'grad' to have same size as tensor for "
                     "argument #2 'output'; but " +
                     grad.shape_text() + " does not equal " + output.shape_text() +
                     " (while checking arguments for " + function + ")");
  check_scores(grad, attributes, function);
  if (grad.dtype != output.dtype)
    throw ValueError("expected scalar type " +
                     std::string(runtime::scalar_type_name(grad.dtype)) + " but found " +
                     std::string(runtime::scalar_type_name(output.dtype)));
  return {grad};
}

std::vector<TensorType> infer_softmax_backward(OperandTypes operands,
                                               const Attributes &attributes) {
  return infer_backward(operands, attributes, "softmax_backward");
}

std::vector<TensorType> infer_log_softmax_backward(OperandTypes operands,
                                                   const Attributes &attributes) {
  return infer_backward(operands, attributes, "log_softmax_backward");
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// Calls `compute(begin, stride, row)` for each row that a softmax is taken over: its first element,
/// how far apart its elements are, and where their results go; they are rounded to the result's type.
template <class Compute>
Tensor by_rows(const Tensor &like, const Attributes &attributes, Compute compute) {
  const int64_t rank = like.dim(), dim = wrap_dim(attributes.get<int64_t>("dim"), rank);
  int64_t outer = 1, inner = 1;
  for (int64_t d = 0; d < rank; ++d)
    (d < dim ? outer : inner) *= d == dim ? 1 : like.size(d);
  // A tensor without dimensions counts as having one.
  const int64_t count = rank == 0 ? 1 : like.size(dim);
  Tensor result(sizes_of(like), like.dtype());
  dispatch_floating(like.dtype(), "softmax", [&]<class T>(Type<T> type) {
    std::vector<double> row(static_cast<std::size_t>(count));
    for (int64_t number = 0; number < outer * inner; ++number) {
      const int64_t first = number / inner * count * inner + number % inner;
      compute(type, first, inner, std::span<double>(row));
      for (int64_t i = 0; i < count; ++i)
        result.data<T>()[first + i * inner] =
            static_cast<T>(row[static_cast<std::size_t>(i)]);
    }
  });
  return result;
}

std::vector<Tensor> evaluate_softmax(std::span<const Tensor> operands,
                                     const Attributes &attributes) {
  const Tensor input = operands[0].contiguous();
  return {by_rows(input, attributes,
                  [&]<class T>(Type<T>, int64_t begin, int64_t stride, std::span<double> row) {
                    softmax(input.data<T>() + begin, stride, row);
                  })};
}

std::vector<Tensor> evaluate_log_softmax(std::span<const Tensor> operands,
                                         const Attributes &attributes) {
  const Tensor input = operands[0].contiguous();
  return {by_rows(input, attributes,
                  [&]<class T>(Type<T>, int64_t begin, int64_t stride, std::span<double> row) {
                    log_softmax(input.data<T>() + begin, stride, row);
                  })};
}

std::vector<Tensor> evaluate_softmax_backward(std::span<const Tensor> operands,
                                              const Attributes &attributes) {
  const Tensor grad = operands[0].contiguous(), output = operands[1].contiguous();
  return {by_rows(grad, attributes,
                  [&]<class T>(Type<T>, int64_t begin, int64_t stride, std::span<double> row) {
                    const T *g = grad.data<T>() + begin, *y = output.data<T>() + begin;
                    const auto count = static_cast<int64_t>(row.size());
                    // A number taken off all cotangents changes nothing. The cotangent of the largest
                    // probability would drown the others where that is near 1: it is taken off.
                    double largest = -INFINITY, level = 0;
                    for (int64_t i = 0; i < count; ++i)
                      if (static_cast<double>(y[i * stride]) > largest) {
                        largest = static_cast<double>(y[i * stride]);
                        level = static_cast<double>(g[i * stride]);
                      }
                    double sum = 0, whole = 0;
                    for (int64_t i = 0; i < count; ++i) {
                      sum += (static_cast<double>(g[i * stride]) - level) * static_cast<double>(y[i * stride]);
                      whole += static_cast<double>(y[i * stride]);
                    }
                    for (int64_t i = 0; i < count; ++i)
                      row[static_cast<std::size_t>(i)] =
                          ((static_cast<double>(g[i * stride]) - level) * whole - sum) *
                          static_cast<double>(y[i * stride]);
                  })};
}

std::vector<Tensor> evaluate_log_softmax_backward(std::span<const Tensor> operands,
                                                  const Attributes &attributes) {
  const Tensor grad = operands[0].contiguous(), output = operands[1].contiguous();
  return {by_rows(grad, attributes,
                  [&]<class T>(Type<T>, int64_t begin, int64_t stride, std::span<double> row) {
                    const T *g = grad.data<T>() + begin, *y = output.data<T>() + begin;
                    double sum = 0;
                    for (double &value : row) {
                      value = static_cast<double>(*g);
                      sum += value;
                      g += stride;
                    }
                    for (double &value : row) {
                      value -= std::exp(static_cast<double>(*y)) * sum;
                      y += stride;
                    }
                  })};
}

} // namespace

std::span<const Operation> softmax_operations() {
  static const Operation operations[] = {
      {"nn.softmax", infer_softmax, through_float<evaluate_softmax>},
      {"nn.log_softmax", infer_log_softmax, through_float<evaluate_log_softmax>},
      without_gradient({"nn.softmax_backward", infer_softmax_backward,
                        through_float<evaluate_softmax_backward>}),
      without_gradient({"nn.log_softmax_backward", infer_log_softmax_backward,
                        through_float<evaluate_log_softmax_backward>})};
  return operations;
}

} // namespace kiln::semantics
