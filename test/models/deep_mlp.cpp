// DeepMLP: hidden layers with batch normalisation and dropout, made in a loop.
#include <kiln/kiln.h>

#include <vector>

using kiln::Tensor;
namespace nn = kiln::nn;
namespace F = kiln::nn::functional;

struct DeepMLPImpl : nn::Module {
  explicit DeepMLPImpl(int64_t input_size = 784, std::vector<int64_t> hidden_sizes = {512, 256, 128}, int64_t num_classes = 10,
                       double dropout_rate = 0.2) {
    nn::Sequential layers;
    int64_t previous_size = input_size;
    for (int64_t hidden_size : hidden_sizes) {
      layers->push_back(nn::Linear(previous_size, hidden_size));
      layers->push_back(nn::BatchNorm1d(hidden_size));
      layers->push_back(nn::ReLU());
      layers->push_back(nn::Dropout(dropout_rate));
      previous_size = hidden_size;
    }
    layers->push_back(nn::Linear(previous_size, num_classes));
    net = register_module("net", layers);
  }

  Tensor forward(Tensor x) { return net(x); }

  nn::Sequential net{nullptr};
};
KILN_MODULE(DeepMLP);

KILN_PROGRAM(deep_mlp) {
  DeepMLP model;
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
