// An in-place addition whose right side is larger.
// RUN: %{status} 1 kiln build %s -o %t.so 2>&1 | %{check} %s
#include <kiln/kiln.h>

using kiln::Tensor;

KILN_PROGRAM(in_place_shapes) {
  program.function("predict", {{"x", {"batch", 1}}, {"y", {"batch", 8}}}, [&](Tensor x, Tensor y) {
    Tensor sum = x * 2;
    sum += y;
    return sum;
  });
}
//      CHECK:{{.*}}in_place_shapes.cpp:[[#@LINE-4]]:{{[0-9]+}}: error: output with shape [batch, 1] doesn't match the broadcast shape [batch, 8]
// CHECK-NEXT:{{ +}}[[#@LINE-5]] |     sum += y;
// CHECK-NEXT:{{ +\| +\^}}
