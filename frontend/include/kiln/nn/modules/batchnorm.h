// Batch normalisation.
#pragma once

#include "kiln/nn/module_holder.h"
#include "kiln/nn/options.h"

namespace kiln::nn {

/// What batch normalisation shares over the number of dimensions.
class KILN_API BatchNormBase : public Module {
public:
  explicit BatchNormBase(const BatchNormOptions &options);

  Tensor forward(const Tensor &input);
  void reset_running_stats();
  void reset_parameters();
  std::string extra_repr() const override;
  int64_t state_dict_version() const override { return 2; } // since num_batches_tracked

  BatchNormOptions options;
  Tensor weight, bias;                                   ///< [num_features]; undefined without affine
  Tensor running_mean, running_var, num_batches_tracked; ///< undefined without track_running_stats

protected:
  /// Throws ValueError with PyTorch's text for a wrong number of dimensions.
  virtual void check_input_dim(const Tensor &input) const = 0;
};

/// Over [N, C] or [N, C, L], channels in dimension 1.
class KILN_API BatchNorm1dImpl : public BatchNormBase {
public:
  using BatchNormBase::BatchNormBase;

protected:
  void check_input_dim(const Tensor &input) const override;
};
KILN_MODULE(BatchNorm1d);

} // namespace kiln::nn
