// A lazy parameter has no shape before the first input has been seen.
// RUN: %{status} 1 kiln build %s -o %t.so 2>&1 | %{check} %s
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

KILN_PROGRAM(lazy_read_too_early) {
  nn::LazyLinear head(10);
  const int64_t features = head->weight.size(1);
  program.function("predict", {{"x", {"batch", features}}}, [&](Tensor x) { return head(x); });
}
//      CHECK:{{.*}}lazy_read_too_early.cpp:[[#@LINE-3]]:{{[0-9]+}}: error: Can't access the shape of an uninitialized parameter or buffer. This error usually happens in `load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call `forward` to initialize the parameters before accessing their attributes.
// CHECK-NEXT:{{ +}}[[#@LINE-4]] |   const int64_t features = head->weight.size(1);
// CHECK-NEXT:{{ +\| +\^}}
