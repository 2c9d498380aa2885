// F::dropout without its option training drops nothing, as in libtorch, which keeps silent where that is in a step of training.
// RUN: kiln build %s -o %t.mlir 2>&1 | %{check} %s
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;
namespace F = kiln::nn::functional;

struct NetImpl : nn::Module {
  NetImpl() { fc = register_module("fc", nn::Linear(3, 2)); }

  Tensor forward(Tensor x) {
    x = F::dropout(x, F::DropoutFuncOptions().training(false)); // which is meant
    x = F::dropout(x, F::DropoutFuncOptions().p(0));
    x = F::dropout(x, F::DropoutFuncOptions().training(is_training()));
    return F::dropout(fc(x), F::DropoutFuncOptions().p(0.2));
  }

  nn::Linear fc{nullptr};
};
KILN_MODULE(Net);

KILN_PROGRAM(dropout_does_nothing) {
  Net model;
  kiln::optim::SGD optimizer(model->parameters(), 0.1);
  program.function("predict", {{"x", {"batch", 3}}}, [&](Tensor x) {
    model->eval();
    return F::dropout(model(x));
  });
  program.function("train_step", {{"x", {"batch", 3}}, {"y", {"batch"}, kiln::kInt64}}, [&](Tensor x, Tensor y) {
    model->train();
    optimizer.zero_grad();
    Tensor loss = F::cross_entropy(model(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  });
  program.function("tune_step", {{"x", {"batch", 3}}, {"y", {"batch"}, kiln::kInt64}}, [&](Tensor x, Tensor y) {
    model->eval(); // where dropout with is_training() would do nothing either
    optimizer.zero_grad();
    Tensor loss = F::cross_entropy(model(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  });
}
//      CHECK:{{.*}}dropout_does_nothing.cpp:[[#@LINE-31]]:{{[0-9]+}}: warning: F::dropout drops nothing here, in a function that computes gradients: its option training is false unless it is given, as in libtorch; give it, F::DropoutFuncOptions().training(is_training()), or use nn::Dropout, which follows train() and eval()
// CHECK-NEXT:{{ +}}[[#@LINE-32]] |     return F::dropout(fc(x), F::DropoutFuncOptions().p(0.2));
// CHECK-NEXT:{{ +\| +\^}}
//  CHECK-NOT:{{.+}}
