// Looks at the gradients of gradients.cpp from the host: gradients_host ARTIFACT INPUTS.npy (written, for kiln train).
#include <cmath>
#include <cstdio>

#include <kiln/runtime/files.h>
#include <kiln/runtime/model.h>

using namespace kiln::runtime;

static void print_values(const Tensor &tensor) {
  for (int64_t i = 0; i < tensor.numel(); ++i)
    std::printf(" %g", tensor.data<float>()[i]);
}

int main(int, char **argv) {
  Model model(Program::load(argv[1]));
  const Tensor x = Tensor::from<float>(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3});
  save_npy(argv[2], x);
  std::printf("before the first step: %zu gradients\n", model.gradients().size());

  // Whether the weights are those of `before`, less `rate` times the gradient.
  auto moved = [&](const StateDict &before, double rate) {
    bool holds = true;
    for (const auto &[name, gradient] : model.gradients())
      for (int64_t i = 0; i < gradient.numel(); ++i)
        holds &= std::abs(model.state_dict().at(name).data<float>()[i] -
                          (before.at(name).data<float>()[i] - rate * gradient.data<float>()[i])) < 1e-6;
    std::printf("weights moved by -%g times the gradient: %s\n", rate, holds ? "yes" : "no");
  };

  StateDict before = model.snapshot();
  model.call("train_step", {x});
  const StateDict gradients = model.gradients();
  for (const auto &[name, values] : model.gradient_statistics()) {
    std::printf("%s %s:", name.c_str(), gradients.at(name).shape_text().c_str());
    print_values(gradients.at(name));
    std::printf(", mean %f, std %f, norm %f\n", values.mean, values.std, values.norm);
  }
  moved(before, 0.5);

  model.call("accumulate", {x});
  model.call("accumulate", {x});
  std::printf("after two more calls without zero_grad:");
  print_values(model.gradients().at("weight"));
  std::printf("\n");

  before = model.snapshot();
  model.set_learning_rate(0.125);
  model.call("apply", {Tensor::scalar<float>(0)});
  moved(before, 0.125);

  model.zero_grad();
  std::printf("after zero_grad: %zu gradients\n", model.gradients().size());
}
