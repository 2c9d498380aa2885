// Batch normalisation, and its lazy forms.
#pragma once

#include "kiln/nn/module_holder.h"
#include "kiln/nn/options.h"

namespace kiln::nn {

/// What batch normalisation shares over the number of dimensions.
class KILN_API BatchNormBase : public Module {
public:
  explicit BatchNormBase(const BatchNormOptions &options);

  virtual Tensor forward(const Tensor &input);
  void reset_running_stats();
  virtual void reset_parameters();
  std::string extra_repr() const override;
  int64_t state_dict_version() const override { return 2; } // since num_batches_tracked

  BatchNormOptions options;
  Tensor weight, bias;                                   ///< [num_features]; undefined without affine
  Tensor running_mean, running_var, num_batches_tracked; ///< undefined without track_running_stats

protected:
  struct Lazy {};
  /// Leaves parameters and statistics without a shape.
  BatchNormBase(const BatchNormOptions &options, Lazy);
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

/// Over [N, C, H, W].
class KILN_API BatchNorm2dImpl : public BatchNormBase {
public:
  using BatchNormBase::BatchNormBase;

protected:
  void check_input_dim(const Tensor &input) const override;
};
KILN_MODULE(BatchNorm2d);

/// Over [N, C, D, H, W].
class KILN_API BatchNorm3dImpl : public BatchNormBase {
public:
  using BatchNormBase::BatchNormBase;

protected:
  void check_input_dim(const Tensor &input) const override;
};
KILN_MODULE(BatchNorm3d);

/// A batch normalisation (one of the above) that learns num_features from its first input. Afterwards it is an ordinary one, and
/// prints as one. The options' num_features is not used.
template <class Ordinary> class KILN_API LazyBatchNormBase : public Ordinary {
public:
  explicit LazyBatchNormBase(const BatchNormOptions &options = BatchNormOptions(0))
      : Ordinary(BatchNormOptions(options).num_features(0), typename Ordinary::Lazy()) {}

  Tensor forward(const Tensor &input) override;
  void reset_parameters() override;
  std::string name() const override;

private:
  void initialize_parameters(const Tensor &input);
  bool became_ordinary_ = false;
};

class KILN_API LazyBatchNorm1dImpl : public LazyBatchNormBase<BatchNorm1dImpl> {
public:
  using LazyBatchNormBase::LazyBatchNormBase;
};
KILN_MODULE(LazyBatchNorm1d);

class KILN_API LazyBatchNorm2dImpl : public LazyBatchNormBase<BatchNorm2dImpl> {
public:
  using LazyBatchNormBase::LazyBatchNormBase;
};
KILN_MODULE(LazyBatchNorm2d);

class KILN_API LazyBatchNorm3dImpl : public LazyBatchNormBase<BatchNorm3dImpl> {
public:
  using LazyBatchNormBase::LazyBatchNormBase;
};
KILN_MODULE(LazyBatchNorm3d);

} // namespace kiln::nn
