// A Dropout that is a plain member stays in training mode after eval(), and Kiln says which one: PyTorch keeps silent.
// RUN: kiln build %s -o %t.mlir 2>&1 | %{check} %s
// RUN: kiln build %s -o %t.so 2>&1 | %{check} %s --check-prefix=MODE
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

struct NetImpl : nn::Module {
  NetImpl() {
    fc = register_module("fc", nn::Linear(3, 2));
    dropout = nn::Dropout(0.5);
  }

  Tensor forward(Tensor x) {
    return dropout(fc(x));
  }

  nn::Linear fc{nullptr};
  nn::Dropout dropout{nullptr};
};
KILN_MODULE(Net);

KILN_PROGRAM(dropout_never_registered) {
  Net model;
  program.function("predict", {{"x", {"batch", 3}}}, [&](Tensor x) {
    model->eval();
    return model(x);
  });
}
//      CHECK:{{.*}}dropout_never_registered.cpp:[[#@LINE-15]]:{{[0-9]+}}: warning: module Dropout(p=0.5, inplace=False) is used in the forward of Net but never registered, so eval() does not reach it: it stays in training mode, and its output is different at every call; register it with register_module
// CHECK-NEXT:{{ +}}[[#@LINE-16]] |     return dropout(fc(x));
// CHECK-NEXT:{{ +\| +\^}}
// CHECK-NEXT:{{.*}}dropout_never_registered.cpp:[[#@LINE-22]]:{{[0-9]+}}: note: it is constructed here
// CHECK-NEXT:{{ +}}[[#@LINE-23]] |     dropout = nn::Dropout(0.5);
// CHECK-NEXT:{{ +\| +\^}}
// MODE:{{.*}}dropout_never_registered.cpp:[[#@LINE-21]]:{{[0-9]+}}: warning: nn.dropout is in training mode in function 'predict', and nothing in this program trains: its output is different at every call
// MODE:{{.*}}dropout_never_registered.cpp:{{[0-9]+}}:{{[0-9]+}}: note: call eval() on the model in the function 'predict' before using it; that reaches a Dropout that is registered with register_module, and F::dropout whose option training is is_training()
