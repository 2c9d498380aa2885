// ResidualNetwork: blocks in a ModuleList, each adding its input to its output in place.
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;
namespace F = kiln::nn::functional;

struct ResidualBlockImpl : nn::Module {
  ResidualBlockImpl(int64_t in_features, int64_t hidden_features, double dropout_rate = 0.2) {
    fc1 = register_module("fc1", nn::Linear(in_features, hidden_features));
    bn1 = register_module("bn1", nn::BatchNorm1d(hidden_features));
    fc2 = register_module("fc2", nn::Linear(hidden_features, in_features));
    bn2 = register_module("bn2", nn::BatchNorm1d(in_features));
    dropout = register_module("dropout", nn::Dropout(dropout_rate));
  }

  Tensor forward(Tensor x) {
    Tensor identity = x; // the skip connection's input
    Tensor out = fc1(x);
    out = bn1(out);
    out = kiln::relu(out);
    out = dropout(out);
    out = fc2(out);
    out = bn2(out);
    out += identity;
    out = kiln::relu(out);
    return out;
  }

  nn::Linear fc1{nullptr}, fc2{nullptr};
  nn::BatchNorm1d bn1{nullptr}, bn2{nullptr};
  nn::Dropout dropout{nullptr};
};
KILN_MODULE(ResidualBlock);

struct ResidualNetworkImpl : nn::Module {
  explicit ResidualNetworkImpl(int64_t input_size = 784, int64_t num_blocks = 4, int64_t block_features = 256,
                               int64_t num_classes = 10, double dropout_rate = 0.2) {
    input_layer = register_module("input_layer", nn::Linear(input_size, block_features));
    bn_input = register_module("bn_input", nn::BatchNorm1d(block_features));
    blocks = register_module("blocks", nn::ModuleList());
    for (int64_t i = 0; i < num_blocks; ++i)
      blocks->push_back(ResidualBlock(block_features, block_features / 2, dropout_rate));
    output_layer = register_module("output_layer", nn::Linear(block_features, num_classes));
  }

  Tensor forward(Tensor x) {
    x = input_layer(x);
    x = bn_input(x);
    x = kiln::relu(x);
    for (const auto &block : *blocks)
      x = block(x);
    x = output_layer(x);
    return x;
  }

  nn::Linear input_layer{nullptr}, output_layer{nullptr};
  nn::BatchNorm1d bn_input{nullptr};
  nn::ModuleList blocks{nullptr};
};
KILN_MODULE(ResidualNetwork);

KILN_PROGRAM(residual_network) {
  ResidualNetwork model;
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
