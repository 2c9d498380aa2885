// A layer whose loss is the sum of its outputs: the gradient of a weight is the sum of the inputs in its column.
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

KILN_PROGRAM(gradients) {
  nn::Linear model(3, 2);
  kiln::optim::SGD optimizer(model->parameters(), 0.5);
  program.function("train_step", {{"x", {"batch", 3}}}, [&](Tensor x) {
    optimizer.zero_grad();
    Tensor loss = model(x).sum();
    loss.backward();
    optimizer.step();
    return loss;
  });
  program.function("accumulate", {{"x", {"batch", 3}}}, [&](Tensor x) {
    Tensor loss = model(x).sum();
    loss.backward();
    return loss;
  });
  program.function("apply", {{"rate", {}}}, [&](Tensor rate) {
    optimizer.step();
    return rate;
  });
}
