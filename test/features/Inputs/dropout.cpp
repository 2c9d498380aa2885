// A parameter of ones behind dropout: outputs and gradients show the mask of a step.
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

struct MaskedImpl : nn::Module {
  MaskedImpl() {
    scale = register_parameter("scale", kiln::ones({100000}));
    dropout = register_module("dropout", nn::Dropout(0.25));
  }
  Tensor forward(Tensor x) { return dropout(x * scale); }

  Tensor scale;
  nn::Dropout dropout{nullptr};
};
KILN_MODULE(Masked);

KILN_PROGRAM(dropout) {
  Masked model;
  kiln::optim::SGD optimizer(model->parameters(), 0.0);
  program.function("train_step", {{"x", {100000}}}, [&](Tensor x) {
    model->train();
    optimizer.zero_grad();
    Tensor output = model(x);
    output.sum().backward();
    optimizer.step();
    return output;
  });
}
