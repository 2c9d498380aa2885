// ConditionalNet: layers that exist or not, by the constructor's arguments.
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;
namespace F = kiln::nn::functional;

struct ConditionalNetImpl : nn::Module {
  explicit ConditionalNetImpl(bool use_batch_norm = true, bool use_dropout = true, double dropout_rate = 0.5)
      : use_batch_norm(use_batch_norm), use_dropout(use_dropout) {
    fc1 = register_module("fc1", nn::Linear(784, 256));
    if (use_batch_norm)
      bn1 = register_module("bn1", nn::BatchNorm1d(256));
    if (use_dropout)
      dropout = register_module("dropout", nn::Dropout(dropout_rate));
    fc2 = register_module("fc2", nn::Linear(256, 10));
  }

  Tensor forward(Tensor x) {
    x = fc1(x);
    if (use_batch_norm)
      x = bn1(x);
    x = kiln::relu(x);
    if (use_dropout)
      x = dropout(x);
    x = fc2(x);
    return x;
  }

  bool use_batch_norm, use_dropout;
  nn::Linear fc1{nullptr}, fc2{nullptr};
  nn::BatchNorm1d bn1{nullptr};
  nn::Dropout dropout{nullptr};
};
KILN_MODULE(ConditionalNet);

KILN_PROGRAM(conditional_net) {
  ConditionalNet model;
  kiln::optim::Adam optimizer(model->parameters(), 1e-3);
  program.function("predict", {{"x", {"batch", 784}}}, [&](Tensor x) {
    model->eval();
    return model(x);
  });
  program.function("train_step", {{"x", {"batch", 784}}, {"y", {"batch"}, kiln::kInt64}}, [&](Tensor x, Tensor y) {
    model->train();
    optimizer.zero_grad();
    Tensor loss = F::cross_entropy(model(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  });
}
