// ResidualNetwork: four blocks of two layers, each adding its input to its output.
#include "functions.h"

using kiln::Tensor;
namespace nn = kiln::nn;

struct ResidualBlockImpl : nn::Module {
  ResidualBlockImpl(int64_t features, int64_t hidden) {
    fc1 = register_module("fc1", nn::Linear(features, hidden));
    bn1 = register_module("bn1", nn::BatchNorm1d(hidden));
    fc2 = register_module("fc2", nn::Linear(hidden, features));
    bn2 = register_module("bn2", nn::BatchNorm1d(features));
    dropout = register_module("dropout", nn::Dropout(0.2));
  }
  Tensor forward(Tensor x) {
    Tensor out = dropout(kiln::relu(bn1(fc1(x))));
    return kiln::relu(bn2(fc2(out)) + x);
  }

  nn::Linear fc1{nullptr}, fc2{nullptr};
  nn::BatchNorm1d bn1{nullptr}, bn2{nullptr};
  nn::Dropout dropout{nullptr};
};
KILN_MODULE(ResidualBlock);

struct ResidualNetworkImpl : nn::Module {
  ResidualNetworkImpl() {
    input_layer = register_module("input_layer", nn::Linear(784, 256));
    bn_input = register_module("bn_input", nn::BatchNorm1d(256));
    blocks = register_module("blocks", nn::ModuleList());
    for (int i = 0; i < 4; ++i)
      blocks->push_back(ResidualBlock(256, 128));
    output_layer = register_module("output_layer", nn::Linear(256, 10));
  }
  Tensor forward(Tensor x) {
    x = kiln::relu(bn_input(input_layer(x)));
    for (const auto &block : *blocks)
      x = block(x);
    return output_layer(x);
  }

  nn::Linear input_layer{nullptr}, output_layer{nullptr};
  nn::BatchNorm1d bn_input{nullptr};
  nn::ModuleList blocks{nullptr};
};
KILN_MODULE(ResidualNetwork);

KILN_PROGRAM(residual) {
  ResidualNetwork model;
  declare_functions(program, model, {"batch", 784});
}
