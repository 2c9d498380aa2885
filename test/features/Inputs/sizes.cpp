// Functions whose arithmetic on sizes has corner cases.
#include <kiln/kiln.h>

using kiln::Tensor;

KILN_PROGRAM(sizes) {
  program.function("total", {{"x", {"n", 3}}}, [](Tensor x) { return x.sum(); });
  program.function("columns", {{"x", {4, "n"}}}, [](Tensor x) { return x.sum(0); });
  program.function("tail", {{"x", {"n", 3}}}, [](Tensor x) { return x.slice(0, x.size(0) - 2, x.size(0)) * 2.; });
  program.function("rest", {{"x", {"n", 3}}}, [](Tensor x) { return kiln::cat({x.slice(0, 1), x.slice(0, 1)}, 0) + 1.; });
  program.function("hundredth", {{"x", {"n", 3}}}, [](Tensor x) { return x.slice(0, 0, x.size(0) / 100) * 2.; });
  program.function("hand_made_mean", {{"x", {"n", 4}}}, [](Tensor x) { return x.sum(0) / x.size(0); });
  program.function("squeezed", {{"x", {"n", 3}}}, [](Tensor x) { return x.squeeze(0); });
  program.function("first", {{"x", {"n", 3}}}, [](Tensor x) { return x[0]; });
}
