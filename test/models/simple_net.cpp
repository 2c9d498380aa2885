// SimpleNet: two linear layers with a ReLU between them.
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

struct SimpleNetImpl : nn::Module {
  SimpleNetImpl() {
    fc1 = register_module("fc1", nn::Linear(784, 128));
    fc2 = register_module("fc2", nn::Linear(128, 10));
  }

  Tensor forward(Tensor x) {
    x = fc1(x);
    x = kiln::relu(x);
    x = fc2(x);
    return x;
  }

  nn::Linear fc1{nullptr}, fc2{nullptr};
};
KILN_MODULE(SimpleNet);

KILN_PROGRAM(simple_net) {
  SimpleNet model;
  program.function("predict", {{"x", {"batch", 784}}}, [&](Tensor x) {
    model->eval();
    return model(x);
  });
}
