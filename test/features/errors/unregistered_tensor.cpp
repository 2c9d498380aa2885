// A tensor that is no parameter and no buffer becomes a constant of the compiled program, and Kiln says so.
// RUN: kiln build %s -o %t.so 2>&1 | %{check} %s
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
//      CHECK:{{.*}}unregistered_tensor.cpp:[[#@LINE-11]]:{{[0-9]+}}: warning: a tensor [2, 3] of float32 that is not registered is baked into the program as a constant; register it with register_buffer or register_parameter
// CHECK-NEXT:{{ +}}[[#@LINE-12]] |     return nn::functional::linear(x, weight, bias);
// CHECK-NEXT:{{ +\| +\^}}
// CHECK-NEXT:{{.*}}unregistered_tensor.cpp:[[#@LINE-19]]:{{[0-9]+}}: note: the tensor is made here
// CHECK-NEXT:{{ +}}[[#@LINE-20]] |     weight = kiln::randn({2, 3});
// CHECK-NEXT:{{ +\| +\^}}
