// Whatever the model's own code does while it is recorded, it is reported as the model's, at its line.
// RUN: %{status} 1 kiln build %s -o %t.so -DNULL_POINTER 2>&1 | %{check} %s --check-prefix=NULL
// RUN: %{status} 1 kiln build %s -o %t.so -DRECURSION 2>&1 | %{check} %s --check-prefix=RECURSION
// RUN: %{status} 1 kiln build %s -o %t.so -DABORT 2>&1 | %{check} %s --check-prefix=ABORT
// RUN: %{status} 1 kiln build %s -o %t.so -DDIVISION 2>&1 | %{check} %s --check-prefix=DIVISION
// RUN: %{status} 1 kiln build %s -o %t.so -DEXIT 2>&1 | %{check} %s --check-prefix=EXIT
// RUN: %{status} 1 kiln build %s -o %t.so -DTHROW 2>&1 | %{check} %s --check-prefix=THROW
// RUN: %{status} 1 kiln build %s -o %t.so -DSTATIC 2>&1 | %{check} %s --check-prefix=STATIC
#include <kiln/kiln.h>

#include <cassert>
#include <cstdlib>
#include <stdexcept>

using kiln::Tensor;

static volatile int zero = 0;

[[maybe_unused]] static int recurse(int depth) { return depth < 0 ? depth : recurse(depth + 1) + 1; }

#ifdef STATIC
static int dereference(int *pointer) {
  return *pointer;
}
static int made_before_main = dereference(nullptr);
#endif

KILN_PROGRAM(crashes) {
  program.function("predict", {{"x", {"batch", 3}}}, [&](Tensor x) {
#if defined(NULL_POINTER)
    int *pointer = nullptr;
    *pointer = 1;
#elif defined(RECURSION)
    recurse(zero);
#elif defined(ABORT)
    assert(zero == 1);
#elif defined(DIVISION)
    zero = 7 / zero;
#elif defined(EXIT)
    std::exit(7);
#elif defined(THROW)
    throw std::runtime_error("no such luck");
#endif
    return x;
  });
}
//      NULL:{{.*}}crashes.cpp:[[#@LINE-15]]:{{[0-9]+}}: error: the model's own code crashed while it was recorded: segmentation fault (a null or dangling pointer, or a recursion without end)
// NULL-NEXT:{{ +}}[[#@LINE-16]] |     *pointer = 1;
// NULL-NEXT:{{ +\| +\^}}
//      RECURSION:{{.*}}crashes.cpp:[[#@LINE-31]]:{{[0-9]+}}: error: the model's own code crashed while it was recorded: segmentation fault (a null or dangling pointer, or a recursion without end)
// RECURSION-NEXT:{{ +}}[[#@LINE-32]] | {{[[][[]}}maybe_unused]] static int recurse(int depth) { return depth < 0 ? depth : recurse(depth + 1) + 1; }
// RECURSION-NEXT:{{ +\| +\^}}
//      ABORT:{{.*}}crashes.cpp:[[#@LINE-17]]:{{[0-9]+}}: error: the model's own code crashed while it was recorded: abort (a failed assertion, or an exception that nobody caught)
// ABORT-NEXT:{{ +}}[[#@LINE-18]] |     assert(zero == 1);
// ABORT-NEXT:{{ +\| +\^}}
//      DIVISION:{{.*}}crashes.cpp:[[#@LINE-18]]:{{[0-9]+}}: error: the model's own code crashed while it was recorded: arithmetic error (an integer division by zero)
// DIVISION-NEXT:{{ +}}[[#@LINE-19]] |     zero = 7 / zero;
// DIVISION-NEXT:{{ +\| +\^}}
// EXIT:{{.*}}crashes.cpp: error: the model's own code ended the program, with exit status 7, while it was recorded
// THROW:{{.*}}crashes.cpp: error: the model's own code threw an exception: no such luck
//      STATIC:{{.*}}crashes.cpp:[[#@LINE-38]]:{{[0-9]+}}: error: the model's own code crashed while it was recorded: segmentation fault (a null or dangling pointer, or a recursion without end)
// STATIC-NEXT:{{ +}}[[#@LINE-39]] |   return *pointer;
// STATIC-NEXT:{{ +\| +\^}}
