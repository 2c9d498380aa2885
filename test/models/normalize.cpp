// Normalize: fixed mean and standard deviation, given to the constructor and kept as buffers.
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

struct NormalizeImpl : nn::Module {
  NormalizeImpl(Tensor mean, Tensor std) : mean(register_buffer("mean", mean)), std(register_buffer("std", std)) {}

  Tensor forward(Tensor x) { return (x - mean) / std; }

  Tensor mean, std;
};
KILN_MODULE(Normalize);

KILN_PROGRAM(normalize) {
  Tensor mean = kiln::tensor({0.5, 0.5, 0.5});
  Tensor std = kiln::tensor({0.2, 0.2, 0.2});
  Normalize model(mean, std);
  program.function("predict", {{"x", {"batch", 3}}}, [&](Tensor x) {
    model->eval();
    return model(x);
  });
}
