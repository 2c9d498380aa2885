// A step without zero_grad() adds to the gradients of all earlier calls, and Kiln says so: PyTorch keeps silent.
// RUN: kiln build %s -o %t.mlir 2>&1 | %{check} %s
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

KILN_PROGRAM(gradients_add_up) {
  nn::Linear model(4, 2);
  kiln::optim::Adam optimizer(model->parameters(), 1e-3);
  program.function("train_step", {{"x", {"batch", 4}}, {"y", {"batch"}, kiln::kInt64}}, [&](Tensor x, Tensor y) {
    Tensor loss = nn::functional::cross_entropy(model(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  });
}
//      CHECK:{{.*}}gradients_add_up.cpp:[[#@LINE-8]]:{{[0-9]+}}: warning: optimizer (Adam) steps with gradients that add up from call to call, for no function of the program zeroes them: 'weight' and 'bias'; call zero_grad() before backward(), or let the host call it between steps
// CHECK-NEXT:{{ +}}[[#@LINE-9]] |   kiln::optim::Adam optimizer(model->parameters(), 1e-3);
// CHECK-NEXT:{{ +\| +\^}}
//  CHECK-NOT:{{.+}}
