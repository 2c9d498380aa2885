// zero_grad() between backward() and step() throws the gradients away, and Kiln says so: PyTorch keeps silent.
// RUN: kiln build %s -o %t.mlir 2>&1 | %{check} %s
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

KILN_PROGRAM(zero_grad_before_step) {
  nn::Linear model(4, 2);
  kiln::optim::SGD optimizer(model->parameters(), 0.1);
  program.function("train_step", {{"x", {"batch", 4}}, {"y", {"batch"}, kiln::kInt64}}, [&](Tensor x, Tensor y) {
    Tensor loss = nn::functional::cross_entropy(model(x), y);
    loss.backward();
    optimizer.zero_grad();
    optimizer.step();
    return loss;
  });
}
//      CHECK:{{.*}}zero_grad_before_step.cpp:[[#@LINE-5]]:{{[0-9]+}}: warning: zero_grad() discards what backward() has computed before step() of SGD uses it; call zero_grad() before backward(), or after step()
// CHECK-NEXT:{{ +}}[[#@LINE-6]] |     optimizer.zero_grad();
// CHECK-NEXT:{{ +\| +\^}}
//  CHECK-NOT:{{.+}}
