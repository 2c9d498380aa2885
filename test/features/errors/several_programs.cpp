// Several programs in a file: --program says which, a file without a program is an error.
// RUN: %{status} 1 kiln build %s -o %t.so 2>&1 | %{check} %s
// RUN: kiln build %s -o %t.so --program=second && kiln inspect %t.so | FileCheck %s --check-prefix=SECOND
// RUN: %{status} 1 kiln build %s -o %t.so --program=third 2>&1 | %{check} %s --check-prefix=THIRD
// RUN: %{status} 1 kiln build %s -o %t.so -DNONE 2>&1 | %{check} %s --check-prefix=NONE
#include <kiln/kiln.h>

using kiln::Tensor;

#ifndef NONE
KILN_PROGRAM(first) {
  program.function("predict", {{"x", {"batch", 3}}}, [&](Tensor x) { return kiln::relu(x); });
}

KILN_PROGRAM(second) {
  program.function("predict", {{"x", {"batch", 3}}}, [&](Tensor x) { return kiln::tanh(x); });
}
#endif
// CHECK:error: {{.*}}several_programs.cpp: has several programs (first, second), none named 'several_programs'; pick one with --program=NAME
// SECOND: program      second
// THIRD:error: {{.*}}several_programs.cpp: has no program 'third'; it has first, second
// NONE:error: {{.*}}several_programs.cpp: has no program; add KILN_PROGRAM(name) { ... } that tells what is to be compiled
