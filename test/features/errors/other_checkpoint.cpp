// A checkpoint of another architecture is refused with everything that differs, and nothing is written.
// RUN: rm -rf %t && mkdir -p %t
// RUN: kiln build %s -o %t/narrow.so -DWIDTH=4 && kiln build %s -o %t/wide.so -DWIDTH=8
// RUN: kiln train %t/narrow.so --input=x=%{data}/digits_test.safetensors:images --input=y=%{data}/digits_test.safetensors:labels --batch-size=360 --epochs=1 --checkpoint=%t/narrow.pt --save=%t/w.pt
// RUN: %{status} 1 kiln train %t/wide.so --input=x=%{data}/digits_test.safetensors:images --input=y=%{data}/digits_test.safetensors:labels --batch-size=360 --epochs=2 --resume=%t/narrow.pt --save=%t/none.pt > %t/out 2>&1
// RUN: %{check} %s < %t/out
// RUN: not ls %t/none.pt
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;
namespace F = kiln::nn::functional;

KILN_PROGRAM(other_checkpoint) {
  nn::Sequential model(nn::Linear(784, WIDTH), nn::ReLU(), nn::Linear(WIDTH, 10));
  kiln::optim::SGD optimizer(model->parameters(), 0.1);
  program.function("train_step", {{"x", {"batch", 784}}, {"y", {"batch"}, kiln::kInt64}}, [&](Tensor x, Tensor y) {
    optimizer.zero_grad();
    Tensor loss = F::cross_entropy(model(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  });
}
//      CHECK:error: the checkpoint is of another architecture than program 'other_checkpoint'
// CHECK-NEXT:  fingerprint found:    {{[0-9a-f]+$}}
