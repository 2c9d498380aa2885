// LenetCNN: two convolutions with batch normalisation and pooling, and two linear layers, in one Sequential.
#include "functions.h"

namespace nn = kiln::nn;

struct LenetCNNImpl : nn::SequentialImpl {
  LenetCNNImpl()
      : SequentialImpl(nn::Conv2d(nn::Conv2dOptions(1, 32, 3).padding(1)), nn::BatchNorm2d(32), nn::ReLU(), nn::MaxPool2d(2),
                       nn::Conv2d(nn::Conv2dOptions(32, 64, 3).padding(1)), nn::BatchNorm2d(64), nn::ReLU(), nn::MaxPool2d(2),
                       nn::Flatten(), nn::Linear(3136, 128), nn::ReLU(), nn::Dropout(0.25), nn::Linear(128, 10)) {}
};
KILN_MODULE(LenetCNN);

KILN_PROGRAM(lenet_cnn) {
  LenetCNN model;
  declare_functions(program, model, {"batch", 1, 28, 28});
}
