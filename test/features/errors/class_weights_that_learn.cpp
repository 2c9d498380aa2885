// The weights of classes have no gradient beside class indices, as in PyTorch. The message is about the user's line, and shows no MLIR.
// RUN: %{status} 1 kiln build %s -o %t.so 2>&1 | %{check} %s
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;
namespace F = kiln::nn::functional;

struct WeightedClassifierImpl : nn::Module {
  WeightedClassifierImpl() {
    fc = register_module("fc", nn::Linear(4, 3));
    class_weights = register_parameter("class_weights", kiln::ones({3}));
  }

  Tensor loss(Tensor x, Tensor y) {
    return F::cross_entropy(fc(x), y, F::CrossEntropyFuncOptions().weight(class_weights));
  }

  nn::Linear fc{nullptr};
  Tensor class_weights;
};
KILN_MODULE(WeightedClassifier);

KILN_PROGRAM(class_weights_that_learn) {
  WeightedClassifier model;
  program.function("gradients", {{"x", {"batch", 4}}, {"y", {"batch"}, kiln::kInt64}}, [&](Tensor x, Tensor y) {
    Tensor loss = model->loss(x, y);
    loss.backward();
    return loss;
  });
}
//      CHECK:{{.*}}class_weights_that_learn.cpp:[[#@LINE-16]]:{{[0-9]+}}: error: the derivative for 'weight' is not implemented
// CHECK-NEXT:{{ +}}[[#@LINE-17]] |     return F::cross_entropy(fc(x), y, F::CrossEntropyFuncOptions().weight(class_weights));
// CHECK-NEXT:{{ +\| +\^}}
// CHECK-NEXT:nn.cross_entropy has no gradient with respect to its weight; detach() it, or compute it from values that require no gradient
//  CHECK-NOT:{{.+}}
