// BatchNorm1d on a tensor of four dimensions.
// RUN: %{status} 1 kiln build %s -o %t.so 2>&1 | %{check} %s
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

KILN_PROGRAM(input_rank) {
  nn::BatchNorm1d norm(8);
  program.function("predict", {{"x", {"batch", 8, 4, 4}}}, [&](Tensor x) { return norm(x); });
}
//      CHECK:{{.*}}input_rank.cpp:[[#@LINE-2]]:{{[0-9]+}}: error: expected 2D or 3D input (got 4D input)
// CHECK-NEXT:{{ +}}[[#@LINE-3]] |   program.function("predict", {{[{][{]}}"x", {"batch", 8, 4, 4}}}, [&](Tensor x) { return norm(x); });
// CHECK-NEXT:{{ +\| +\^}}
// CHECK-NEXT:in the model (BatchNorm1d(8, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True))
