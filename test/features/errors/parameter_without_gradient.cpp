// A parameter that the loss does not depend on is never updated, and Kiln says which: PyTorch keeps silent.
// RUN: kiln build %s -o %t.mlir 2>&1 | %{check} %s
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;
namespace F = kiln::nn::functional;

struct NetImpl : nn::Module {
  NetImpl() {
    used = register_module("used", nn::Linear(4, 2));
    forgotten = register_module("forgotten", nn::Linear(4, 2));
  }

  Tensor forward(Tensor x) { return used(x); }

  nn::Linear used{nullptr}, forgotten{nullptr};
};
KILN_MODULE(Net);

KILN_PROGRAM(parameter_without_gradient) {
  Net model;
  kiln::optim::SGD optimizer(model->parameters(), 0.1);
  program.function("train_step", {{"x", {"batch", 4}}, {"y", {"batch"}, kiln::kInt64}}, [&](Tensor x, Tensor y) {
    optimizer.zero_grad();
    Tensor loss = F::cross_entropy(model(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  });
}
//      CHECK:{{.*}}parameter_without_gradient.cpp:[[#@LINE-9]]:{{[0-9]+}}: warning: optimizer (SGD) holds parameters that get no gradient, so it never updates them: 'forgotten.weight' and 'forgotten.bias'; no loss that backward() is called on depends on them
// CHECK-NEXT:{{ +}}[[#@LINE-10]] |   kiln::optim::SGD optimizer(model->parameters(), 0.1);
// CHECK-NEXT:{{ +\| +\^}}
//  CHECK-NOT:{{.+}}
