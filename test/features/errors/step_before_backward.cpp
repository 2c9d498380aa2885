// A step() between zero_grad() and backward() has nothing to use, and Kiln says so: PyTorch keeps silent.
// RUN: kiln build %s -o %t.mlir 2>&1 | %{check} %s
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

KILN_PROGRAM(step_before_backward) {
  nn::Linear model(4, 2);
  kiln::optim::SGD optimizer(model->parameters(), 0.1);
  program.function("train_step", {{"x", {"batch", 4}}, {"y", {"batch"}, kiln::kInt64}}, [&](Tensor x, Tensor y) {
    optimizer.zero_grad();
    Tensor loss = nn::functional::cross_entropy(model(x), y);
    optimizer.step();
    loss.backward();
    return loss;
  });
}
//      CHECK:{{.*}}step_before_backward.cpp:[[#@LINE-5]]:{{[0-9]+}}: warning: step() of SGD has no gradients to use: backward() computes them only later; call it after backward()
// CHECK-NEXT:{{ +}}[[#@LINE-6]] |     optimizer.step();
// CHECK-NEXT:{{ +\| +\^}}
//  CHECK-NOT:{{.+}}
