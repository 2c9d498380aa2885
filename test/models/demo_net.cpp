// DemoNet(3, 8, 2): input normalisation from buffers, one of them not persistent and of bool.
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;
namespace F = kiln::nn::functional;

struct DemoNetImpl : nn::Module {
  DemoNetImpl(int64_t input_dim, int64_t hidden_dim, int64_t output_dim) {
    mean = register_buffer("mean", kiln::zeros({input_dim}));
    std = register_buffer("std", kiln::ones({input_dim}));
    cache_mask = register_buffer("cache_mask", kiln::ones({input_dim}, kiln::kBool), /*persistent=*/false);
    fc1 = register_module("fc1", nn::Linear(input_dim, hidden_dim));
    dropout = register_module("dropout", nn::Dropout(0.5));
    fc2 = register_module("fc2", nn::Linear(hidden_dim, output_dim));
  }

  Tensor forward(Tensor x) {
    x = (x - mean) / std;
    x = fc1(x);
    x = F::relu(x);
    x = dropout(x);
    x = fc2(x);
    return x;
  }

  Tensor mean, std, cache_mask;
  nn::Linear fc1{nullptr}, fc2{nullptr};
  nn::Dropout dropout{nullptr};
};
KILN_MODULE(DemoNet);

KILN_PROGRAM(demo_net) {
  DemoNet model(3, 8, 2);
  program.function("predict", {{"x", {"batch", 3}}}, [&](Tensor x) {
    model->eval();
    return model(x);
  });
}
