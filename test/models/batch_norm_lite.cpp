// BatchNormLite: batch normalisation written by hand from tensor operations. The scale and the shift are parameters, the running
// statistics buffers, and eps a plain number.
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;
namespace F = kiln::nn::functional;

struct BatchNormLiteImpl : nn::Module {
  explicit BatchNormLiteImpl(int64_t features) {
    gamma = register_parameter("gamma", kiln::ones({features}));
    beta = register_parameter("beta", kiln::zeros({features}));
    running_mean = register_buffer("running_mean", kiln::zeros({features}));
    running_var = register_buffer("running_var", kiln::ones({features}));
  }

  Tensor forward(Tensor x) {
    Tensor mean = running_mean, var = running_var;
    if (is_training()) {
      mean = x.mean(0);
      var = (x - mean).square().mean(0);
      running_mean = (1 - momentum) * running_mean + momentum * mean.detach();
      running_var = (1 - momentum) * running_var + momentum * var.detach();
    }
    return (x - mean) / (var + eps).sqrt() * gamma + beta;
  }

  Tensor gamma, beta, running_mean, running_var;
  double momentum = 0.1, eps = 1e-5;
};
KILN_MODULE(BatchNormLite);

struct BatchNormLiteNetImpl : nn::Module {
  BatchNormLiteNetImpl() {
    fc1 = register_module("fc1", nn::Linear(784, 64));
    norm = register_module("norm", BatchNormLite(64));
    fc2 = register_module("fc2", nn::Linear(64, 10));
  }

  Tensor forward(Tensor x) { return fc2(kiln::relu(norm(fc1(x)))); }

  nn::Linear fc1{nullptr}, fc2{nullptr};
  BatchNormLite norm{nullptr};
};
KILN_MODULE(BatchNormLiteNet);

KILN_PROGRAM(batch_norm_lite) {
  BatchNormLiteNet model;
  kiln::optim::Adam optimizer(model->parameters(), 1e-3);
  program.function("predict", {{"x", {"batch", 784}}}, [&](Tensor x) {
    model->eval();
    return model(x);
  });
  program.function("train_step", {{"x", {"batch", 784}}, {"y", {"batch"}, kiln::kInt64}}, [&](Tensor x, Tensor y) {
    model->train();
    optimizer.zero_grad();
    Tensor loss = F::cross_entropy(model(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  });
}
