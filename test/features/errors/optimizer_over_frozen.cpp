// An optimizer that is given frozen parameters never changes them, and Kiln says so: PyTorch keeps silent.
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

KILN_PROGRAM(optimizer_over_frozen) {
  Net model;
  model->encoder->requires_grad_(false);
  kiln::optim::SGD optimizer(model->parameters(), 0.1);
  program.function("train_step", {{"x", {"batch", 4}}, {"y", {"batch"}, kiln::kInt64}}, [&](Tensor x, Tensor y) {
    optimizer.zero_grad();
    Tensor loss = F::cross_entropy(model(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  });
}
//      CHECK:{{.*}}optimizer_over_frozen.cpp:[[#@LINE-9]]:{{[0-9]+}}: warning: optimizer (SGD) holds frozen parameters, which it never updates: 'encoder.weight' and 'encoder.bias'; give it only the parameters that require a gradient
// CHECK-NEXT:{{ +}}[[#@LINE-10]] |   kiln::optim::SGD optimizer(model->parameters(), 0.1);
// CHECK-NEXT:{{ +\| +\^}}
//  CHECK-NOT:{{.+}}
