// Six copies of a model, each trained by an optimizer of its own: what R01 runs for 200 steps and compares with PyTorch.
//
// -D RESIDUAL takes ResidualNetwork instead of DeepMLP. Each copy begins with PyTorch's weights for manual_seed(0). Functions are
// called SGD_float64, SGD_float32, Adam_float64, ...; inputs have the names of the tensors in the file of digits.
#ifdef RESIDUAL
#include "residual_network.cpp"
static ResidualNetwork make_model() { return ResidualNetwork(784, 4, 256, 10, /*dropout_rate=*/0.0); }
constexpr double kSgdRate = 0.01; // at 0.05 PyTorch's double strays from itself when the rows of a batch change their order
#else
#include "deep_mlp.cpp"
static DeepMLP make_model() { return DeepMLP(784, std::vector<int64_t>{512, 256, 128}, 10, /*dropout_rate=*/0.0); }
constexpr double kSgdRate = 0.05;
#endif

namespace optim = kiln::optim;

KILN_PROGRAM(trajectories) {
  auto add = [&](const std::string &name, kiln::DType dtype, auto make_optimizer) {
    kiln::manual_seed(0);
    auto model = make_model();
    model->to(dtype);
    program.register_module(name, model);
    auto optimizer = make_optimizer(model->parameters());
    program.function(name, {{"images", {"batch", 784}, dtype}, {"labels", {"batch"}, kiln::kInt64}},
                     [=](Tensor images, Tensor labels) {
                       model->train();
                       optimizer->zero_grad();
                       Tensor loss = F::cross_entropy(model(images), labels);
                       loss.backward();
                       optimizer->step();
                       return loss;
                     });
  };
  for (const auto &[suffix, dtype] : {std::pair("_float64", kiln::kFloat64), std::pair("_float32", kiln::kFloat32)}) {
    add(std::string("SGD") + suffix, dtype, [](auto parameters) {
      return std::make_shared<optim::SGD>(parameters, optim::SGDOptions(kSgdRate).momentum(0.9));
    });
    add(std::string("Adam") + suffix, dtype, [](auto parameters) { return std::make_shared<optim::Adam>(parameters, 1e-3); });
    add(std::string("AdamW") + suffix, dtype, [](auto parameters) { return std::make_shared<optim::AdamW>(parameters, 1e-3); });
  }
}
