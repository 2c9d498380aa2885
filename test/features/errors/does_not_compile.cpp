// What the C++ compiler has to say is the user's to read, as it is.
// RUN: %{status} 1 kiln build %s -o %t.so 2>&1 | FileCheck %s
#include <kiln/kiln.h>

using kiln::Tensor;

KILN_PROGRAM(does_not_compile) {
  program.function("predict", {{"x", {"batch", 3}}}, [&](Tensor x) { return x.rellu(); });
}
// CHECK: does_not_compile.cpp:[[#@LINE-2]]:{{.*}}error: {{.*}}rellu
// CHECK: error: {{.*}}does_not_compile.cpp did not compile ({{.*}} has said why above)
