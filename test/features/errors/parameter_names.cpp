// The same rules for parameters and buffers; each of these is tried by a macro.
// RUN: %status 1 kiln build %s -o %t.so -DNAME='"a.b"' 2>&1 | %check %s --check-prefix=DOT
// RUN: %status 1 kiln build %s -o %t.so -DNAME='""' 2>&1 | %check %s --check-prefix=EMPTY
// RUN: %status 1 kiln build %s -o %t.so -DNAME='"scale"' 2>&1 | %check %s --check-prefix=TAKEN
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

struct NetImpl : nn::Module {
  NetImpl() {
    scale = register_parameter("scale", kiln::ones({3}));
    shift = register_buffer(NAME, kiln::zeros({3}));
  }

  Tensor forward(Tensor x) { return x * scale + shift; }

  Tensor scale, shift;
};
KILN_MODULE(Net);

KILN_PROGRAM(parameter_names) {
  Net model;
  program.function("predict", {{"x", {"batch", 3}}}, [&](Tensor x) { return model(x); });
}
