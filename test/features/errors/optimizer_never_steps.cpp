// An optimizer whose step() no function calls trains nothing, and Kiln says so: PyTorch keeps silent.
// RUN: kiln build %s -o %t.mlir 2>&1 | %{check} %s
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

KILN_PROGRAM(optimizer_never_steps) {
  nn::Linear model(4, 2);
  kiln::optim::SGD optimizer(model->parameters(), 0.1);
  program.function("train_step", {{"x", {"batch", 4}}, {"y", {"batch"}, kiln::kInt64}}, [&](Tensor x, Tensor y) {
    optimizer.zero_grad();
    Tensor loss = nn::functional::cross_entropy(model(x), y);
    loss.backward();
    return loss;
  });
}
//      CHECK:{{.*}}optimizer_never_steps.cpp:[[#@LINE-8]]:{{[0-9]+}}: warning: optimizer SGD never steps: no function of the program calls its step(), so its parameters stay as they are
// CHECK-NEXT:{{ +}}[[#@LINE-9]] |   kiln::optim::SGD optimizer(model->parameters(), 0.1);
// CHECK-NEXT:{{ +\| +\^}}
//  CHECK-NOT:{{.+}}
