// A layer that was declared but never made.
// RUN: %{status} 1 kiln build %s -o %t.so 2>&1 | %{check} %s
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

struct NetImpl : nn::Module {
  Tensor forward(Tensor x) { return fc(x); }

  nn::Linear fc{nullptr};
};
KILN_MODULE(Net);

KILN_PROGRAM(empty_holder) {
  Net model;
  program.function("predict", {{"x", {"batch", 3}}}, [&](Tensor x) { return model(x); });
}
//      CHECK:{{.*}}empty_holder.cpp:[[#@LINE-10]]:{{[0-9]+}}: error: Accessing empty ModuleHolder
// CHECK-NEXT:{{ +}}[[#@LINE-11]] |   Tensor forward(Tensor x) { return fc(x); }
// CHECK-NEXT:{{ +\| +\^}}
// CHECK-NEXT:it was made with nullptr and no module has been assigned to it yet
