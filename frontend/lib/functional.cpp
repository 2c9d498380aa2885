// Layers as plain functions.
#include "kiln/nn/functional.h"

#include "errors.h"
#include "recorder.h"
#include "tensor_impl.h"

namespace kiln::nn::functional {

Tensor relu(Tensor input, const ReLUFuncOptions &options) { return options.inplace() ? input.relu_() : input.relu(); }

Tensor dropout(Tensor input, const DropoutFuncOptions &options) {
  kiln::detail::Recorder *recorder = kiln::detail::Recorder::current();
  const nn::Module *running = recorder ? recorder->running_module() : nullptr;
  if (recorder && !options.has_training() && options.p() > 0 && (!running || running->is_training()))
    recorder->warn_if_differentiated("F::dropout drops nothing here, in a function that computes gradients: its option training is "
                                     "false unless it is given, as in libtorch; give it, "
                                     "F::DropoutFuncOptions().training(is_training()), or use nn::Dropout, which follows train() "
                                     "and eval()");
  const Tensor result = kiln::dropout(input, options.p(), options.training());
  if (!options.inplace() || result.is_same(input) || !options.training() || options.p() == 0)
    return result;
  return input.copy_(result);
}

Tensor batch_norm(const Tensor &input, const Tensor &running_mean, const Tensor &running_var,
                  const BatchNormFuncOptions &options) {
  if (options.training()) {
    const IntArrayRef sizes = input.sizes();
    int64_t values = sizes.empty() ? 1 : sizes[0]; // a channel
    for (std::size_t d = 2; d < sizes.size(); ++d)
      values *= sizes[d];
    if (values == 1)
      kiln::detail::fail("Expected more than 1 value per channel when training, got input size torch.Size(" +
                         kiln::detail::sizes_text(sizes) + ")");
  }
  const std::vector<Tensor> results =
      kiln::detail::dispatch("nn.batch_norm", {input, options.weight(), options.bias(), running_mean, running_var},
                             {{"training", options.training()}, {"momentum", options.momentum()}, {"eps", options.eps()}});
  if (results.size() == 5) { // output, running statistics, what the gradient needs
    kiln::detail::write_elements(running_mean, results[1]);
    kiln::detail::write_elements(running_var, results[2]);
  }
  return results[0];
}

Tensor embedding(const Tensor &input, const Tensor &weight, const EmbeddingFuncOptions &options) {
  std::optional<int64_t> padding_idx = options.padding_idx();
  if (padding_idx) {
    const int64_t count = weight.size(0);
    if (*padding_idx < -count || *padding_idx >= count)
      kiln::detail::fail("Padding_idx must be within num_embeddings");
    if (*padding_idx < 0)
      *padding_idx += count;
  }
  return kiln::embedding(weight, input, padding_idx);
}

} // namespace kiln::nn::functional
