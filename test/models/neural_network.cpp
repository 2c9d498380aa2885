// NeuralNetwork(50, 3): a Sequential that is written out layer by layer.
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

struct NeuralNetworkImpl : nn::Module {
  NeuralNetworkImpl(int64_t num_inputs, int64_t num_outputs) {
    layers = register_module("layers", nn::Sequential(nn::Linear(num_inputs, 30), nn::ReLU(), nn::Linear(30, 20), nn::ReLU(),
                                                      nn::Linear(20, num_outputs)));
  }

  // The outputs of the last linear layer are called logits.
  Tensor forward(Tensor x) { return layers(x); }

  nn::Sequential layers{nullptr};
};
KILN_MODULE(NeuralNetwork);

KILN_PROGRAM(neural_network) {
  NeuralNetwork model(50, 3);
  program.function("predict", {{"x", {"batch", 50}}}, [&](Tensor x) {
    model->eval();
    return model(x);
  });
}
