// Losses: modules and functions.
#include "kiln/nn/modules/loss.h"

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

} // namespace

namespace nn {

namespace F = functional;

Tensor F::cross_entropy(const Tensor &input, const Tensor &target, const CrossEntropyFuncOptions &options) {
  kiln::detail::require(input, "cross_entropy");
  kiln::detail::require(target, "cross_entropy");
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
