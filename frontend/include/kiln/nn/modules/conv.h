// Convolutions.
#pragma once

#include "kiln/nn/module_holder.h"
#include "kiln/nn/options/conv.h"

namespace kiln::nn {

/// What convolutions share over the number of spatial dimensions.
template <std::size_t D> class KILN_API ConvNdBase : public Module {
public:
  /// Throws ValueError with PyTorch's text for options that do not fit together.
  explicit ConvNdBase(const ConvOptions<D> &options);

  virtual Tensor forward(const Tensor &input);
  /// Draws the parameters anew: Kaiming uniform weight, uniform bias.
  virtual void reset_parameters();
  std::string extra_repr() const override;

  ConvOptions<D> options;
  Tensor weight; ///< [out_channels, in_channels / groups, ...kernel_size]
  Tensor bias;   ///< [out_channels]; undefined without bias

protected:
  /// Leaves weight and bias without a shape.
  explicit ConvNdBase(const LazyConvOptions<D> &options);
  std::vector<int64_t> weight_sizes() const;
};

/// Of [N, C, L] or [C, L].
class KILN_API Conv1dImpl : public ConvNdBase<1> {
public:
  Conv1dImpl(int64_t in_channels, int64_t out_channels, ExpandingArray<1> kernel_size)
      : ConvNdBase(Conv1dOptions(in_channels, out_channels, kernel_size)) {}
  explicit Conv1dImpl(const Conv1dOptions &options) : ConvNdBase(options) {}
};
KILN_MODULE(Conv1d);

/// Of [N, C, H, W] or [C, H, W].
class KILN_API Conv2dImpl : public ConvNdBase<2> {
public:
  Conv2dImpl(int64_t in_channels, int64_t out_channels, ExpandingArray<2> kernel_size)
      : ConvNdBase(Conv2dOptions(in_channels, out_channels, kernel_size)) {}
  explicit Conv2dImpl(const Conv2dOptions &options) : ConvNdBase(options) {}
};
KILN_MODULE(Conv2d);

/// Of [N, C, D, H, W] or [C, D, H, W].
class KILN_API Conv3dImpl : public ConvNdBase<3> {
public:
  Conv3dImpl(int64_t in_channels, int64_t out_channels, ExpandingArray<3> kernel_size)
      : ConvNdBase(Conv3dOptions(in_channels, out_channels, kernel_size)) {}
  explicit Conv3dImpl(const Conv3dOptions &options) : ConvNdBase(options) {}
};
KILN_MODULE(Conv3d);

/// A convolution that learns in_channels from its first input. Afterwards it is an ordinary one, and prints as one.
template <std::size_t D> class KILN_API LazyConvNdBase : public ConvNdBase<D> {
public:
  explicit LazyConvNdBase(const LazyConvOptions<D> &options) : ConvNdBase<D>(options) {}

  Tensor forward(const Tensor &input) override;
  void reset_parameters() override;
  std::string name() const override;

private:
  void initialize_parameters(const Tensor &input);
  bool became_conv_ = false;
};

class KILN_API LazyConv1dImpl : public LazyConvNdBase<1> {
public:
  LazyConv1dImpl(int64_t out_channels, ExpandingArray<1> kernel_size)
      : LazyConvNdBase(LazyConv1dOptions(out_channels, kernel_size)) {}
  explicit LazyConv1dImpl(const LazyConv1dOptions &options) : LazyConvNdBase(options) {}
};
KILN_MODULE(LazyConv1d);

class KILN_API LazyConv2dImpl : public LazyConvNdBase<2> {
public:
  LazyConv2dImpl(int64_t out_channels, ExpandingArray<2> kernel_size)
      : LazyConvNdBase(LazyConv2dOptions(out_channels, kernel_size)) {}
  explicit LazyConv2dImpl(const LazyConv2dOptions &options) : LazyConvNdBase(options) {}
};
KILN_MODULE(LazyConv2d);

class KILN_API LazyConv3dImpl : public LazyConvNdBase<3> {
public:
  LazyConv3dImpl(int64_t out_channels, ExpandingArray<3> kernel_size)
      : LazyConvNdBase(LazyConv3dOptions(out_channels, kernel_size)) {}
  explicit LazyConv3dImpl(const LazyConv3dOptions &options) : LazyConvNdBase(options) {}
};
KILN_MODULE(LazyConv3d);

} // namespace kiln::nn
