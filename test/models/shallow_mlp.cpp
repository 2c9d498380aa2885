// ShallowMLP: one hidden layer, with its sizes as constructor arguments.
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;
namespace F = kiln::nn::functional;

struct ShallowMLPImpl : nn::Module {
  explicit ShallowMLPImpl(int64_t input_size = 784, int64_t hidden_size = 128, int64_t num_classes = 10) {
    fc1 = register_module("fc1", nn::Linear(input_size, hidden_size));
    fc2 = register_module("fc2", nn::Linear(hidden_size, num_classes));
  }

  Tensor forward(Tensor x) {
    x = fc1(x);
    x = kiln::relu(x);
    x = fc2(x);
    return x;
  }

  nn::Linear fc1{nullptr}, fc2{nullptr};
};
KILN_MODULE(ShallowMLP);

KILN_PROGRAM(shallow_mlp) {
  ShallowMLP model;
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
