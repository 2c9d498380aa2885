// Modules that change no number: Identity, Flatten, Unflatten; and Functional, a function as a module.
#pragma once

#include <functional>

#include "kiln/nn/module_holder.h"
#include "kiln/nn/options.h"

namespace kiln::nn {

/// Returns its input. Takes and ignores any arguments, as in PyTorch.
class KILN_API IdentityImpl : public Module {
public:
  IdentityImpl() = default;
  template <class... Args> explicit IdentityImpl(const Args &...) {}
  Tensor forward(const Tensor &input);
};
KILN_MODULE(Identity);

class KILN_API FlattenImpl : public Module {
public:
  explicit FlattenImpl(const FlattenOptions &options = {}) : options(options) {}
  FlattenImpl(int64_t start_dim, int64_t end_dim = -1) : options(FlattenOptions().start_dim(start_dim).end_dim(end_dim)) {}
  Tensor forward(const Tensor &input);
  std::string extra_repr() const override;

  FlattenOptions options;
};
KILN_MODULE(Flatten);

class KILN_API UnflattenImpl : public Module {
public:
  UnflattenImpl(int64_t dim, std::vector<int64_t> sizes) : UnflattenImpl(UnflattenOptions(dim, std::move(sizes))) {}
  explicit UnflattenImpl(const UnflattenOptions &options) : options(options) {}
  Tensor forward(const Tensor &input);
  std::string extra_repr() const override;

  UnflattenOptions options;
};
KILN_MODULE(Unflatten);

/// A function of one tensor as a module: `nn::Functional(kiln::relu)`, or with more arguments bound behind the tensor.
class KILN_API FunctionalImpl : public Module {
public:
  using Function = std::function<Tensor(Tensor)>;
  explicit FunctionalImpl(Function function) : function_(std::move(function)) {}
  template <class F, class... Args, std::enable_if_t<(sizeof...(Args) > 0), int> = 0>
  explicit FunctionalImpl(F function, Args... args)
      : function_([function, args...](Tensor input) { return function(input, args...); }) {}
  Tensor forward(Tensor input);

private:
  Function function_;
};
KILN_MODULE(Functional);

} // namespace kiln::nn
