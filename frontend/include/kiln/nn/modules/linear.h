// Linear and LazyLinear.
#pragma once

#include "kiln/nn/module_holder.h"
#include "kiln/nn/options.h"

namespace kiln::nn {

/// y = x W^T + b, over the last dimension.
class KILN_API LinearImpl : public Module {
public:
  LinearImpl(int64_t in_features, int64_t out_features) : LinearImpl(LinearOptions(in_features, out_features)) {}
  explicit LinearImpl(const LinearOptions &options);

  virtual Tensor forward(const Tensor &input);
  /// Draws the parameters anew: Kaiming uniform weight, uniform bias.
  virtual void reset_parameters();
  std::string extra_repr() const override;

  LinearOptions options;
  Tensor weight; ///< [out_features, in_features]
  Tensor bias;   ///< [out_features]; undefined without bias

protected:
  /// Leaves weight and bias without a shape.
  explicit LinearImpl(const LazyLinearOptions &options);
};
KILN_MODULE(Linear);

/// A Linear that learns in_features from its first input. Afterwards it is an ordinary Linear, and prints as one.
class KILN_API LazyLinearImpl : public LinearImpl {
public:
  explicit LazyLinearImpl(int64_t out_features) : LazyLinearImpl(LazyLinearOptions(out_features)) {}
  explicit LazyLinearImpl(const LazyLinearOptions &options) : LinearImpl(options) {}

  Tensor forward(const Tensor &input) override;
  void reset_parameters() override;
  std::string name() const override;

private:
  void initialize_parameters(const Tensor &input);
  bool became_linear_ = false;
};
KILN_MODULE(LazyLinear);

} // namespace kiln::nn
