// Recording one step of an optimizer.
#pragma once

#include <memory>
#include <vector>

#include "../recorder.h"
#include "optimizer_core.h"

namespace kiln::detail {

/// Records the update of all parameters that have a gradient: one operation a group, with the optimizer's slots, counts of steps
/// and learning rate read from state and written back. Whether a gradient that an earlier call left is None is known only at run
/// time; then everything is computed, and kept where it is not None.
class OptimizerStep {
public:
  OptimizerStep(Recorder &recorder, std::shared_ptr<OptimizerCore> core) : recorder_(recorder), core_(std::move(core)) {}
  void record();

private:
  /// A parameter that is updated, or may be.
  struct Member {
    std::shared_ptr<ViewNode> node;
    int32_t state;                                // index of the parameter's state
    int64_t position;                             // among all parameters of the optimizer
    semantics::ValueId gradient;                  // its value
    semantics::ValueId flag = semantics::kAbsent; // whether it is not None; absent: known not to be
  };

  void check_options();
  void check_order();
  std::vector<Member> members(const optim::OptimizerParamGroup &group, int64_t first_position);
  semantics::ValueId counted_steps(const std::vector<std::vector<Member>> &groups, int64_t parameters);
  void update(std::size_t group, const std::vector<Member> &members, semantics::ValueId steps);
  semantics::ValueId emit(const std::string &operation, std::vector<semantics::ValueId> operands,
                          semantics::Attributes attributes);

  Recorder &recorder_;
  std::shared_ptr<OptimizerCore> core_;
  int32_t optimizer_ = -1; // index in the program
};

} // namespace kiln::detail
