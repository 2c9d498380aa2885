// Initialisation of parameters: torch.nn.init, from the default generator, bit for bit where PyTorch's own is deterministic.
#pragma once

#include <optional>
#include <string>

#include "kiln/tensor.h"

namespace kiln {

/// Which side of a weight a variance is computed for.
enum class FanMode { FanIn, FanOut };
inline constexpr FanMode kFanIn = FanMode::FanIn, kFanOut = FanMode::FanOut;

/// The function after a layer, for its gain.
enum class Nonlinearity {
  Linear,
  Conv1D,
  Conv2D,
  Conv3D,
  ConvTranspose1D,
  ConvTranspose2D,
  ConvTranspose3D,
  Sigmoid,
  Tanh,
  ReLU,
  LeakyReLU,
  SELU,
};
inline constexpr Nonlinearity kLinear = Nonlinearity::Linear, kConv1D = Nonlinearity::Conv1D, kConv2D = Nonlinearity::Conv2D,
                              kConv3D = Nonlinearity::Conv3D, kConvTranspose1D = Nonlinearity::ConvTranspose1D,
                              kConvTranspose2D = Nonlinearity::ConvTranspose2D, kConvTranspose3D = Nonlinearity::ConvTranspose3D,
                              kSigmoid = Nonlinearity::Sigmoid, kTanh = Nonlinearity::Tanh, kReLU = Nonlinearity::ReLU,
                              kLeakyReLU = Nonlinearity::LeakyReLU, kSELU = Nonlinearity::SELU;

namespace nn::init {

/// The recommended gain; `param` is the negative slope of a leaky ReLU (0.01 when not given).
KILN_API double calculate_gain(Nonlinearity nonlinearity, std::optional<double> param = {});

// Each fills `tensor` in place, whatever its requires_grad, and returns it.
KILN_API Tensor uniform_(Tensor tensor, double low = 0, double high = 1);
KILN_API Tensor normal_(Tensor tensor, double mean = 0, double std = 1);
/// A normal distribution cut off at [a, b].
KILN_API Tensor trunc_normal_(Tensor tensor, double mean = 0, double std = 1, double a = -2, double b = 2);
KILN_API Tensor constant_(Tensor tensor, const Scalar &value);
KILN_API Tensor ones_(Tensor tensor);
KILN_API Tensor zeros_(Tensor tensor);
/// The identity. Two dimensions only.
KILN_API Tensor eye_(Tensor tensor);
KILN_API Tensor xavier_uniform_(Tensor tensor, double gain = 1);
KILN_API Tensor xavier_normal_(Tensor tensor, double gain = 1);
KILN_API Tensor kaiming_uniform_(Tensor tensor, double a = 0, FanMode mode = kFanIn, Nonlinearity nonlinearity = kLeakyReLU);
KILN_API Tensor kaiming_normal_(Tensor tensor, double a = 0, FanMode mode = kFanIn, Nonlinearity nonlinearity = kLeakyReLU);
/// A (semi) orthogonal matrix from the QR decomposition of a normal one.
KILN_API Tensor orthogonal_(Tensor tensor, double gain = 1);

} // namespace nn::init
} // namespace kiln
