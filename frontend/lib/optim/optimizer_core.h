// The inside of an optimizer, which outlives it until the program is recorded.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kiln/optim/optimizer.h"
#include "kiln/semantics/program.h"

namespace kiln::detail {

using OptionList = std::vector<std::pair<std::string, semantics::OptionValue>>;

/// One kind of optimizer: everything that is not the same for all.
struct UpdateRule {
  const char *type;      // PyTorch's class name
  const char *operation; // that updates the parameters of a group: "nn.adam"
  /// What is kept for each parameter, in the order of the operation's operands and results.
  std::vector<std::string> (*slots)(const optim::OptimizerOptions &options);
  /// The operation's attributes but `count` and `indices`.
  semantics::Attributes (*attributes)(const optim::OptimizerOptions &options);
  /// PyTorch's param_groups entry, in its order, without "params" and "lr".
  OptionList (*options)(const optim::OptimizerOptions &options);
  /// Throws for values out of range.
  void (*check)(const optim::OptimizerOptions &options);
};

struct OptimizerCore {
  const UpdateRule *rule = nullptr;
  std::vector<optim::OptimizerParamGroup> groups;
  std::unique_ptr<optim::OptimizerOptions> defaults;
  semantics::Frames frames;     // where it was constructed
  semantics::Frames first_step; // where a function first calls its step()
  /// Options by group at the first recorded step: later ones must find the same.
  std::vector<OptionList> recorded_options;
  bool is_stepped() const { return !recorded_options.empty(); }
};

/// "Invalid learning rate: -1" unless `holds`. Numbers print as in C++.
void check_option(bool holds, const std::string &what, double value);

} // namespace kiln::detail
