// What backward() needs is gone after the first time; PyTorch's text, at the user's line, and what to do in C++.
// RUN: %{status} 1 kiln build %s -o %t.mlir 2>&1 | %{check} %s
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;
namespace F = kiln::nn::functional;

KILN_PROGRAM(backward_twice) {
  nn::Linear model(3, 2);
  kiln::optim::SGD optimizer(model->parameters(), 0.1);
  program.function("train_step", {{"x", {"batch", 3}}, {"y", {"batch"}, kiln::kInt64}}, [&](Tensor x, Tensor y) {
    optimizer.zero_grad();
    Tensor loss = F::cross_entropy(model(x), y);
    loss.backward();
    loss.backward();
    optimizer.step();
    return loss;
  });
}
//      CHECK:{{.*}}backward_twice.cpp:[[#@LINE-5]]:{{[0-9]+}}: error: Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors after calling backward.
// CHECK-NEXT:{{ +}}[[#@LINE-6]] |     loss.backward();
// CHECK-NEXT:{{ +\| +\^}}
// CHECK-NEXT:in C++: loss.backward({}, /*retain_graph=*/true), or compute the loss anew
//  CHECK-NOT:{{.+}}
