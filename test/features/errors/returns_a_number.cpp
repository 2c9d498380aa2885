// A function returns tensors: a number of one of them isn't there while the program is recorded.
// RUN: %{status} 1 kiln build %s -o %t.so 2>&1 | FileCheck %s
#include <kiln/kiln.h>

using kiln::Tensor;

KILN_PROGRAM(returns_a_number) {
  program.function("mean", {{"x", {"batch", 3}}}, [&](Tensor x) { return x.mean().item<float>(); });
}
// CHECK: error: {{.*}}a function of a program returns Tensors (one, or a tuple, pair, array or vector of them), not a number: its values are there in a call only; return the tensor, without item()
// CHECK: error: {{.*}}returns_a_number.cpp did not compile ({{.*}} has said why above)
