// Layers as plain functions: what a layer's forward calls, with the parameters as arguments.
//
// `namespace F = kiln::nn::functional;`. A layer and its functional form record the same operations.
#pragma once

#include "kiln/nn/functional/conv.h"
#include "kiln/nn/functional/loss.h"
#include "kiln/nn/functional/pooling.h"
#include "kiln/nn/options.h"
#include "kiln/tensor.h"

namespace kiln::nn::functional {

inline Tensor linear(const Tensor &input, const Tensor &weight, const Tensor &bias = {}) {
  return kiln::linear(input, weight, bias);
}

KILN_API Tensor relu(Tensor input, const ReLUFuncOptions &options = {});
inline Tensor relu(Tensor input, bool inplace) { return relu(std::move(input), ReLUFuncOptions(inplace)); }
inline Tensor sigmoid(const Tensor &input) { return input.sigmoid(); }
inline Tensor tanh(const Tensor &input) { return input.tanh(); }

/// Probabilities over one dimension, and their logarithms: F::softmax(x, 1), F::softmax(x, F::SoftmaxFuncOptions(1).dtype(kFloat64)).
inline Tensor softmax(const Tensor &input, const SoftmaxFuncOptions &options) {
  return input.softmax(options.dim(), options.dtype());
}
inline Tensor log_softmax(const Tensor &input, const LogSoftmaxFuncOptions &options) {
  return input.log_softmax(options.dim(), options.dtype());
}

/// Throws ValueError unless 0 <= p <= 1.
KILN_API Tensor dropout(Tensor input, const DropoutFuncOptions &options = {});

/// Normalises over all dimensions but 1. In training with running statistics given, writes them.
KILN_API Tensor batch_norm(const Tensor &input, const Tensor &running_mean, const Tensor &running_var,
                           const BatchNormFuncOptions &options = {});

KILN_API Tensor embedding(const Tensor &input, const Tensor &weight, const EmbeddingFuncOptions &options = {});

inline Tensor flatten(const Tensor &input, int64_t start_dim = 0, int64_t end_dim = -1) {
  return input.flatten(start_dim, end_dim);
}
inline Tensor unflatten(const Tensor &input, int64_t dim, IntArrayRef sizes) { return input.unflatten(dim, sizes); }

} // namespace kiln::nn::functional
