// DeepMLP: three hidden layers with batch normalisation and dropout.
#include "functions.h"

using kiln::Tensor;
namespace nn = kiln::nn;

struct DeepMLPImpl : nn::Module {
  DeepMLPImpl() {
    nn::Sequential layers;
    int64_t width = 784;
    for (int64_t size : {512, 256, 128}) {
      layers->push_back(nn::Linear(width, size));
      layers->push_back(nn::BatchNorm1d(size));
      layers->push_back(nn::ReLU());
      layers->push_back(nn::Dropout(0.2));
      width = size;
    }
    layers->push_back(nn::Linear(width, 10));
    net = register_module("net", layers);
  }
  Tensor forward(Tensor x) { return net(x); }

  nn::Sequential net{nullptr};
};
KILN_MODULE(DeepMLP);

KILN_PROGRAM(deep_mlp) {
  DeepMLP model;
  declare_functions(program, model, {"batch", 784});
}
