// batch_norm, and channel_affine, which passes make of batch_norm in evaluation mode.
//
// The channel is dimension 1. All of a channel's statistics are computed in double, whatever the
// input's type.
#include <cmath>

#include "channels.h"
#include "families.h"
#include "kernels.h"

namespace kiln::semantics {

namespace {

enum BatchNormOperand { kInput, kWeight, kBias, kRunningMean, kRunningVar, kOperandCount };
constexpr const char *kOperandNames[kOperandCount] = {"input", "weight", "bias", "running_mean",
                                                      "running_var"};

std::string type_text(DType dtype) { return std::string(runtime::scalar_type_name(dtype)); }

// PyTorch's rule: parameters share the input's type, or are all float32 beside a 16-bit input.
// Returns their type, the input's where there are none.
DType parameter_type(DType input, std::span<const std::optional<TensorType>> parameters) {
  std::optional<DType> first;
  for (const auto &parameter : parameters)
    if (!first && parameter)
      first = parameter->dtype;
  if (!first)
    return input;
  for (const auto &parameter : parameters) {
    if (!parameter)
      continue;
    if (*first == input && parameter->dtype != input)
      throw ValueError("expected scalar type " + type_text(input) + " but found " +
                       type_text(parameter->dtype));
    if (*first != input && parameter->dtype != DType::Float32)
      throw ValueError("mixed dtype (CPU): expect parameter to have scalar type of Float");
  }
  if (*first != input && !is_16_bit_float(input))
    throw ValueError("mixed dtype (CPU): all inputs must share same datatype.\nthe input is " +
                     std::string(runtime::name(input)) + ", the parameters are " +
                     std::string(runtime::name(*first)));
  return *first;
}

bool has_running_statistics(OperandTypes operands) {
  return optional_operand(operands, kRunningMean).has_value();
}

std::vector<TensorType> infer_batch_norm(OperandTypes operands, const Attributes &attributes) {
  check_operands(operands, 1, kOperandCount, "nn.batch_norm");
  const TensorType &input = *operands[kInput];
  const bool training = attributes.get<bool>("training");
  std::optional<TensorType> parameters[kOperandCount];
  for (std::size_t i = kWeight; i < kOperandCount; ++i)
    parameters[i] = optional_operand(operands, i);

  if (input.sizes.size() < 2)
    throw ValueError(
        "nn.batch_norm needs an input of at least two dimensions [N, C, ...], but got " +
        input.shape_text());
  const DimExpr &channels = input.sizes[1];
  if (parameters[kRunningMean].has_value() != parameters[kRunningVar].has_value() && training)
    throw ValueError("running_mean and running_var must either both be None or neither be None");
  for (BatchNormOperand i : {kRunningMean, kRunningVar})
    if (!parameters[i] && !training)
      throw ValueError(std::string(kOperandNames[i]) + " must be defined in evaluation mode");
  // Python's functional form asks this before the kernel sees anything. A symbolic size is asked
  // when it has a value.
  DimExpr per_channel = input.sizes[0];
  for (std::size_t d = 2; d < input.sizes.size(); ++d)
    per_channel = per_channel * input.sizes[d];
  if (training && per_channel == 1)
    throw ValueError(
        "Expected more than 1 value per channel when training, got input size torch.Size(" +
        input.shape_text() + ")");
  if (const double eps = attributes.get<double>("eps"); training && !(eps > 0))
    throw ValueError("batch_norm eps must be positive during training, but got " +
                     number_text(eps));
  for (BatchNormOperand i : {kRunningMean, kRunningVar, kWeight, kBias}) {
    if (!parameters[i])
      continue;
    if (const DimExpr count = product(parameters[i]->sizes); !(count == channels))
      throw ValueError(std::string(kOperandNames[i]) + " should contain " + channels.text() +
                       " elements not " + count.text() + "\nthe input is " + input.shape_text() +
                       ", so it has " + channels.text() + " channels (dimension 1)");
    if (parameters[i]->sizes.size() != 1)
      throw ValueError("nn.batch_norm needs " + std::string(kOperandNames[i]) +
                       " to have one dimension, but got " + parameters[i]->shape_text());
  }
  if (!runtime::is_floating_point(input.dtype))
    throw ValueError("\"batch_norm\" not implemented for '" + type_text(input.dtype) + "'");
  const DType parameter = parameter_type(input.dtype, std::span(parameters).subspan(kWeight));

  std::vector<TensorType> results = {input};
  if (training && has_running_statistics(operands))
    results.insert(results.end(), {*parameters[kRunningMean], *parameters[kRunningVar]});
  if (training) // what the gradient needs: the batch's mean and 1 / sqrt(variance + eps)
    results.insert(results.end(), 2, {parameter, {channels}});
  return results;
}

// y = (x - center) * scale + shift, each per channel, in double.
template <class T>
void normalize(const Tensor &input, const Tensor &result, std::span<const double> center,
               std::span<const double> scale, std::span<const double> shift) {
  const int64_t channels = input.size(1), rest = input.size(2);
  const T *from = input.data<T>();
  T *to = result.data<T>();
  for (int64_t row = 0; row < input.size(0) * channels; ++row) {
    const int64_t c = row % channels;
    for (int64_t r = 0; r < rest; ++r)
      *to++ = static_cast<T>((static_cast<double>(*from++) - center[c]) * scale[c] + shift[c]);
  }
}

struct Statistics {
  std::vector<double> mean, sum_of_squares; // about the mean
  int64_t count = 0;                        // values per channel
};

// Two passes: the textbook one-pass formula cancels.
template <class T> Statistics batch_statistics(const Tensor &input) {
  const int64_t batch = input.size(0), channels = input.size(1), rest = input.size(2);
  Statistics statistics;
  statistics.count = batch * rest;
  statistics.mean.assign(static_cast<std::size_t>(channels), 0);
  statistics.sum_of_squares.assign(static_cast<std::size_t>(channels), 0);
  const T *data = input.data<T>();
  for (int64_t c = 0; c < channels; ++c) {
    auto sum = [&](auto term) {
      double total = 0;
      for (int64_t n = 0; n < batch; ++n)
        for (int64_t r = 0; r < rest; ++r)
          total += term(static_cast<double>(data[(n * channels + c) * rest + r]));
      return total;
    };
    const double mean = sum([](double x) { return x; }) / static_cast<double>(statistics.count);
    statistics.mean[c] = mean;
    statistics.sum_of_squares[c] = sum([mean](double x) { return (x - mean) * (x - mean); });
  }
  return statistics;
}

// (1 - momentum) * running + momentum * observed
Tensor blend(const Tensor &running, double momentum, const std::vector<double> &observed) {
  std::vector<double> values = values_of(running, running.numel(), 0);
  for (std::size_t c = 0; c < values.size(); ++c)
    values[c] = (1 - momentum) * values[c] + momentum * observed[c];
  return Tensor::from<double>(values, sizes_of(running)).to(running.dtype());
}

std::vector<Tensor> evaluate_batch_norm(std::span<const Tensor> operands,
                                        const Attributes &attributes) {
  // Results have the types of input and statistics, which may differ: 16-bit inputs are widened
  // here, not by through_float.
  const Tensor &original = operands[kInput];
  const Tensor running_mean = optional_operand(operands, kRunningMean),
               running_var = optional_operand(operands, kRunningVar);
  const Tensor input =
      by_channel(is_16_bit_float(original.dtype()) ? original.to(DType::Float32) : original);
  const int64_t channels = input.size(1);
  const double eps = attributes.get<double>("eps");
  const bool training = attributes.get<bool>("training");
  DType parameter = original.dtype();
  for (std::size_t i = operands.size(); i-- > kWeight;)
    if (operands[i].defined())
      parameter = operands[i].dtype();
  Tensor result(sizes_of(input), input.dtype());
  std::vector<Tensor> statistics_results;

  dispatch_floating(input.dtype(), "batch_norm", [&]<class T>(Type<T>) {
    std::vector<double> mean, variance;
    if (training) {
      Statistics statistics = batch_statistics<T>(input);
      mean = std::move(statistics.mean);
      variance = statistics.sum_of_squares;
      for (double &value : variance)
        value /= static_cast<double>(statistics.count);
      if (running_mean.defined()) {
        const double momentum = attributes.get<double>("momentum");
        if (statistics.count ==
            0) { // PyTorch leaves the running statistics of an empty batch alone
          statistics_results = {running_mean.clone(), running_var.clone()};
        } else {
          for (double &value : statistics.sum_of_squares)
            value /= static_cast<double>(statistics.count - 1);
          statistics_results = {blend(running_mean, momentum, mean),
                                blend(running_var, momentum, statistics.sum_of_squares)};
        }
      }
      std::vector<double> inv_std = variance;
      for (double &value : inv_std)
        value = 1 / std::sqrt(value + eps);
      for (const std::vector<double> &values : {mean, inv_std})
        statistics_results.push_back(Tensor::from<double>(values, {channels}).to(parameter));
    } else {
      mean = values_of(running_mean, channels, 0);
      variance = values_of(running_var, channels, 1);
    }
    std::vector<double> scale = values_of(optional_operand(operands, kWeight), channels, 1);
    for (std::size_t c = 0; c < scale.size(); ++c)
      scale[c] /= std::sqrt(variance[c] + eps);
    normalize<T>(input, result, mean, scale,
                 values_of(optional_operand(operands, kBias), channels, 0));
  });

  result = result.view(sizes_of(original));
  std::vector<Tensor> results = {original.dtype() == result.dtype() ? result
                                                                    : result.to(original.dtype())};
  results.insert(results.end(), statistics_results.begin(), statistics_results.end());
  return results;
}

//===----------------------------------------------------------------------===//
// channel_affine
//===----------------------------------------------------------------------===//

std::vector<TensorType> infer_channel_affine(OperandTypes operands, const Attributes &) {
  check_operands(operands, 3, 3, "nn.channel_affine");
  const TensorType &input = *operands[0];
  if (input.sizes.size() < 2)
    throw ValueError(
        "nn.channel_affine needs an input of at least two dimensions [N, C, ...], but got " +
        input.shape_text());
  if (!runtime::is_floating_point(input.dtype))
    throw ValueError("nn.channel_affine needs a floating-point input, but got " +
                     type_text(input.dtype));
  for (std::size_t i : {1, 2}) {
    const TensorType expected{input.dtype, {input.sizes[1]}};
    if (!(*operands[i] == expected))
      throw ValueError(std::string("nn.channel_affine needs ") + (i == 1 ? "scale" : "shift") +
                       " of type " + std::string(runtime::name(expected.dtype)) +
                       expected.shape_text() + ", but got " +
                       std::string(runtime::name(operands[i]->dtype)) + operands[i]->shape_text());
  }
  return {input};
}

std::vector<Tensor> evaluate_channel_affine(std::span<const Tensor> operands, const Attributes &) {
  const Tensor input = by_channel(operands[0]);
  const int64_t channels = input.size(1);
  Tensor result(sizes_of(input), input.dtype());
  const std::vector<double> center(static_cast<std::size_t>(channels), 0.0),
      scale = values_of(operands[1], channels, 1), shift = values_of(operands[2], channels, 0);
  dispatch_floating(input.dtype(), "channel_affine",
                    [&]<class T>(Type<T>) { normalize<T>(input, result, center, scale, shift); });
  return {result.view(sizes_of(operands[0]))};
}

} // namespace

std::span<const Operation> normalization_operations() {
  static const Operation operations[] = {
      {"nn.batch_norm", infer_batch_norm, evaluate_batch_norm},
      {"nn.channel_affine", infer_channel_affine, through_float<evaluate_channel_affine>}};
  return operations;
}

} // namespace kiln::semantics
