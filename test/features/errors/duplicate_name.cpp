// A name that is taken.
// RUN: %{status} 1 kiln build %s -o %t.so 2>&1 | %{check} %s
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

struct NetImpl : nn::Module {
  NetImpl() {
    fc = register_module("fc", nn::Linear(3, 3));
    other = register_module("fc", nn::Linear(3, 3));
  }

  Tensor forward(Tensor x) { return other(fc(x)); }

  nn::Linear fc{nullptr}, other{nullptr};
};
KILN_MODULE(Net);

KILN_PROGRAM(duplicate_name) {
  Net model;
  program.function("predict", {{"x", {"batch", 3}}}, [&](Tensor x) { return model(x); });
}
//      CHECK:{{.*}}duplicate_name.cpp:[[#@LINE-13]]:{{[0-9]+}}: error: attribute 'fc' already exists
// CHECK-NEXT:{{ +}}[[#@LINE-14]] |     other = register_module("fc", nn::Linear(3, 3));
// CHECK-NEXT:{{ +\| +\^}}
