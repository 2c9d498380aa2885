// How a layer of this library runs its forward.
#pragma once

#include "kiln/nn/call.h"

namespace kiln::nn::detail {

/// Runs `compute` as the forward of `module`, so that `layer->forward(x)` is recorded under the layer's path as `layer(x)` is.
template <class Compute> Tensor run_layer(Module &module, const Compute &compute) {
  RunningModule running(module);
  Tensor result = compute();
  running.returned({result});
  return result;
}

} // namespace kiln::nn::detail
