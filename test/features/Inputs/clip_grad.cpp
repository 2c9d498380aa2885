// A step whose gradients are clipped, by each of the norms. With loss = sum(x W^T + b) they can be said beforehand.
#include <kiln/kiln.h>

#include <limits>

using kiln::Tensor;
namespace nn = kiln::nn;

KILN_PROGRAM(clip_grad) {
  nn::Linear model(3, 2);
  kiln::optim::SGD optimizer(model->parameters(), 0.5);
  const auto step = [&](const std::string &name, double norm_type) {
    const auto code = [&, norm_type](Tensor x) {
      optimizer.zero_grad();
      model(x + kiln::tensor({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}})).sum().backward();
      Tensor norm = nn::utils::clip_grad_norm_(model->parameters(), 1.0, norm_type);
      nn::utils::clip_grad_value_(model->parameters(), 0.5);
      optimizer.step();
      return std::make_pair(norm, model->weight.grad());
    };
    program.function(name, {{"x", {2, 3}}}, code, {"norm", "gradient"});
  };
  step("euclidean", 2);
  step("sum", 1);
  step("largest", std::numeric_limits<double>::infinity());
  step("cubic", 3);
}
