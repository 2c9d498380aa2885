// A decision on a tensor's value can't be recorded: its value is not known yet.
// RUN: %{status} 1 kiln build %s -o %t.so 2>&1 | %{check} %s
// RUN: %{status} 1 kiln build %s -o %t.so -DITEM 2>&1 | %{check} %s --check-prefix=ITEM
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
//      CHECK:{{.*}}if_on_tensor.cpp:[[#@LINE-6]]:{{[0-9]+}}: error: the value of a symbolic tensor is not known while recording
// CHECK-NEXT:{{ +}}[[#@LINE-7]] |     if (x.sum())
// CHECK-NEXT:{{ +\| +\^}}
// CHECK-NEXT:a recorded function is compiled for all inputs: an `if`, a loop or item() on a tensor's value would be decided now, once and for ever
// CHECK-NEXT:compute with tensors instead (maximum, minimum, multiplying by a mask), decide by sizes or constructor arguments, or return the tensor and decide in the host program
//      ITEM:{{.*}}if_on_tensor.cpp:[[#@LINE-13]]:{{[0-9]+}}: error: the value of a symbolic tensor is not known while recording
// ITEM-NEXT:{{ +}}[[#@LINE-14]] |     if (x.sum().item<float>() > 0)
// ITEM-NEXT:{{ +\| +\^}}
// ITEM-NEXT:a recorded function is compiled for all inputs: an `if`, a loop or item() on a tensor's value would be decided now, once and for ever
// ITEM-NEXT:compute with tensors instead (maximum, minimum, multiplying by a mask), decide by sizes or constructor arguments, or return the tensor and decide in the host program
