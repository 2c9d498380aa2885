// A tensor that is no parameter and no buffer becomes a constant of the compiled program, and Kiln says so.
// RUN: kiln build %s -o %t.so 2>&1 | %check %s
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

struct BadLinearImpl : nn::Module {
  BadLinearImpl() {
    weight = kiln::randn({2, 3});
    bias = register_parameter("bias", kiln::zeros({2}));
  }

  Tensor forward(Tensor x) {
    return nn::functional::linear(x, weight, bias);
  }

  Tensor weight, bias;
};
KILN_MODULE(BadLinear);

KILN_PROGRAM(unregistered_tensor) {
  BadLinear model;
  program.function("predict", {{"x", {"batch", 3}}}, [&](Tensor x) { return model(x); });
}
