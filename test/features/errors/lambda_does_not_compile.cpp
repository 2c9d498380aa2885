// An error in a function's code is all that the C++ compiler says: nothing about what program.function takes.
// RUN: %{status} 1 kiln build %s -o %t.so 2>&1 | FileCheck %s --implicit-check-not=error: --implicit-check-not=assert
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

KILN_PROGRAM(lambda_does_not_compile) {
  nn::Linear model(3, 2);
  program.function("predict", {{"x", {"batch", 3}}}, [&](Tensor x) {
    Tensor hidden = modle(x);
    return hidden;
  });
  program.function("train_step", {{"x", {"batch", 3}}, {"y", {"batch"}}}, [&](Tensor x, Tensor y) {
    auto loss = model->forwards(x) - y;
    loss.backward();
    return loss;
  });
}
// CHECK: lambda_does_not_compile.cpp:[[#@LINE-9]]:{{.*}}error: {{.*}}modle
// CHECK: lambda_does_not_compile.cpp:[[#@LINE-6]]:{{.*}}error: {{.*}}forwards
// CHECK: error: {{.*}}lambda_does_not_compile.cpp did not compile ({{.*}} has said why above)
