// A model whose buffers and submodules have the names that training gives to what it keeps, and one that of a function.
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

struct ScaleImpl : nn::Module {
  explicit ScaleImpl(std::string name) { scale = register_parameter(std::move(name), kiln::ones({3})); }
  Tensor forward(Tensor x) { return x * scale; }
  Tensor scale;
};
KILN_MODULE(Scale);

struct TakenNamesImpl : nn::Module {
  TakenNamesImpl() {
    generator = register_buffer("generator", kiln::ones({3}));
    predict = register_buffer("predict", kiln::ones({3}));
    defined = register_parameter("defined", kiln::ones({3}));
    optimizer = register_module("optimizer", Scale("step"));
    gradients = register_module("gradients", Scale("defined"));
    dropout = register_module("dropout", nn::Dropout(0.5));
  }
  Tensor forward(Tensor x) { return dropout(optimizer(gradients(x) * defined) * generator * predict); }
  Tensor generator, predict, defined;
  Scale optimizer{nullptr}, gradients{nullptr};
  nn::Dropout dropout{nullptr};
};
KILN_MODULE(TakenNames);

KILN_PROGRAM(taken_names) {
  TakenNames model;
  kiln::optim::Adam optimizer(model->parameters(), 1e-2);
  program.function("predict", {{"x", {"batch", 3}}}, [&](Tensor x) {
    model->eval();
    return model(x);
  });
  program.function("train_step", {{"x", {"batch", 3}}}, [&](Tensor x) {
    optimizer.zero_grad();
    Tensor loss = model(x).square().mean();
    loss.backward();
    optimizer.step();
    return loss;
  });
}
