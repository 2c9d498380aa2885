// Two layers that do not fit: both modules, both shapes and the line, before any code is generated.
// RUN: rm -f %t.so && %status 1 kiln build %s -o %t.so 2>&1 | %check %s && not ls %t.so
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

struct NetImpl : nn::Module {
  NetImpl() {
    fc1 = register_module("fc1", nn::Linear(784, 128));
    fc2 = register_module("fc2", nn::Linear(64, 10));
  }

  Tensor forward(Tensor x) {
    x = kiln::relu(fc1(x));
    return fc2(x);
  }

  nn::Linear fc1{nullptr}, fc2{nullptr};
};
KILN_MODULE(Net);

KILN_PROGRAM(layer_shapes) {
  Net model;
  program.function("predict", {{"x", {"batch", 784}}}, [&](Tensor x) {
    model->eval();
    return model(x);
  });
}
