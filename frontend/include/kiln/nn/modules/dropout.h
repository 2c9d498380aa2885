// Dropout.
#pragma once

#include "kiln/nn/module_holder.h"
#include "kiln/nn/options.h"

namespace kiln::nn {

/// Zeroes elements at random while training; returns its input itself in evaluation.
class KILN_API DropoutImpl : public Module {
public:
  /// Throws ValueError unless 0 <= p <= 1.
  explicit DropoutImpl(double p) : DropoutImpl(DropoutOptions(p)) {}
  explicit DropoutImpl(const DropoutOptions &options = {});
  Tensor forward(Tensor input);
  std::string extra_repr() const override;

  DropoutOptions options;
};
KILN_MODULE(Dropout);

} // namespace kiln::nn
