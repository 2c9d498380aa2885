// A layer in a plain vector is not part of the model: its parameters would be missing from state_dict.
// RUN: %status 1 kiln build %s -o %t.so 2>&1 | %check %s
#include <kiln/kiln.h>

#include <vector>

using kiln::Tensor;
namespace nn = kiln::nn;

struct BadStackImpl : nn::Module {
  BadStackImpl() {
    first = register_module("first", nn::Linear(3, 3));
    layers.push_back(nn::Linear(3, 3));
  }

  Tensor forward(Tensor x) {
    x = first(x);
    for (auto &layer : layers)
      x = layer(x);
    return x;
  }

  nn::Linear first{nullptr};
  std::vector<nn::Linear> layers;
};
KILN_MODULE(BadStack);

KILN_PROGRAM(unregistered_module) {
  BadStack model;
  program.function("predict", {{"x", {"batch", 3}}}, [&](Tensor x) { return model(x); });
}
