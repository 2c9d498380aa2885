// A token that the vocabulary does not have, in a table of tokens: kiln train says which sample of which file has it, though the
// function looks up parts of it.
// RUN: kiln build %s -o %t.so
// RUN: %{status} 1 kiln train %t.so --function=next_token --input=t=%S/../Inputs/tokens.npy --batch-size=4 --epochs=1 --save=%t.safetensors 2>&1 | FileCheck %s --check-prefix=PART
// RUN: %{status} 1 kiln train %t.so --function=same_token --input=t=%S/../Inputs/tokens.npy --batch-size=4 --epochs=1 --save=%t.safetensors 2>&1 | FileCheck %s --check-prefix=WHOLE
// RUN: not ls %t.safetensors
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;
namespace F = kiln::nn::functional;

KILN_PROGRAM(token_out_of_range) {
  nn::Sequential model(nn::Embedding(10, 4), nn::Linear(4, 10));
  kiln::optim::SGD optimizer(model->parameters(), 0.1);
  auto train = [&](Tensor x, Tensor y) {
    optimizer.zero_grad();
    Tensor loss = F::cross_entropy(model(x).flatten(0, 1), y.flatten());
    loss.backward();
    optimizer.step();
    return loss;
  };
  program.function("next_token", {{"t", {"batch", 6}, kiln::kInt64}},
                   [&](Tensor t) { return train(t.slice(1, 0, 5), t.slice(1, 1, 6)); });
  program.function("same_token", {{"t", {"batch", 6}, kiln::kInt64}}, [&](Tensor t) { return train(t, t); });
}
// Of the twelve samples, the one numbered 9 holds 77.
//       PART:error: index out of range in self
//       PART:  index: 77
//  PART-NEXT:  size: 10
//  PART-NEXT:  sample 9 (from 0) of input 't' ({{.*}}tokens.npy) holds the value 77
//  PART-NEXT:  in mini-batch {{[123]}} of the epoch
//      WHOLE:error: index out of range in self
//      WHOLE:  index: 77
// WHOLE-NEXT:  size: 10
// WHOLE-NEXT:  found at sample 9 (from 0) of input 't' ({{.*}}tokens.npy)
// WHOLE-NEXT:  in mini-batch {{[123]}} of the epoch
