// Optimizer: what all optimizers share. Parameter groups with options, zero_grad, step.
//
//   optim::Adam optimizer(model->parameters(), 1e-3);
//   program.function("train_step", {{"x", {"batch", 784}}, {"y", {"batch"}, kInt64}}, [&](Tensor x, Tensor y) {
//     optimizer.zero_grad();
//     auto loss = F::cross_entropy(model(x), y);
//     loss.backward();
//     optimizer.step();
//     return loss;
//   });
//
// An optimizer is constructed in the KILN_PROGRAM block and steps inside recorded functions. Its slots and counts of steps become
// state of the program; its learning rates too, so that the host can change them between calls. All other options are compiled
// in.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kiln/autograd.h"
#include "kiln/nn/options.h"
#include "kiln/tensor.h"

namespace kiln {
namespace detail {
struct OptimizerCore;
struct UpdateRule;
} // namespace detail

namespace optim {

/// Options of a parameter group; each optimizer has its own.
class KILN_API OptimizerOptions {
public:
  virtual ~OptimizerOptions() = default;
  virtual std::unique_ptr<OptimizerOptions> clone() const = 0;
  virtual double get_lr() const = 0;
  virtual void set_lr(double lr) = 0;
};

/// Options that clone themselves and have an `lr()`.
template <class Derived> class OptimizerCloneableOptions : public OptimizerOptions {
public:
  std::unique_ptr<OptimizerOptions> clone() const override {
    return std::make_unique<Derived>(static_cast<const Derived &>(*this));
  }
  double get_lr() const override { return static_cast<const Derived &>(*this).lr(); }
  void set_lr(double lr) override { static_cast<Derived &>(*this).lr(lr); }
};

/// Parameters that share options.
class KILN_API OptimizerParamGroup {
public:
  /// A group that takes the optimizer's default options.
  OptimizerParamGroup(std::vector<Tensor> params) : params_(std::move(params)) {}
  OptimizerParamGroup(std::vector<Tensor> params, std::unique_ptr<OptimizerOptions> options)
      : params_(std::move(params)), options_(std::move(options)) {}
  OptimizerParamGroup(const OptimizerParamGroup &other)
      : params_(other.params_), options_(other.options_ ? other.options_->clone() : nullptr) {}
  OptimizerParamGroup &operator=(const OptimizerParamGroup &other) { return *this = OptimizerParamGroup(other); }
  OptimizerParamGroup(OptimizerParamGroup &&) = default;
  OptimizerParamGroup &operator=(OptimizerParamGroup &&) = default;

  bool has_options() const { return options_ != nullptr; }
  /// Throw ValueError before the group has options of its own or has been added to an optimizer.
  OptimizerOptions &options();
  const OptimizerOptions &options() const;
  void set_options(std::unique_ptr<OptimizerOptions> options) { options_ = std::move(options); }
  std::vector<Tensor> &params() { return params_; }
  const std::vector<Tensor> &params() const { return params_; }

private:
  std::vector<Tensor> params_;
  std::unique_ptr<OptimizerOptions> options_;
};

class KILN_API Optimizer {
public:
  using LossClosure = std::function<Tensor()>;

  virtual ~Optimizer();
  Optimizer(const Optimizer &) = delete;
  Optimizer &operator=(const Optimizer &) = delete;

  /// Throws ValueError with PyTorch's text for parameters that another group has, for computed tensors, and for tensors that no
  /// module of the program has registered; and once a recorded function has stepped the optimizer.
  void add_param_group(const OptimizerParamGroup &group);
  std::vector<OptimizerParamGroup> &param_groups();
  const std::vector<OptimizerParamGroup> &param_groups() const;
  /// Options of groups that are added without any.
  OptimizerOptions &defaults();
  const OptimizerOptions &defaults() const;
  /// Number of parameters in all groups.
  std::size_t size() const;

  /// Sets every parameter's .grad to None, or to zeros.
  void zero_grad(bool set_to_none = true);
  /// Updates the parameters whose .grad is not None. A `closure` computes the loss anew and is called first; the step returns
  /// what it returns. Throws ValueError outside of a recorded function.
  virtual Tensor step(LossClosure closure = nullptr);

protected:
  Optimizer(const detail::UpdateRule &rule, std::vector<OptimizerParamGroup> groups, std::unique_ptr<OptimizerOptions> defaults);

private:
  std::shared_ptr<detail::OptimizerCore> core_; // the program keeps it until it is recorded
};

} // namespace optim
} // namespace kiln
