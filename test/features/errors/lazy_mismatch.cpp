// Once a lazy layer has seen its first input, it is an ordinary layer of that size.
// RUN: %status 1 kiln build %s -o %t.so 2>&1 | %check %s
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

KILN_PROGRAM(lazy_mismatch) {
  nn::LazyLinear head(10);
  program.function("narrow", {{"x", {"batch", 3}}}, [&](Tensor x) { return head(x); });
  program.function("wide", {{"x", {"batch", 5}}}, [&](Tensor x) { return head(x); });
}
