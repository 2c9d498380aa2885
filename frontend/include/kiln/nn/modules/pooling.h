// Pooling.
#pragma once

#include <tuple>

#include "kiln/nn/module_holder.h"
#include "kiln/nn/options/pooling.h"

namespace kiln::nn {

//===----------------------------------------------------------------------===//
// Maxima
//===----------------------------------------------------------------------===//

/// The maximum of each window, over D spatial dimensions.
template <std::size_t D> class KILN_API MaxPoolNdBase : public Module {
public:
  explicit MaxPoolNdBase(const MaxPoolOptions<D> &options) : options(options) {}
  Tensor forward(const Tensor &input);
  /// The maxima, and where each is: its offset in the spatial dimensions of the input.
  std::tuple<Tensor, Tensor> forward_with_indices(const Tensor &input);
  std::string extra_repr() const override;

  MaxPoolOptions<D> options;
};

class KILN_API MaxPool1dImpl : public MaxPoolNdBase<1> {
public:
  MaxPool1dImpl(ExpandingArray<1> kernel_size) : MaxPoolNdBase(MaxPool1dOptions(kernel_size)) {}
  explicit MaxPool1dImpl(const MaxPool1dOptions &options) : MaxPoolNdBase(options) {}
};
KILN_MODULE(MaxPool1d);

class KILN_API MaxPool2dImpl : public MaxPoolNdBase<2> {
public:
  MaxPool2dImpl(ExpandingArray<2> kernel_size) : MaxPoolNdBase(MaxPool2dOptions(kernel_size)) {}
  explicit MaxPool2dImpl(const MaxPool2dOptions &options) : MaxPoolNdBase(options) {}
};
KILN_MODULE(MaxPool2d);

class KILN_API MaxPool3dImpl : public MaxPoolNdBase<3> {
public:
  MaxPool3dImpl(ExpandingArray<3> kernel_size) : MaxPoolNdBase(MaxPool3dOptions(kernel_size)) {}
  explicit MaxPool3dImpl(const MaxPool3dOptions &options) : MaxPoolNdBase(options) {}
};
KILN_MODULE(MaxPool3d);

//===----------------------------------------------------------------------===//
// Averages
//===----------------------------------------------------------------------===//

/// The average of each window, over D spatial dimensions.
template <std::size_t D> class KILN_API AvgPoolNdBase : public Module {
public:
  explicit AvgPoolNdBase(const AvgPoolOptions<D> &options) : options(options) {}
  Tensor forward(const Tensor &input);
  std::string extra_repr() const override;

  AvgPoolOptions<D> options;
};

class KILN_API AvgPool1dImpl : public AvgPoolNdBase<1> {
public:
  AvgPool1dImpl(ExpandingArray<1> kernel_size) : AvgPoolNdBase(AvgPool1dOptions(kernel_size)) {}
  explicit AvgPool1dImpl(const AvgPool1dOptions &options) : AvgPoolNdBase(options) {}
};
KILN_MODULE(AvgPool1d);

class KILN_API AvgPool2dImpl : public AvgPoolNdBase<2> {
public:
  AvgPool2dImpl(ExpandingArray<2> kernel_size) : AvgPoolNdBase(AvgPool2dOptions(kernel_size)) {}
  explicit AvgPool2dImpl(const AvgPool2dOptions &options) : AvgPoolNdBase(options) {}
};
KILN_MODULE(AvgPool2d);

class KILN_API AvgPool3dImpl : public AvgPoolNdBase<3> {
public:
  AvgPool3dImpl(ExpandingArray<3> kernel_size) : AvgPoolNdBase(AvgPool3dOptions(kernel_size)) {}
  explicit AvgPool3dImpl(const AvgPool3dOptions &options) : AvgPoolNdBase(options) {}
};
KILN_MODULE(AvgPool3d);

/// Averages of as many windows as asked for, whatever the input's size.
template <std::size_t D> class KILN_API AdaptiveAvgPoolNdBase : public Module {
public:
  explicit AdaptiveAvgPoolNdBase(const AdaptiveAvgPoolOptions<D> &options) : options(options) {}
  Tensor forward(const Tensor &input);
  std::string extra_repr() const override;

  AdaptiveAvgPoolOptions<D> options;
};

class KILN_API AdaptiveAvgPool1dImpl : public AdaptiveAvgPoolNdBase<1> {
public:
  AdaptiveAvgPool1dImpl(ExpandingArrayWithOptionalElem<1> output_size)
      : AdaptiveAvgPoolNdBase(AdaptiveAvgPool1dOptions(output_size)) {}
  explicit AdaptiveAvgPool1dImpl(const AdaptiveAvgPool1dOptions &options) : AdaptiveAvgPoolNdBase(options) {}
};
KILN_MODULE(AdaptiveAvgPool1d);

class KILN_API AdaptiveAvgPool2dImpl : public AdaptiveAvgPoolNdBase<2> {
public:
  AdaptiveAvgPool2dImpl(ExpandingArrayWithOptionalElem<2> output_size)
      : AdaptiveAvgPoolNdBase(AdaptiveAvgPool2dOptions(output_size)) {}
  explicit AdaptiveAvgPool2dImpl(const AdaptiveAvgPool2dOptions &options) : AdaptiveAvgPoolNdBase(options) {}
};
KILN_MODULE(AdaptiveAvgPool2d);

class KILN_API AdaptiveAvgPool3dImpl : public AdaptiveAvgPoolNdBase<3> {
public:
  AdaptiveAvgPool3dImpl(ExpandingArrayWithOptionalElem<3> output_size)
      : AdaptiveAvgPoolNdBase(AdaptiveAvgPool3dOptions(output_size)) {}
  explicit AdaptiveAvgPool3dImpl(const AdaptiveAvgPool3dOptions &options) : AdaptiveAvgPoolNdBase(options) {}
};
KILN_MODULE(AdaptiveAvgPool3d);

} // namespace kiln::nn
