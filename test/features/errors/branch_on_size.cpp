// A decision on a size that is known at run time only: the recorded runs take different ways.
// RUN: %status 1 kiln build %s -o %t.so 2>&1 | %check %s
#include <kiln/kiln.h>

using kiln::Tensor;

KILN_PROGRAM(branch_on_size) {
  program.function("predict", {{"x", {"batch", 3}}}, [&](Tensor x) {
    if (x.size(0) % 2 == 0)
      return kiln::relu(x);
    return kiln::tanh(x);
  });
}
