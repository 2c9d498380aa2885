// Two inputs that share the batch, two outputs, and two functions that share the weights.
#include <kiln/kiln.h>

#include <utility>

using kiln::Tensor;
namespace nn = kiln::nn;

struct TwoTowersImpl : nn::Module {
  TwoTowersImpl() {
    image = register_module("image", nn::Linear(12, 6));
    text = register_module("text", nn::Sequential(nn::Linear(5, 6), nn::Tanh()));
    head = register_module("head", nn::LazyLinear(3));
  }

  std::pair<Tensor, Tensor> forward(Tensor pixels, Tensor words) {
    const Tensor left = image(pixels.flatten(1)), right = text(words);
    return {head(kiln::cat({left, right}, 1)), left * right};
  }

  nn::Linear image{nullptr};
  nn::Sequential text{nullptr};
  nn::LazyLinear head{nullptr};
};
KILN_MODULE(TwoTowers);

KILN_PROGRAM(two_towers) {
  TwoTowers model;
  program.function("predict", {{"pixels", {"batch", 3, 4}}, {"words", {"batch", 5}}},
                   [&](Tensor pixels, Tensor words) {
                     model->eval();
                     return model(pixels, words);
                   },
                   {"scores", "products"});
  program.function("encode", {{"words", {"count", 5}}}, [&](Tensor words) { return model->text(words); });
}
