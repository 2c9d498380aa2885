// An optimizer updates what is state of the program: a tensor that no module has registered is none.
// RUN: %{status} 1 kiln build %s -o %t.mlir 2>&1 | %{check} %s
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;
namespace F = kiln::nn::functional;

KILN_PROGRAM(optimizer_over_foreign) {
  nn::Linear model(3, 2);
  Tensor temperature = kiln::ones({1}, kiln::requires_grad());
  std::vector<Tensor> trained = model->parameters();
  trained.push_back(temperature);
  kiln::optim::SGD optimizer(trained, 0.1);
  program.function("train_step", {{"x", {"batch", 3}}, {"y", {"batch"}, kiln::kInt64}}, [&](Tensor x, Tensor y) {
    optimizer.zero_grad();
    Tensor loss = F::cross_entropy(model(x) * temperature, y);
    loss.backward();
    optimizer.step();
    return loss;
  });
}
//      CHECK:{{.*}}optimizer_over_foreign.cpp:[[#@LINE-9]]:{{[0-9]+}}: error: can't optimize a tensor that no module has registered
// CHECK-NEXT:{{ +}}[[#@LINE-10]] |   kiln::optim::SGD optimizer(trained, 0.1);
// CHECK-NEXT:{{ +\| +\^}}
// CHECK-NEXT:a compiled function keeps what it updates only where it is state: register the tensor with register_parameter, and give the optimizer the registered one
//  CHECK-NOT:{{.+}}
