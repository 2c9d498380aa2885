// backward() starts from one number; PyTorch's text, at the user's line.
// RUN: %{status} 1 kiln build %s -o %t.mlir 2>&1 | %{check} %s
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;
namespace F = kiln::nn::functional;

KILN_PROGRAM(loss_not_a_scalar) {
  nn::Linear model(3, 2);
  kiln::optim::SGD optimizer(model->parameters(), 0.1);
  program.function("train_step", {{"x", {"batch", 3}}, {"y", {"batch"}, kiln::kInt64}}, [&](Tensor x, Tensor y) {
    optimizer.zero_grad();
    Tensor loss = F::cross_entropy(model(x), y, F::CrossEntropyFuncOptions().reduction(kiln::kNone));
    loss.backward();
    optimizer.step();
    return loss;
  });
}
//      CHECK:{{.*}}loss_not_a_scalar.cpp:[[#@LINE-5]]:{{[0-9]+}}: error: grad can be implicitly created only for scalar outputs
// CHECK-NEXT:{{ +}}[[#@LINE-6]] |     loss.backward();
// CHECK-NEXT:{{ +\| +\^}}
// CHECK-NEXT:the tensor has sizes [batch]: go backward from its mean() or sum(), or pass a gradient of its sizes
//  CHECK-NOT:{{.+}}
