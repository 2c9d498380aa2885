// Losses: modules and functions.
#include "kiln/nn/modules/loss.h"

#include <sstream>

#include "../errors.h"
#include "../program_recorder.h"
#include "../recorder.h"
#include "../tensor_impl.h"
#include "kiln/nn/functional/loss.h"
#include "run.h"

namespace kiln {

namespace {

std::string reduction_name(const reduction_t &reduction) {
  static const char *const names[] = {"none", "mean", "sum"}; // the variant's order
  return names[reduction.index()];
}

reduction_t numbered_reduction(int64_t number) {
  switch (number) {
  case Reduction::None:
    return kNone;
  case Reduction::Mean:
    return kMean;
  case Reduction::Sum:
    return kSum;
  }
  detail::fail(std::to_string(number) + " is not a valid value for reduction\nit is Reduction::None, Mean or Sum");
}

// What `compute` makes of a tensor and a number. 16-bit tensors meet numbers in float32, as in PyTorch's kernels.
template <class Compute> Tensor with_number(const Tensor &tensor, const Compute &compute) {
  const DType dtype = tensor.dtype();
  return dtype == kFloat16 || dtype == kBFloat16 ? compute(tensor.to(kFloat32)).to(dtype) : compute(tensor);
}

// Against probabilities. Composed as in PyTorch, so that target and weight have their gradients, and types are promoted.
Tensor probability_loss(const Tensor &input, const Tensor &target, const nn::CrossEntropyLossOptions &options) {
  if (options.ignore_index() >= 0)
    detail::fail(
        "ignore_index is not supported for floating point target\nthe target holds probabilities, which name no class that "
        "could be ignored: give such elements a probability of 0 for each class");
  const int64_t dim = input.dim() == 1 ? 0 : 1, classes = input.size(dim);
  Tensor weight = options.weight();
  if (weight.defined() && (weight.dim() != 1 || weight.size(0) != classes))
    detail::fail("cross_entropy: weight tensor should be defined either for all " + std::to_string(classes) +
                 " classes or no classes but got weight tensor of shape: " + detail::sizes_text(weight.sizes()));
  const Tensor logarithms = detail::apply("nn.log_softmax", {input}, {{"dim", dim}});
  Tensor expected = target;
  if (const double smoothing = options.label_smoothing(); smoothing > 0) {
    if (smoothing > 1) {
      std::ostringstream number; // as C++ prints it
      number << smoothing;
      detail::fail("label_smoothing must be between 0.0 and 1.0. Got: " + number.str());
    }
    expected = with_number(expected, [&](const Tensor &tensor) { return tensor * (1 - smoothing); });
    expected = with_number(expected, [&](const Tensor &tensor) { return tensor + smoothing / static_cast<double>(classes); });
  }
  Tensor products = logarithms * expected;
  if (weight.defined()) {
    std::vector<int64_t> sizes(static_cast<std::size_t>(input.dim()), 1);
    sizes[static_cast<std::size_t>(dim)] = classes;
    products = products * weight.view(sizes);
  }
  if (std::holds_alternative<enumtype::kNone>(options.reduction()))
    return -products.sum({dim});
  if (std::holds_alternative<enumtype::kSum>(options.reduction()))
    return -products.sum();
  int64_t rows = classes == 0 ? 0 : 1; // the mean over no score is NaN
  for (int64_t d = 0; d < input.dim(); ++d)
    rows *= d == dim ? 1 : input.size(d);
  return with_number(-products.sum(), [&](const Tensor &tensor) { return tensor / rows; });
}

} // namespace

namespace nn {

namespace F = functional;

Tensor F::cross_entropy(const Tensor &input, const Tensor &target, const CrossEntropyFuncOptions &options) {
  kiln::detail::require(input, "cross_entropy");
  kiln::detail::require(target, "cross_entropy");
  if (input.sizes() == target.sizes() && runtime::is_floating_point(target.dtype()))
    return probability_loss(input, target, options);
  const double smoothing = options.label_smoothing();
  return kiln::detail::apply("nn.cross_entropy", {input, target.dtype() == kUInt8 ? target.to(kInt64) : target, options.weight()},
                             {{"ignore_index", options.ignore_index()},
                              {"label_smoothing", smoothing},
                              {"reduction", reduction_name(options.reduction())}});
}

Tensor F::mse_loss(const Tensor &input, const Tensor &target, const MSELossFuncOptions &options) {
  kiln::detail::require(input, "mse_loss");
  kiln::detail::require(target, "mse_loss");
  if (kiln::detail::Recorder *recorder = kiln::detail::Recorder::current(); recorder && input.sizes() != target.sizes())
    recorder->program().warn(
        "Using a target size (torch.Size(" + kiln::detail::sizes_text(target.sizes()) +
            ")) that is different to the input size (torch.Size(" + kiln::detail::sizes_text(input.sizes()) +
            ")). This will likely lead to incorrect results due to broadcasting. Please ensure they have the "
            "same size.",
        recorder->running_module());
  const Tensor squares = input.sub(target).square();
  if (std::holds_alternative<enumtype::kNone>(options.reduction()))
    return squares;
  return std::holds_alternative<enumtype::kMean>(options.reduction()) ? squares.mean() : squares.sum();
}

CrossEntropyLossImpl::CrossEntropyLossImpl(const CrossEntropyLossOptions &options) : options(options) {
  weight = register_buffer("weight", options.weight());
}

Tensor CrossEntropyLossImpl::forward(const Tensor &input, const Tensor &target) {
  return detail::run_layer(*this, [&] {
    Tensor factors = weight;
    kiln::detail::Recorder *recorder = kiln::detail::Recorder::current();
    if (recorder && factors.defined() && recorder->program().stands_alone(*this)) {
      // PyTorch's users make the loss beside the model, whose state it is no part of: a constant of the program.
      auto constant = std::make_shared<kiln::detail::TensorImpl>();
      constant->value = kiln::detail::TensorAccess::impl(factors)->value.clone();
      factors = kiln::detail::TensorAccess::wrap(std::move(constant));
    }
    return F::cross_entropy(input, target, F::CrossEntropyFuncOptions(options).weight(factors));
  });
}

Tensor MSELossImpl::forward(const Tensor &input, const Tensor &target) {
  return detail::run_layer(*this, [&] { return F::mse_loss(input, target, options); });
}

} // namespace nn

Tensor cross_entropy_loss(const Tensor &input, const Tensor &target, const Tensor &weight, int64_t reduction,
                          int64_t ignore_index, double label_smoothing) {
  return nn::functional::cross_entropy(input, target,
                                       nn::functional::CrossEntropyFuncOptions()
                                           .weight(weight)
                                           .reduction(numbered_reduction(reduction))
                                           .ignore_index(ignore_index)
                                           .label_smoothing(label_smoothing));
}

Tensor mse_loss(const Tensor &input, const Tensor &target, int64_t reduction) {
  return nn::functional::mse_loss(input, target, numbered_reduction(reduction));
}

} // namespace kiln
