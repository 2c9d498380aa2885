// A decision on a size that is known at run time only: the recorded runs take different ways.
// RUN: %{status} 1 kiln build %s -o %t.so 2>&1 | %{check} %s
#include <kiln/kiln.h>

using kiln::Tensor;

KILN_PROGRAM(branch_on_size) {
  program.function("predict", {{"x", {"batch", 3}}}, [&](Tensor x) {
    if (x.size(0) % 2 == 0)
      return kiln::relu(x);
    return kiln::tanh(x);
  });
}
//      CHECK:{{.*}}branch_on_size.cpp:[[#@LINE-3]]:{{[0-9]+}}: error: function 'predict' computes something else for other sizes of its inputs
// CHECK-NEXT:{{ +}}[[#@LINE-4]] |     return kiln::tanh(x);
// CHECK-NEXT:{{ +\| +\^}}
// CHECK-NEXT:with batch = {{[0-9]+}}: tanh; with batch = {{[0-9]+}}: relu
// CHECK-NEXT:a recorded function is compiled for all sizes: the code must not decide by a size that is known only at run time; give the dimension a number, or compute without the decision
