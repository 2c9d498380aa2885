// RunningMeanLayer(4): a learnable scale (a parameter) and a frozen statistic (a buffer).
#include <kiln/kiln.h>

using kiln::Tensor;
namespace nn = kiln::nn;

struct RunningMeanLayerImpl : nn::Module {
  explicit RunningMeanLayerImpl(int64_t dim) {
    scale = register_parameter("scale", kiln::ones({dim}));
    running_mean = register_buffer("running_mean", kiln::zeros({dim}));
  }

  Tensor forward(Tensor x) { return scale * (x - running_mean); }

  Tensor scale, running_mean;
};
KILN_MODULE(RunningMeanLayer);

KILN_PROGRAM(running_mean_layer) {
  RunningMeanLayer model(4);
  program.function("predict", {{"x", {"batch", 4}}}, [&](Tensor x) {
    model->eval();
    return model(x);
  });
}
