// Once a lazy layer has seen its first input, it is an ordinary layer of that size.
// RUN: %{status} 1 kiln build %s -o %t.so 2>&1 | %{check} %s
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

KILN_PROGRAM(lazy_mismatch) {
  nn::LazyLinear head(10);
  program.function("narrow", {{"x", {"batch", 3}}}, [&](Tensor x) { return head(x); });
  program.function("wide", {{"x", {"batch", 5}}}, [&](Tensor x) { return head(x); });
}
//      CHECK:{{.*}}lazy_mismatch.cpp:[[#@LINE-2]]:{{[0-9]+}}: error: addmm: mat1 and mat2 shapes cannot be multiplied (batchx5 and 3x10)
// CHECK-NEXT:{{ +}}[[#@LINE-3]] |   program.function("wide", {{[{][{]}}"x", {"batch", 5}}}, [&](Tensor x) { return head(x); });
// CHECK-NEXT:{{ +\| +\^}}
// CHECK-NEXT:linear from 3 to 10 features needs an input whose last dimension is 3, but the input is [batch, 5]
// CHECK-NEXT:in the model (Linear(in_features=3, out_features=10, bias=True))
// CHECK-NEXT:operands of linear: float32[batch, 5], float32[10, 3], float32[10]
// CHECK-NEXT:[batch, 5] comes from input 'x'
