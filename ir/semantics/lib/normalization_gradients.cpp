// batch_norm_backward: the gradients of batch_norm in training, of input, weight and bias.
//
// With x' = (x - mean) * inv_std, n values a channel, and g the gradient of the output:
//   bias    sum(g)
//   weight  sum(g * x')
//   input   weight * inv_std * (g - sum(g) / n - x' * sum(g * x') / n)
// Sums and factors are in double.
#include "channels.h"
#include "families.h"

namespace kiln::semantics {

namespace {

enum Operand { kGrad, kInput, kBatchMean, kBatchInvStd, kWeight, kOperandCount };
constexpr const char *kOperandNames[kOperandCount] = {"grad", "input", "batch_mean",
                                                      "batch_inv_std", "weight"};

std::string type_text(const TensorType &type) {
  return std::string(runtime::name(type.dtype)) + type.shape_text();
}

std::vector<TensorType> infer_batch_norm_backward(OperandTypes operands, const Attributes &) {
  check_operands(operands, 4, kOperandCount, "nn.batch_norm_backward");
  const TensorType &input = *operands[kInput];
  if (input.sizes.size() < 2 || !runtime::is_floating_point(input.dtype))
    throw ValueError("nn.batch_norm_backward needs a floating-point input of at least two "
                     "dimensions [N, C, ...], but got " +
                     type_text(input));
  // Statistics and weight are of one type: the input's, or float32 beside a 16-bit input.
  TensorType parameter{input.dtype, {input.sizes[1]}};
  if (is_16_bit_float(input.dtype) && operands[kBatchMean]->dtype == DType::Float32)
    parameter.dtype = DType::Float32;
  auto require = [&](Operand operand, const TensorType &expected) {
    if (!(*operands[operand] == expected))
      throw ValueError("nn.batch_norm_backward needs " + std::string(kOperandNames[operand]) +
                       " of type " + type_text(expected) + ", but got " +
                       type_text(*operands[operand]));
  };
  require(kGrad, input);
  require(kBatchMean, parameter);
  require(kBatchInvStd, parameter);
  if (optional_operand(operands, kWeight))
    require(kWeight, parameter);
  return {input, parameter, parameter};
}

std::vector<Tensor> evaluate_batch_norm_backward(std::span<const Tensor> operands,
                                                 const Attributes &) {
  const Tensor &original = operands[kInput], weight = optional_operand(operands, kWeight);
  const Tensor input = by_channel(original).to(DType::Float64),
               grad = by_channel(operands[kGrad]).to(DType::Float64);
  const int64_t batch = input.size(0), channels = input.size(1), rest = input.size(2);
  const std::vector<double> mean = values_of(operands[kBatchMean], channels, 0),
                            inv_std = values_of(operands[kBatchInvStd], channels, 1),
                            scale = values_of(weight, channels, 1);
  Tensor input_gradient(sizes_of(input), DType::Float64), weight_gradient({channels}, DType::Float64),
      bias_gradient({channels}, DType::Float64);
  const auto count = static_cast<double>(batch * rest);
  for (int64_t c = 0; c < channels; ++c) {
    auto for_each_value = [&](auto visit) {
      for (int64_t n = 0; n < batch; ++n)
        for (int64_t r = 0; r < rest; ++r) {
          const int64_t i = (n * channels + c) * rest + r;
          visit(i, (input.data<double>()[i] - mean[c]) * inv_std[c], grad.data<double>()[i]);
        }
    };
    double sum = 0, product = 0;
    for_each_value([&](int64_t, double normalised, double g) {
      sum += g;
      product += g * normalised;
    });
    for_each_value([&](int64_t i, double normalised, double g) {
      input_gradient.data<double>()[i] =
          scale[c] * inv_std[c] * (g - sum / count - normalised * (product / count));
    });
    weight_gradient.data<double>()[c] = product;
    bias_gradient.data<double>()[c] = sum;
  }
  const DType parameter = operands[kBatchMean].dtype();
  return {input_gradient.view(sizes_of(original)).to(original.dtype()),
          weight_gradient.to(parameter), bias_gradient.to(parameter)};
}

} // namespace

std::span<const Operation> normalization_gradient_operations() {
  static const Operation operations[] = {without_gradient(
      {"nn.batch_norm_backward", infer_batch_norm_backward, evaluate_batch_norm_backward})};
  return operations;
}

} // namespace kiln::semantics
