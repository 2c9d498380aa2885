// LazyCNN: convolutions and a classifier that learn the sizes of their inputs from the first one.
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

struct LazyCNNImpl : nn::Module {
  explicit LazyCNNImpl(int64_t num_classes = 10) {
    features = register_module("features", nn::Sequential(nn::LazyConv2d(nn::LazyConv2dOptions(8, 3).padding(1)), nn::ReLU(),
                                                          nn::MaxPool2d(2), nn::LazyConv2d(nn::LazyConv2dOptions(16, 3).padding(1)),
                                                          nn::ReLU(), nn::MaxPool2d(2)));
    classifier = register_module("classifier", nn::LazyLinear(num_classes));
  }

  Tensor forward(Tensor x) { return classifier(features(x.unflatten(1, {1, 28, 28})).flatten(/*start_dim=*/1)); }

  nn::Sequential features{nullptr};
  nn::LazyLinear classifier{nullptr};
};
KILN_MODULE(LazyCNN);

KILN_PROGRAM(lazy_cnn) {
  LazyCNN model;
  program.function("predict", {{"x", {"batch", 784}}}, [&](Tensor x) {
    model->eval();
    return model(x);
  });
}
