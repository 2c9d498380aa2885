// sgd, adam: one step of an optimizer over the parameters of a group.
//
// The formulas and the order of their roundings are those of PyTorch's _single_tensor_sgd and
// _single_tensor_adam: factors that are the same for all elements (bias corrections, step sizes) are
// computed in double and rounded to the parameter's type once; each operation on elements rounds.
// 16-bit parameters are computed in float and rounded at the end.
#include <algorithm>
#include <cmath>

#include "families.h"
#include "kernels.h"

namespace kiln::semantics {

namespace {

std::string type_text(const TensorType &type) {
  return std::string(runtime::name(type.dtype)) + type.shape_text();
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

// `lists` are the names of the operand lists: parameters, gradients, then slots. The results are the
// parameters and the slots.
std::vector<TensorType> infer_step(const std::string &name, std::span<const char *const> lists,
                                   OperandTypes operands, const Attributes &attributes) {
  const int64_t count = attributes.get<int64_t>("count");
  if (count < 1)
    throw ValueError(name + " needs at least one parameter, but its count is " +
                     std::to_string(count));
  const std::size_t size = static_cast<std::size_t>(count), tensors = size * lists.size();
  if (operands.size() / lists.size() < size || operands.size() != tensors + 2) {
    std::string expected;
    for (const char *list : lists)
      expected += std::to_string(count) + " " + list + ", ";
    throw ValueError(name + " takes " + expected + "steps and lr, but got " +
                     std::to_string(operands.size()) + " operands");
  }
  check_operands(operands, tensors + 2, tensors + 2, name);
  std::vector<TensorType> results;
  for (std::size_t i = 0; i < size; ++i) {
    if (!runtime::is_floating_point(operands[i]->dtype))
      throw ValueError(name + " changes floating-point parameters, but parameter " +
                       std::to_string(i) + " is " + type_text(*operands[i]));
    for (std::size_t list = 1; list < lists.size(); ++list)
      if (const TensorType &other = *operands[list * size + i]; !(other == *operands[i]))
        throw ValueError(name + " needs " + lists[list] + " of their parameters' types, but number " +
                         std::to_string(i) + " is " + type_text(other) + ", its parameter " +
                         type_text(*operands[i]));
  }
  for (std::size_t list = 0; list < lists.size(); ++list)
    if (list != 1) // gradients
      for (std::size_t i = 0; i < size; ++i)
        results.push_back(*operands[list * size + i]);

  // Float64 where everything is computed in double.
  const TensorType &steps = *operands[tensors], &rate = *operands[tensors + 1];
  if (steps.sizes.size() != 1 ||
      (steps.dtype != DType::Float32 && steps.dtype != DType::Float64))
    throw ValueError(name + " needs steps of one dimension and type float32, but got " +
                     type_text(steps));
  if (!(rate == TensorType{DType::Float64, {}}))
    throw ValueError(name + " needs a learning rate of type float64[], but got " + type_text(rate));
  const auto &indices = attributes.get<std::vector<int64_t>>("indices");
  if (indices.size() != size)
    throw ValueError(name + " needs an index for each of " + std::to_string(count) +
                     " parameters, but got " + std::to_string(indices.size()));
  for (int64_t index : indices)
    if (index < 0 || index >= steps.sizes[0].constant().value_or(index + 1))
      throw ValueError(name + " has index " + std::to_string(index) + ", but steps are " +
                       type_text(steps));
  return results;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

// The operands of a step by list and parameter. `lists` as in infer_step.
class Step {
public:
  Step(std::span<const Tensor> operands, std::size_t lists, const Attributes &attributes)
      : operands_(operands), lists_(lists), indices_(attributes.get<std::vector<int64_t>>("indices")),
        count_(indices_.size()), learning_rate_(operands.back().item<double>()) {}

  std::size_t count() const { return count_; }
  double learning_rate() const { return learning_rate_; }
  Tensor gradient(std::size_t parameter) const { return wide(operands_[count_ + parameter]); }
  /// The number of this step for the parameter, from 1.
  double number(std::size_t parameter) const {
    const Tensor steps = operands_[operands_.size() - 2].to(DType::Float64);
    return steps.select(0, indices_[parameter]).item<double>();
  }

  /// Copies of the parameters and slots, which the step changes in place.
  std::vector<Tensor> copies() const {
    std::vector<Tensor> result;
    for (std::size_t i = 0; i < lists_ * count_; ++i)
      if (!is_gradient(i))
        result.push_back(wide(operands_[i]).clone());
    return result;
  }
  /// The same in the types of the operands, when the step is made.
  std::vector<Tensor> rounded(std::vector<Tensor> changed) const {
    auto next = changed.begin();
    for (std::size_t i = 0; i < lists_ * count_; ++i)
      if (!is_gradient(i)) {
        *next = next->to(operands_[i].dtype());
        ++next;
      }
    return changed;
  }

private:
  bool is_gradient(std::size_t operand) const { return operand / count_ == 1; }
  static Tensor wide(const Tensor &tensor) {
    return is_16_bit_float(tensor.dtype()) ? tensor.to(DType::Float32) : tensor.contiguous();
  }

  std::span<const Tensor> operands_;
  std::size_t lists_;
  std::vector<int64_t> indices_;
  std::size_t count_;
  double learning_rate_;
};

constexpr const char *kSgdLists[] = {"parameters", "gradients", "momentum_buffers"};

std::size_t sgd_lists(const Attributes &attributes) {
  return attributes.get<double>("momentum") != 0 ? 3 : 2;
}

std::vector<TensorType> infer_sgd(OperandTypes operands, const Attributes &attributes) {
  const double momentum = attributes.get<double>("momentum"),
               dampening = attributes.get<double>("dampening"),
               weight_decay = attributes.get<double>("weight_decay");
  if (!(momentum >= 0))
    throw ValueError("Invalid momentum value: " + number_text(momentum));
  if (!(weight_decay >= 0))
    throw ValueError("Invalid weight_decay value: " + number_text(weight_decay));
  if (attributes.get<bool>("nesterov") && (momentum <= 0 || dampening != 0))
    throw ValueError("Nesterov momentum requires a momentum and zero dampening");
  attributes.get<bool>("maximize");
  return infer_step("nn.sgd", std::span(kSgdLists).first(sgd_lists(attributes)), operands,
                    attributes);
}

std::vector<Tensor> evaluate_sgd(std::span<const Tensor> operands, const Attributes &attributes) {
  const Step step(operands, sgd_lists(attributes), attributes);
  const double momentum = attributes.get<double>("momentum"),
               dampening = attributes.get<double>("dampening"),
               weight_decay = attributes.get<double>("weight_decay");
  const bool nesterov = attributes.get<bool>("nesterov"),
             maximize = attributes.get<bool>("maximize");
  std::vector<Tensor> results = step.copies();
  for (std::size_t i = 0; i < step.count(); ++i) {
    const Tensor gradients = step.gradient(i);
    const bool is_first = step.number(i) == 1;
    dispatch_floating(gradients.dtype(), "sgd", [&]<class T>(Type<T>) {
      const T *gradient = gradients.data<T>();
      T *parameter = results[i].data<T>();
      T *buffer = momentum != 0 ? results[step.count() + i].data<T>() : nullptr;
      for (int64_t e = 0; e < gradients.numel(); ++e) {
        T g = maximize ? -gradient[e] : gradient[e];
        if (weight_decay != 0)
          g += static_cast<T>(weight_decay) * parameter[e];
        if (buffer) {
          buffer[e] = is_first ? g
                               : buffer[e] * static_cast<T>(momentum) +
                                     static_cast<T>(1 - dampening) * g;
          g = nesterov ? g + static_cast<T>(momentum) * buffer[e] : buffer[e];
        }
        parameter[e] += static_cast<T>(-step.learning_rate()) * g;
      }
    });
  }
  return step.rounded(std::move(results));
}

constexpr const char *kAdamLists[] = {"parameters", "gradients", "exp_avgs", "exp_avg_sqs",
                                      "max_exp_avg_sqs"};

std::size_t adam_lists(const Attributes &attributes) {
  return attributes.get<bool>("amsgrad") ? 5 : 4;
}

std::vector<TensorType> infer_adam(OperandTypes operands, const Attributes &attributes) {
  for (int beta : {0, 1}) {
    const double value = attributes.get<double>(beta == 0 ? "beta1" : "beta2");
    if (!(value >= 0 && value < 1))
      throw ValueError("Invalid beta parameter at index " + std::to_string(beta) + ": " +
                       number_text(value));
  }
  for (const char *name : {"eps", "weight_decay"}) {
    const double value = attributes.get<double>(name);
    if (!(value >= 0))
      throw ValueError(
          std::string("Invalid ") +
          (std::string_view(name) == "eps" ? "epsilon value: " : "weight_decay value: ") +
          number_text(value));
  }
  attributes.get<bool>("decoupled");
  attributes.get<bool>("maximize");
  return infer_step("nn.adam", std::span(kAdamLists).first(adam_lists(attributes)), operands,
                    attributes);
}

// torch.lerp, which takes the end that is nearer as its base.
template <class T> T lerp(T start, T end, T weight) {
  return std::fabs(weight) < T(0.5) ? start + weight * (end - start)
                                    : end - (end - start) * (T(1) - weight);
}

std::vector<Tensor> evaluate_adam(std::span<const Tensor> operands, const Attributes &attributes) {
  const Step step(operands, adam_lists(attributes), attributes);
  const double beta1 = attributes.get<double>("beta1"), beta2 = attributes.get<double>("beta2"),
               eps = attributes.get<double>("eps"),
               weight_decay = attributes.get<double>("weight_decay");
  const bool decoupled = attributes.get<bool>("decoupled"),
             amsgrad = attributes.get<bool>("amsgrad"),
             maximize = attributes.get<bool>("maximize");
  std::vector<Tensor> results = step.copies();
  for (std::size_t i = 0; i < step.count(); ++i) {
    const Tensor gradients = step.gradient(i);
    const double number = step.number(i);
    const double step_size = step.learning_rate() / (1 - std::pow(beta1, number)),
                 correction = std::sqrt(1 - std::pow(beta2, number));
    dispatch_floating(gradients.dtype(), "adam", [&]<class T>(Type<T>) {
      const T *gradient = gradients.data<T>();
      auto result = [&](std::size_t list) { return results[list * step.count() + i].data<T>(); };
      T *parameter = result(0), *average = result(1), *square = result(2);
      T *largest = amsgrad ? result(3) : nullptr;
      for (int64_t e = 0; e < gradients.numel(); ++e) {
        T g = maximize ? -gradient[e] : gradient[e];
        if (weight_decay != 0 && decoupled)
          parameter[e] *= static_cast<T>(1 - step.learning_rate() * weight_decay);
        else if (weight_decay != 0)
          g += static_cast<T>(weight_decay) * parameter[e];
        average[e] = lerp(average[e], g, static_cast<T>(1 - beta1));
        square[e] = square[e] * static_cast<T>(beta2) + static_cast<T>(1 - beta2) * g * g;
        T second = square[e];
        if (amsgrad) { // NaN stays, as in torch.maximum
          if (!(largest[e] >= second) && !std::isnan(largest[e]))
            largest[e] = second;
          second = largest[e];
        }
        const T denominator = std::sqrt(second) / static_cast<T>(correction) + static_cast<T>(eps);
        parameter[e] += static_cast<T>(-step_size) * average[e] / denominator;
      }
    });
  }
  return step.rounded(std::move(results));
}

} // namespace

std::span<const Operation> optimizer_operations() {
  static const Operation operations[] = {
      without_gradient({"nn.sgd", infer_sgd, evaluate_sgd}),
      without_gradient({"nn.adam", infer_adam, evaluate_adam})};
  return operations;
}

} // namespace kiln::semantics
