// An in-place addition whose right side is larger.
// RUN: %status 1 kiln build %s -o %t.so 2>&1 | %check %s
#include <kiln/kiln.h>

using kiln::Tensor;

KILN_PROGRAM(in_place_shapes) {
  program.function("predict", {{"x", {"batch", 1}}, {"y", {"batch", 8}}}, [&](Tensor x, Tensor y) {
    Tensor sum = x * 2;
    sum += y;
    return sum;
  });
}
