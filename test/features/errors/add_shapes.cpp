// A `+` that does not fit names its own line, though an operator can't be told where it stands.
// RUN: %{status} 1 kiln build %s -o %t.so 2>&1 | %{check} %s
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

struct NetImpl : nn::Module {
  NetImpl() {
    wide = register_module("wide", nn::Linear(16, 32));
    narrow = register_module("narrow", nn::Linear(16, 8));
  }

  Tensor forward(Tensor x) {
    Tensor left = wide(x);
    Tensor right = narrow(x);
    return left + right;
  }

  nn::Linear wide{nullptr}, narrow{nullptr};
};
KILN_MODULE(Net);

KILN_PROGRAM(add_shapes) {
  Net model;
  program.function("predict", {{"x", {"batch", 16}}}, [&](Tensor x) { return model(x); });
}
//      CHECK:{{.*}}add_shapes.cpp:[[#@LINE-11]]:{{[0-9]+}}: error: The size of tensor a (32) must match the size of tensor b (8) at non-singleton dimension 1
// CHECK-NEXT:{{ +}}[[#@LINE-12]] |     return left + right;
// CHECK-NEXT:{{ +\| +\^}}
// CHECK-NEXT:the shapes are [batch, 32] and [batch, 8]
// CHECK-NEXT:in the model (Net)
// CHECK-NEXT:operands of add: float32[batch, 32], float32[batch, 8]
// CHECK-NEXT:[batch, 32] comes from module 'wide' (Linear(in_features=16, out_features=32, bias=True))
// CHECK-NEXT:[batch, 8] comes from module 'narrow' (Linear(in_features=16, out_features=8, bias=True))
