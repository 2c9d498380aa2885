// LenetCNN: two convolutions with batch normalisation and pooling, and two linear layers, in one Sequential.
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;
namespace F = kiln::nn::functional;

struct LenetCNNImpl : nn::SequentialImpl {
  explicit LenetCNNImpl(double dropout_rate = 0.25)
      : SequentialImpl(nn::Conv2d(nn::Conv2dOptions(1, 32, 3).padding(1)), nn::BatchNorm2d(32), nn::ReLU(), nn::MaxPool2d(2),
                       nn::Conv2d(nn::Conv2dOptions(32, 64, 3).padding(1)), nn::BatchNorm2d(64), nn::ReLU(), nn::MaxPool2d(2),
                       nn::Flatten(), nn::Linear(3136, 128), nn::ReLU(), nn::Dropout(dropout_rate), nn::Linear(128, 10)) {}
};
KILN_MODULE(LenetCNN);

KILN_PROGRAM(lenet_cnn) {
  LenetCNN model;
  kiln::optim::Adam optimizer(model->parameters(), 1e-3);
  program.function("predict", {{"x", {"batch", 1, 28, 28}}}, [&](Tensor x) {
    model->eval();
    return model(x);
  });
  program.function("train_step", {{"x", {"batch", 1, 28, 28}}, {"y", {"batch"}, kiln::kInt64}}, [&](Tensor x, Tensor y) {
    model->train();
    optimizer.zero_grad();
    Tensor loss = F::cross_entropy(model(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  });
}
