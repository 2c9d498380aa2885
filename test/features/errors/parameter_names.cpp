// The same rules for parameters and buffers; each of these is tried by a macro.
// RUN: %{status} 1 kiln build %s -o %t.so -DNAME='"a.b"' 2>&1 | %{check} %s --check-prefix=DOT
// RUN: %{status} 1 kiln build %s -o %t.so -DNAME='""' 2>&1 | %{check} %s --check-prefix=EMPTY
// RUN: %{status} 1 kiln build %s -o %t.so -DNAME='"scale"' 2>&1 | %{check} %s --check-prefix=TAKEN
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
//      DOT:{{.*}}parameter_names.cpp:[[#@LINE-13]]:{{[0-9]+}}: error: buffer name can't contain "."
// DOT-NEXT:{{ +}}[[#@LINE-14]] |     shift = register_buffer(NAME, kiln::zeros({3}));
// DOT-NEXT:{{ +\| +\^}}
// DOT-NEXT:the name is 'a.b' in a Net
//      EMPTY:{{.*}}parameter_names.cpp:[[#@LINE-17]]:{{[0-9]+}}: error: buffer name can't be empty string ""
// EMPTY-NEXT:{{ +}}[[#@LINE-18]] |     shift = register_buffer(NAME, kiln::zeros({3}));
// EMPTY-NEXT:{{ +\| +\^}}
//      TAKEN:{{.*}}parameter_names.cpp:[[#@LINE-20]]:{{[0-9]+}}: error: attribute 'scale' already exists
// TAKEN-NEXT:{{ +}}[[#@LINE-21]] |     shift = register_buffer(NAME, kiln::zeros({3}));
// TAKEN-NEXT:{{ +\| +\^}}
