// ResNet18 (He et al., Deep Residual Learning for Image Recognition, 2015) under the names that torchvision gives its parts.
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;
namespace F = kiln::nn::functional;

nn::Conv2d conv3x3(int64_t in_planes, int64_t out_planes, int64_t stride = 1) {
  return nn::Conv2d(nn::Conv2dOptions(in_planes, out_planes, 3).stride(stride).padding(1).bias(false));
}

struct BasicBlockImpl : nn::Module {
  BasicBlockImpl(int64_t in_planes, int64_t planes, int64_t stride, nn::Sequential shortcut) {
    conv1 = register_module("conv1", conv3x3(in_planes, planes, stride));
    bn1 = register_module("bn1", nn::BatchNorm2d(planes));
    relu = register_module("relu", nn::ReLU(nn::ReLUOptions().inplace(true)));
    conv2 = register_module("conv2", conv3x3(planes, planes));
    bn2 = register_module("bn2", nn::BatchNorm2d(planes));
    if (shortcut)
      downsample = register_module("downsample", shortcut);
  }

  Tensor forward(Tensor x) {
    Tensor identity = downsample ? downsample(x) : x;
    Tensor out = relu(bn1(conv1(x)));
    out = bn2(conv2(out));
    out += identity;
    return relu(out);
  }

  nn::Conv2d conv1{nullptr}, conv2{nullptr};
  nn::BatchNorm2d bn1{nullptr}, bn2{nullptr};
  nn::ReLU relu{nullptr};
  nn::Sequential downsample{nullptr};
};
KILN_MODULE(BasicBlock);

struct ResNetImpl : nn::Module {
  explicit ResNetImpl(const std::vector<int64_t> &layers, int64_t num_classes = 1000) {
    conv1 = register_module("conv1", nn::Conv2d(nn::Conv2dOptions(3, planes_, 7).stride(2).padding(3).bias(false)));
    bn1 = register_module("bn1", nn::BatchNorm2d(planes_));
    relu = register_module("relu", nn::ReLU(nn::ReLUOptions().inplace(true)));
    maxpool = register_module("maxpool", nn::MaxPool2d(nn::MaxPool2dOptions(3).stride(2).padding(1)));
    layer1 = register_module("layer1", make_layer(64, layers[0], 1));
    layer2 = register_module("layer2", make_layer(128, layers[1], 2));
    layer3 = register_module("layer3", make_layer(256, layers[2], 2));
    layer4 = register_module("layer4", make_layer(512, layers[3], 2));
    avgpool = register_module("avgpool", nn::AdaptiveAvgPool2d(nn::AdaptiveAvgPool2dOptions({1, 1})));
    fc = register_module("fc", nn::Linear(512, num_classes));

    for (const auto &module : modules(/*include_self=*/false))
      if (auto *conv = module->as<nn::Conv2d>())
        nn::init::kaiming_normal_(conv->weight, /*a=*/0, kiln::kFanOut, kiln::kReLU);
  }

  Tensor forward(Tensor x) {
    x = maxpool(relu(bn1(conv1(x))));
    x = layer4(layer3(layer2(layer1(x))));
    return fc(avgpool(x).flatten(1));
  }

  nn::Conv2d conv1{nullptr};
  nn::BatchNorm2d bn1{nullptr};
  nn::ReLU relu{nullptr};
  nn::MaxPool2d maxpool{nullptr};
  nn::Sequential layer1{nullptr}, layer2{nullptr}, layer3{nullptr}, layer4{nullptr};
  nn::AdaptiveAvgPool2d avgpool{nullptr};
  nn::Linear fc{nullptr};

private:
  nn::Sequential make_layer(int64_t planes, int64_t blocks, int64_t stride) {
    nn::Sequential shortcut{nullptr};
    if (stride != 1 || planes_ != planes)
      shortcut = nn::Sequential(nn::Conv2d(nn::Conv2dOptions(planes_, planes, 1).stride(stride).bias(false)),
                                nn::BatchNorm2d(planes));
    nn::Sequential layer(BasicBlock(planes_, planes, stride, shortcut));
    planes_ = planes;
    for (int64_t i = 1; i < blocks; ++i)
      layer->push_back(BasicBlock(planes, planes, 1, nn::Sequential(nullptr)));
    return layer;
  }

  int64_t planes_ = 64; // channels that come into the next block
};
KILN_MODULE(ResNet);

KILN_PROGRAM(resnet18) {
  ResNet model(std::vector<int64_t>{2, 2, 2, 2});
  kiln::optim::SGD optimizer(model->parameters(), kiln::optim::SGDOptions(0.1).momentum(0.9).weight_decay(1e-4));
  program.function("predict", {{"x", {"batch", 3, 224, 224}}}, [&](Tensor x) {
    model->eval();
    return model(x);
  });
  program.function("train_step", {{"x", {"batch", 3, 224, 224}}, {"y", {"batch"}, kiln::kInt64}}, [&](Tensor x, Tensor y) {
    model->train();
    optimizer.zero_grad();
    Tensor loss = F::cross_entropy(model(x), y);
    loss.backward();
    optimizer.step();
    return loss;
  });
}
