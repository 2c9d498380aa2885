// A layer in a plain vector is not part of the model: its parameters would be missing from state_dict.
// RUN: %{status} 1 kiln build %s -o %t.so 2>&1 | %{check} %s
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
//      CHECK:{{.*}}unregistered_module.cpp:[[#@LINE-13]]:{{[0-9]+}}: error: module Linear(in_features=3, out_features=3, bias=True) is used in the forward of BadStack but never registered
// CHECK-NEXT:{{ +}}[[#@LINE-14]] |       x = layer(x);
// CHECK-NEXT:{{ +\| +\^}}
// CHECK-NEXT:its parameters would be in no state_dict, and no optimizer would find them
// CHECK-NEXT:register it in the constructor of the module that uses it: layer = register_module("layer", layer), or put it into a registered nn::ModuleList, nn::ModuleDict or nn::Sequential; name a model of its own with program.register_module
