// OptionalBiasLinear(3, 2, bias=false): the place named "bias" exists, with no parameter registered in it.
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;
namespace F = kiln::nn::functional;

struct OptionalBiasLinearImpl : nn::Module {
  OptionalBiasLinearImpl(int64_t in_features, int64_t out_features, bool use_bias = true) {
    weight = register_parameter("weight", kiln::randn({out_features, in_features}));
    bias = register_parameter("bias", use_bias ? kiln::randn({out_features}) : Tensor());
  }

  Tensor forward(Tensor x) { return F::linear(x, weight, bias); }

  Tensor weight, bias;
};
KILN_MODULE(OptionalBiasLinear);

KILN_PROGRAM(optional_bias_linear) {
  OptionalBiasLinear model(3, 2, /*use_bias=*/false);
  program.function("predict", {{"x", {"batch", 3}}}, [&](Tensor x) {
    model->eval();
    return model(x);
  });
}
