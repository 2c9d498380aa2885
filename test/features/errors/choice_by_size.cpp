// A module chosen by a size: the recorded runs compute the same operations, on other parameters.
// RUN: %{status} 1 kiln build %s -o %t.so 2>&1 | %{check} %s
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

struct ChoiceImpl : nn::Module {
  ChoiceImpl() {
    large = register_module("large", nn::Linear(3, 3));
    small = register_module("small", nn::Linear(3, 3));
  }
  Tensor forward(Tensor x) { return x.size(0) > 8 ? large(x) : small(x); }
  nn::Linear large{nullptr}, small{nullptr};
};
KILN_MODULE(Choice);

KILN_PROGRAM(choice_by_size) {
  Choice model;
  program.function("predict", {{"x", {"batch", 3}}}, [&](Tensor x) { return model(x); });
}
//      CHECK:{{.*}}choice_by_size.cpp:13:{{[0-9]+}}: error: function 'predict' computes something else for other sizes of its inputs
// CHECK-NEXT:{{ +}}13 |   Tensor forward(Tensor x) { return x.size(0) > 8 ? large(x) : small(x); }
// CHECK-NEXT:{{ +\| +\^}}
// CHECK-NEXT:with batch = 1009 and with batch = 2: read of other values or with other options
// CHECK-NEXT:a recorded function is compiled for all sizes: the code must not decide by a size that is known only at run time; give the dimension a number, or compute without the decision
