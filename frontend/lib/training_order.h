// The order of backward, clipping, zero_grad and step in one run of a function.
//
// PyTorch runs these calls in any order and keeps silent; in the wrong one they undo each other. Warned of is what can't be meant:
// gradients that are thrown away before the step that was to use them, a step that never has any, and clipping that sees none of
// the gradients that the step uses. Gradients of earlier calls may be there or not, so they count as there.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "kiln/semantics/program.h"

namespace kiln::detail {

class ProgramRecorder;
struct GradientSlot;

class TrainingOrder {
public:
  explicit TrainingOrder(ProgramRecorder &program) : program_(program) {}

  /// backward has added to the gradient, or the model's code has assigned one.
  void computed(const GradientSlot &slot) { of(slot).computed = ++now_; }
  void zeroed(const GradientSlot &slot);
  /// `function` (clip_grad_norm_) clips these.
  void clipped(const char *function, const std::vector<GradientSlot *> &slots);
  /// An optimizer of this type uses these.
  void stepped(const char *type, const std::vector<GradientSlot *> &slots);

private:
  /// When each was done last; 0 for never.
  struct History {
    int64_t computed = 0, zeroed = 0, clipped = 0, stepped = 0;
    uint64_t zeroed_version = 0; // of the tensor that holds the zeros
    semantics::Frames zeroed_at, clipped_at;
    const char *clipped_by = nullptr;
    bool clipped_early = false; // before this run had computed anything since the last step
  };
  History &of(const GradientSlot &slot) { return histories_[&slot]; }
  bool is_empty(const GradientSlot &slot);

  ProgramRecorder &program_;
  int64_t now_ = 0;
  std::unordered_map<const GradientSlot *, History> histories_;
};

} // namespace kiln::detail
