// A frozen encoder under a head that learns; the optimizer takes what requires a gradient.
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;
namespace F = kiln::nn::functional;

struct NetImpl : nn::Module {
  NetImpl() {
    encoder = register_module("encoder", nn::Linear(784, 16));
    head = register_module("head", nn::Linear(16, 10));
  }
  Tensor forward(Tensor x) { return head(kiln::relu(encoder(x))); }

  nn::Linear encoder{nullptr}, head{nullptr};
};
KILN_MODULE(Net);

KILN_PROGRAM(frozen) {
  Net model;
  model->encoder->requires_grad_(false);
  std::vector<Tensor> trainable;
  for (const Tensor &parameter : model->parameters())
    if (parameter.requires_grad())
      trainable.push_back(parameter);
  kiln::optim::Adam optimizer(trainable, 1e-2);
  program.function("train_step", {{"x", {"batch", 784}}, {"y", {"batch"}, kiln::kInt64}}, [&](Tensor x, Tensor y) {
    optimizer.zero_grad();
    Tensor loss = F::cross_entropy(model(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  });
}
