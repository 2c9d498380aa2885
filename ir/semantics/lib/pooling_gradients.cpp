// max_pool_backward, avg_pool_backward and adaptive_avg_pool_backward: cotangents spread over the
// windows that they came from.
#include "channels_last.h"
#include "families.h"
#include "pooling.h"

namespace kiln::semantics {

namespace {

void check_floating(const TensorType &grad, const std::string &operation) {
  if (!runtime::is_floating_point(grad.dtype))
    throw ValueError(operation + " needs a floating-point gradient, but got " +
                     std::string(runtime::scalar_type_name(grad.dtype)));
}

void check_cotangent(const TensorType &grad, const TensorType &output,
                     const std::string &operation) {
  if (!(grad == output))
    throw ValueError(operation + " needs a gradient of type " +
                     std::string(runtime::name(output.dtype)) + output.shape_text() +
                     ", that of the result, but got " + std::string(runtime::name(grad.dtype)) +
                     grad.shape_text());
}

// The input of a pooling whose result has the cotangent `grad`: its last sizes are an attribute.
TensorType input_of(const TensorType &grad, const Attributes &attributes,
                    const std::string &operation) {
  const auto &spatial = attributes.get<std::vector<DimExpr>>("input_size");
  if (spatial.size() > grad.sizes.size())
    throw ValueError(operation + " needs a gradient of at least as many dimensions as input_size " +
                     shape_text(spatial) + ", but got " + grad.shape_text());
  TensorType input = grad;
  std::copy(spatial.begin(), spatial.end(),
            input.sizes.end() - static_cast<std::ptrdiff_t>(spatial.size()));
  return input;
}

// Adds to `sums` for each plane of the gradient, and rounds once.
template <class Spread>
Tensor spread_planes(const Tensor &grad, const std::vector<int64_t> &sizes, std::size_t rank,
                     Spread spread) {
  const Tensor planes = as_planes(grad, rank);
  Tensor result(sizes, grad.dtype());
  const int64_t inputs = planes.size(0) == 0 ? 0 : result.numel() / planes.size(0);
  dispatch_floating(grad.dtype(), "pool_backward", [&]<class T>(Type<T>) {
    for (int64_t p = 0; p < planes.size(0); ++p) {
      std::vector<double> sums(static_cast<std::size_t>(inputs), 0);
      spread(p, planes.data<T>() + p * planes.size(1), sums.data());
      std::transform(sums.begin(), sums.end(), result.data<T>() + p * inputs,
                     [](double sum) { return static_cast<T>(sum); });
    }
  });
  return result;
}

//===----------------------------------------------------------------------===//
// max_pool
//===----------------------------------------------------------------------===//

std::vector<TensorType> infer_max_pool_backward(OperandTypes operands,
                                                const Attributes &attributes) {
  const std::string name = "nn.max_pool_backward";
  check_operands(operands, 2, 2, name);
  const TensorType &grad = *operands[0], &input = *operands[1];
  check_floating(grad, name);
  check_cotangent(
      grad, {input.dtype, pooled_sizes(input, pooling_attributes(attributes, name), "max_pool")},
      name);
  return {input};
}

std::vector<Tensor> evaluate_max_pool_backward(std::span<const Tensor> operands,
                                               const Attributes &attributes) {
  const Tensor &grad = operands[0], &input = operands[1];
  const std::size_t rank = pooling_attributes(attributes, "nn.max_pool_backward").rank();
  const Tensor places = evaluate("nn.max_pool_indices", std::span(&input, 1), attributes)[0];
  const int64_t outputs = as_planes(places, rank).size(1);
  return {spread_planes(grad, sizes_of(input), rank,
                        [&](int64_t plane, const auto *from, double *sums) {
                          const int64_t *place = places.data<int64_t>() + plane * outputs;
                          for (int64_t i = 0; i < outputs; ++i)
                            if (place[i] >= 0)
                              sums[place[i]] += static_cast<double>(from[i]);
                        })};
}

//===----------------------------------------------------------------------===//
// avg_pool
//===----------------------------------------------------------------------===//

std::vector<TensorType> infer_avg_pool_backward(OperandTypes operands,
                                                const Attributes &attributes) {
  const std::string name = "nn.avg_pool_backward";
  check_operands(operands, 1, 1, name);
  const TensorType &grad = *operands[0], input = input_of(grad, attributes, name);
  check_floating(grad, name);
  check_cotangent(
      grad, {input.dtype, pooled_sizes(input, pooling_attributes(attributes, name), "avg_pool")},
      name);
  return {input};
}

std::vector<int64_t> input_sizes(const Tensor &grad, const Attributes &attributes,
                                 const std::string &operation) {
  return require_constants(input_of(type_of(grad), attributes, operation).sizes,
                           "a size of the input");
}

std::vector<Tensor> evaluate_avg_pool_backward(std::span<const Tensor> operands,
                                               const Attributes &attributes) {
  const std::string name = "nn.avg_pool_backward";
  const Tensor &grad = operands[0];
  const Pooling pooling = pooling_attributes(attributes, name);
  const std::vector<int64_t> sizes = input_sizes(grad, attributes, name);
  const Windows windows = pooling_windows(pooling, std::span(sizes).last(pooling.rank()),
                                          spatial_sizes(grad, pooling.rank()));
  std::vector<double> divisors;
  windows.for_each_output([&](int64_t, const std::array<int64_t, 3> &position) {
    divisors.push_back(static_cast<double>(average_divisor(windows, position, attributes)));
  });
  return {spread_planes(grad, sizes, pooling.rank(), [&](int64_t, const auto *from, double *sums) {
    windows.for_each_segment([&](int64_t, int64_t out, int64_t in, int64_t count) {
      for (int64_t i = 0; i < count; ++i)
        sums[in + i * windows.step()] +=
            static_cast<double>(from[out + i]) / divisors[static_cast<std::size_t>(out + i)];
    });
  })};
}

//===----------------------------------------------------------------------===//
// adaptive_avg_pool
//===----------------------------------------------------------------------===//

std::vector<TensorType> infer_adaptive_avg_pool_backward(OperandTypes operands,
                                                         const Attributes &attributes) {
  const std::string name = "nn.adaptive_avg_pool_backward";
  check_operands(operands, 1, 1, name);
  const TensorType &grad = *operands[0];
  check_floating(grad, name);
  return {input_of(grad, attributes, name)};
}

std::vector<Tensor> evaluate_adaptive_avg_pool_backward(std::span<const Tensor> operands,
                                                        const Attributes &attributes) {
  const Tensor &grad = operands[0];
  const std::size_t rank = attributes.get<std::vector<DimExpr>>("input_size").size();
  const std::vector<int64_t> sizes = input_sizes(grad, attributes, "nn.adaptive_avg_pool_backward"),
                             to = spatial_sizes(grad, rank);
  return {spread_planes(grad, sizes, rank, [&](int64_t, const auto *from, double *sums) {
    for_each_adaptive(std::span(sizes).last(rank), to, [&](int64_t out, int64_t in, int64_t area) {
      sums[in] += static_cast<double>(from[out]) / static_cast<double>(area);
    });
  })};
}

//===----------------------------------------------------------------------===//
// Channels last
//===----------------------------------------------------------------------===//

bool has_channels_last(const TensorType &operand, const Attributes &attributes) {
  if (!attributes.has("input_size"))
    return is_channels_last<std::vector<int64_t>>(attributes, "kernel_size", operand.rank(),
                                                  "nn.max_pool_backward");
  return is_channels_last<std::vector<DimExpr>>(
      attributes, "input_size", operand.rank(),
      attributes.has("kernel_size") ? "nn.avg_pool_backward" : "nn.adaptive_avg_pool_backward");
}

} // namespace

std::span<const Operation> pooling_gradient_operations() {
  static const Operation operations[] = {
      without_gradient({"nn.max_pool_backward", infer_either<infer_max_pool_backward, has_channels_last>,
                        evaluate_either<through_float<evaluate_max_pool_backward>, has_channels_last>}),
      without_gradient({"nn.avg_pool_backward", infer_either<infer_avg_pool_backward, has_channels_last>,
                        evaluate_either<through_float<evaluate_avg_pool_backward>, has_channels_last>}),
      without_gradient({"nn.adaptive_avg_pool_backward",
                        infer_either<infer_adaptive_avg_pool_backward, has_channels_last>,
                        evaluate_either<through_float<evaluate_adaptive_avg_pool_backward>, has_channels_last>})};
  return operations;
}

} // namespace kiln::semantics
