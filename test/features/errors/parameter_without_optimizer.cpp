// A parameter that gets a gradient and that no optimizer holds is never updated, and Kiln says which: PyTorch keeps silent.
// RUN: kiln build %s -o %t.mlir 2>&1 | %{check} %s
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;
namespace F = kiln::nn::functional;

struct NetImpl : nn::Module {
  NetImpl() {
    encoder = register_module("encoder", nn::Linear(4, 3));
    head = register_module("head", nn::Linear(3, 2));
  }

  Tensor forward(Tensor x) { return head(kiln::relu(encoder(x))); }

  nn::Linear encoder{nullptr}, head{nullptr};
};
KILN_MODULE(Net);

KILN_PROGRAM(parameter_without_optimizer) {
  Net model;
  kiln::optim::SGD optimizer(model->head->parameters(), 0.1);
  program.function("train_step", {{"x", {"batch", 4}}, {"y", {"batch"}, kiln::kInt64}}, [&](Tensor x, Tensor y) {
    optimizer.zero_grad();
    Tensor loss = F::cross_entropy(model(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  });
}
//      CHECK:{{.*}}parameter_without_optimizer.cpp:[[#@LINE-9]]:{{[0-9]+}}: warning: parameters that require a gradient are held by no optimizer, so training does not change them: 'encoder.weight' and 'encoder.bias'; give them to one, or freeze them with requires_grad_(false)
// CHECK-NEXT:{{ +}}[[#@LINE-10]] |   kiln::optim::SGD optimizer(model->head->parameters(), 0.1);
// CHECK-NEXT:{{ +\| +\^}}
//  CHECK-NOT:{{.+}}
