// A `+` that does not fit names its own line, though an operator can't be told where it stands.
// RUN: %status 1 kiln build %s -o %t.so 2>&1 | %check %s
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

struct NetImpl : nn::Module {
  NetImpl() {
    wide = register_module("wide", nn::Linear(16, 32));
    narrow = register_module("narrow", nn::Linear(16, 8));
  }

  Tensor forward(Tensor x) {
    Tensor left = wide(x);
    Tensor right = narrow(x);
    return left + right;
  }

  nn::Linear wide{nullptr}, narrow{nullptr};
};
KILN_MODULE(Net);

KILN_PROGRAM(add_shapes) {
  Net model;
  program.function("predict", {{"x", {"batch", 16}}}, [&](Tensor x) { return model(x); });
}
