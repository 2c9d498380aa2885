// A lazy parameter has no shape before the first input has been seen.
// RUN: %status 1 kiln build %s -o %t.so 2>&1 | %check %s
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

KILN_PROGRAM(lazy_read_too_early) {
  nn::LazyLinear head(10);
  const int64_t features = head->weight.size(1);
  program.function("predict", {{"x", {"batch", features}}}, [&](Tensor x) { return head(x); });
}
