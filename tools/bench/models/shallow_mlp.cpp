// ShallowMLP: one hidden layer.
#include "functions.h"

using kiln::Tensor;
namespace nn = kiln::nn;

struct ShallowMLPImpl : nn::Module {
  ShallowMLPImpl() {
    fc1 = register_module("fc1", nn::Linear(784, 128));
    fc2 = register_module("fc2", nn::Linear(128, 10));
  }
  Tensor forward(Tensor x) { return fc2(kiln::relu(fc1(x))); }

  nn::Linear fc1{nullptr}, fc2{nullptr};
};
KILN_MODULE(ShallowMLP);

KILN_PROGRAM(shallow_mlp) {
  ShallowMLP model;
  declare_functions(program, model, {"batch", 784});
}
