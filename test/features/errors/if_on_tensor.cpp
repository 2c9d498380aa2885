// A decision on a tensor's value can't be recorded: its value is not known yet.
// RUN: %status 1 kiln build %s -o %t.so 2>&1 | %check %s
// RUN: %status 1 kiln build %s -o %t.so -DITEM 2>&1 | %check %s --check-prefix=ITEM
#include <kiln/kiln.h>

using kiln::Tensor;

KILN_PROGRAM(if_on_tensor) {
  program.function("predict", {{"x", {"batch", 3}}}, [&](Tensor x) {
#ifdef ITEM
    if (x.sum().item<float>() > 0)
#else
    if (x.sum())
#endif
      return x;
    return -x;
  });
}
