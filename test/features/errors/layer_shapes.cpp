// Two layers that do not fit: both modules, both shapes and the line, before any code is generated.
// RUN: rm -f %t.so && %{status} 1 kiln build %s -o %t.so 2>&1 | %{check} %s && not ls %t.so
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
//      CHECK:{{.*}}layer_shapes.cpp:[[#@LINE-14]]:{{[0-9]+}}: error: addmm: mat1 and mat2 shapes cannot be multiplied (batchx128 and 64x10)
// CHECK-NEXT:{{ +}}[[#@LINE-15]] |     return fc2(x);
// CHECK-NEXT:{{ +\| +\^}}
// CHECK-NEXT:linear from 64 to 10 features needs an input whose last dimension is 64, but the input is [batch, 128]
// CHECK-NEXT:in module 'fc2' (Linear(in_features=64, out_features=10, bias=True))
// CHECK-NEXT:operands of linear: float32[batch, 128], float32[10, 64], float32[10]
// CHECK-NEXT:[batch, 128] comes from module 'fc1' (Linear(in_features=784, out_features=128, bias=True)), through relu
