// Batch normalisation, and its lazy forms.
#include "kiln/nn/modules/batchnorm.h"

#include "../errors.h"
#include "../python_text.h"
#include "../recorder.h"
#include "../tensor_impl.h"
#include "kiln/nn/functional.h"
#include "kiln/nn/init.h"
#include "run.h"

namespace kiln::nn {

BatchNormBase::BatchNormBase(const BatchNormOptions &options) : options(options) {
  const std::vector<int64_t> sizes{options.num_features()};
  weight = register_parameter("weight", options.affine() ? kiln::empty(sizes) : Tensor());
  bias = register_parameter("bias", options.affine() && options.bias() ? kiln::empty(sizes) : Tensor());
  const bool track = options.track_running_stats();
  running_mean = register_buffer("running_mean", track ? kiln::zeros(sizes) : Tensor());
  running_var = register_buffer("running_var", track ? kiln::ones(sizes) : Tensor());
  num_batches_tracked = register_buffer("num_batches_tracked", track ? kiln::tensor(0) : Tensor());
  BatchNormBase::reset_parameters();
}

BatchNormBase::BatchNormBase(const BatchNormOptions &options, Lazy) : options(options) {
  auto without_shape = [](bool exists, bool is_buffer) {
    return exists ? kiln::detail::uninitialized_tensor(kFloat32, is_buffer) : Tensor();
  };
  const bool track = options.track_running_stats();
  weight = register_parameter("weight", without_shape(options.affine(), false));
  bias = register_parameter("bias", without_shape(options.affine() && options.bias(), false));
  running_mean = register_buffer("running_mean", without_shape(track, true));
  running_var = register_buffer("running_var", without_shape(track, true));
  num_batches_tracked = register_buffer("num_batches_tracked", track ? kiln::tensor(0) : Tensor());
}

void BatchNormBase::reset_running_stats() {
  if (!options.track_running_stats())
    return;
  running_mean.zero_();
  running_var.fill_(1);
  num_batches_tracked.zero_();
}

void BatchNormBase::reset_parameters() {
  reset_running_stats();
  if (weight.defined())
    init::ones_(weight);
  if (bias.defined())
    init::zeros_(bias);
}

namespace {

// The average over all batches so far: every batch weighs 1 / n.
void average_into(const Tensor &running, const Tensor &batch, const Tensor &factor) {
  kiln::detail::write_elements(running, (1 - factor) * running + factor * batch);
}

} // namespace

Tensor BatchNormBase::forward(const Tensor &input) {
  return detail::run_layer(*this, [&]() -> Tensor {
    check_input_dim(input);
    const bool training = is_training(), update = training && options.track_running_stats() && num_batches_tracked.defined();
    if (update)
      num_batches_tracked.add_(1);
    const bool use_batch = training || (!running_mean.defined() && !running_var.defined());
    const bool use_running = !training || options.track_running_stats();
    auto normalized = [&](const Tensor &mean, const Tensor &var) {
      return functional::batch_norm(input, mean, var,
                                    functional::BatchNormFuncOptions()
                                        .weight(weight)
                                        .bias(bias)
                                        .training(use_batch)
                                        .momentum(options.momentum().value_or(0.0))
                                        .eps(options.eps()));
    };
    if (!update || options.momentum())
      return normalized(use_running ? running_mean : Tensor(), use_running ? running_var : Tensor());
    // Without a momentum the weight of a batch depends on a buffer: take the batch's own statistics and mix them in by hand.
    const std::vector<Tensor> results = kiln::detail::dispatch("nn.batch_norm", {input, weight, bias, running_mean, running_var},
                                                               {{"training", true}, {"momentum", 1.0}, {"eps", options.eps()}});
    const Tensor factor = 1 / num_batches_tracked.to(running_mean.dtype());
    average_into(running_mean, results[1], factor);
    average_into(running_var, results[2], factor);
    return results[0];
  });
}

std::string BatchNormBase::extra_repr() const {
  using kiln::detail::bool_text;
  using kiln::detail::float_text;
  return std::to_string(options.num_features()) + ", eps=" + float_text(options.eps()) +
         ", momentum=" + (options.momentum() ? float_text(*options.momentum()) : "None") +
         ", affine=" + bool_text(options.affine()) + ", bias=" + bool_text(bias.defined()) +
         ", track_running_stats=" + bool_text(options.track_running_stats());
}

void BatchNorm1dImpl::check_input_dim(const Tensor &input) const {
  if (input.dim() != 2 && input.dim() != 3)
    kiln::detail::fail("expected 2D or 3D input (got " + std::to_string(input.dim()) + "D input)");
}
void BatchNorm2dImpl::check_input_dim(const Tensor &input) const {
  if (input.dim() != 4)
    kiln::detail::fail("expected 4D input (got " + std::to_string(input.dim()) + "D input)");
}
void BatchNorm3dImpl::check_input_dim(const Tensor &input) const {
  if (input.dim() != 5)
    kiln::detail::fail("expected 5D input (got " + std::to_string(input.dim()) + "D input)");
}

//===----------------------------------------------------------------------===//
// Lazy modules
//===----------------------------------------------------------------------===//

template <class Ordinary> void LazyBatchNormBase<Ordinary>::reset_parameters() {
  if (this->options.num_features() != 0)
    Ordinary::reset_parameters();
}

template <class Ordinary> void LazyBatchNormBase<Ordinary>::initialize_parameters(const Tensor &input) {
  this->check_input_dim(input);
  std::vector<Tensor> waiting;
  for (const Tensor &tensor : {this->weight, this->bias, this->running_mean, this->running_var})
    if (tensor.defined() && tensor.is_uninitialized())
      waiting.push_back(tensor);
  if (!waiting.empty()) { // else the shapes came with a state_dict
    const int64_t num_features = input.size(1);
    kiln::detail::Recorder *recorder = kiln::detail::Recorder::current();
    if (recorder && recorder->expression_of(num_features))
      kiln::detail::fail(name() + " can't learn num_features from its first input " + kiln::detail::sizes_text(input.sizes()) +
                         ": its channels are " + kiln::detail::size_text(num_features) +
                         ", which is known only at run time\ngive the input's dimension 1 a number");
    this->options.num_features(num_features);
    for (const Tensor &tensor : waiting)
      kiln::detail::materialize(tensor, {num_features});
    reset_parameters();
    if (recorder)
      recorder->tensors_materialized();
  }
  became_ordinary_ = true;
}

template <class Ordinary> Tensor LazyBatchNormBase<Ordinary>::forward(const Tensor &input) {
  return detail::run_layer(*this, [&] {
    if (!became_ordinary_)
      initialize_parameters(input);
    return Ordinary::forward(input);
  });
}

// "LazyBatchNorm2d", then "BatchNorm2d".
template <class Ordinary> std::string LazyBatchNormBase<Ordinary>::name() const {
  const std::string own = Module::name();
  return became_ordinary_ ? own.substr(4) : own;
}

template class LazyBatchNormBase<BatchNorm1dImpl>;
template class LazyBatchNormBase<BatchNorm2dImpl>;
template class LazyBatchNormBase<BatchNorm3dImpl>;

} // namespace kiln::nn
