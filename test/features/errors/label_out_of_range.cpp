// A label that is no class is found by the compiled code, before anything is written: PyTorch's text, and which line of the model.
// RUN: kiln build %s -o %t.so
// RUN: %{status} 1 kiln run %t.so train_step --input=x=%{data}/digits_test.safetensors:images --input=y=%{data}/digits_test.safetensors:labels 2>&1 | %{check} %s
// RUN: tensor-tool head 36 %{data}/digits_test.safetensors:images %t.x.npy && tensor-tool head 36 %{data}/digits_test.safetensors:labels %t.y.npy
// RUN: %{status} 1 kiln train %t.so --input=x=%t.x.npy --input=y=%t.y.npy --batch-size=36 --epochs=1 --save=%t.safetensors 2>&1 | FileCheck %s --check-prefix=TRAIN
// RUN: not ls %t.safetensors
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;
namespace F = kiln::nn::functional;

KILN_PROGRAM(label_out_of_range) {
  nn::Linear model(784, 9);
  kiln::optim::SGD optimizer(model->parameters(), 0.1);
  program.function("train_step", {{"x", {"batch", 784}}, {"y", {"batch"}, kiln::kInt64}}, [&](Tensor x, Tensor y) {
    optimizer.zero_grad();
    Tensor loss = F::cross_entropy(model(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  });
}
//      CHECK:error: Target 9 is out of bounds.
// CHECK-NEXT:  operation: nn.cross_entropy
// CHECK-NEXT:  source: label_out_of_range.cpp:[[#@LINE-8]]
// CHECK-NEXT:  expected: a class index from 0 to 8, or ignore_index
//      TRAIN:error: Target 9 is out of bounds.
//      TRAIN:  expected: a class index from 0 to 8, or ignore_index
// Of the first 36 labels one is a 9.
// TRAIN-NEXT:  found at sample 8 (from 0) of input 'y' ({{.*}}.y.npy)
// TRAIN-NEXT:  in mini-batch 1 of the epoch
