// A step without any backward() trains nothing, and Kiln says so: PyTorch keeps silent.
// RUN: kiln build %s -o %t.mlir 2>&1 | %{check} %s
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

KILN_PROGRAM(backward_never_called) {
  nn::Linear model(4, 2);
  kiln::optim::SGD optimizer(model->parameters(), 0.1);
  program.function("train_step", {{"x", {"batch", 4}}, {"y", {"batch"}, kiln::kInt64}}, [&](Tensor x, Tensor y) {
    optimizer.zero_grad();
    Tensor loss = nn::functional::cross_entropy(model(x), y);
    optimizer.step();
    return loss;
  });
}
//      CHECK:{{.*}}backward_never_called.cpp:[[#@LINE-4]]:{{[0-9]+}}: warning: step() of optimizer (SGD) never updates anything, for backward() is never called: no function of the program computes gradients; call backward() on the loss before it
// CHECK-NEXT:{{ +}}[[#@LINE-5]] |     optimizer.step();
// CHECK-NEXT:{{ +\| +\^}}
//  CHECK-NOT:{{.+}}
