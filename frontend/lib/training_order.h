// The order of backward, clipping, zero_grad and step in one run of a function.
//
// PyTorch runs these calls in any order and keeps silent; in the wrong one they undo each other. Warned of is what can't be meant:
// gradients that are thrown away before the step that was to use them, a step that comes before the backward that would serve it, and
// clipping that sees none of the gradients that the step uses. Gradients of earlier calls may be there or not, so they count as
// there. A step without gradients is nothing to warn of by itself: one piece of code may update several models, of which a loss
// reaches some.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "kiln/semantics/program.h"

namespace kiln::detail {

class ProgramRecorder;
struct GradientSlot;

class TrainingOrder {
public:
  explicit TrainingOrder(ProgramRecorder &program) : program_(program) {}

  /// backward has added to the gradient.
  void computed(const GradientSlot &slot) { last_backward_ = of(slot).computed = ++now_; }
  /// The model's code has asked for a reference to the gradient, so as to assign or change it.
  void referred(const GradientSlot &slot) { of(slot).referred = ++now_; }
  void zeroed(const GradientSlot &slot);
  /// `function` (clip_grad_norm_) clips these.
  void clipped(const char *function, const std::vector<GradientSlot *> &slots);
  /// An optimizer of this type uses these.
  void stepped(const char *type, const std::vector<GradientSlot *> &slots);
  /// The run is over: warns of calls that came too early for what has followed.
  void finish();

private:
  /// When each was done last; 0 for never.
  struct History {
    int64_t computed = 0, referred = 0, zeroed = 0, clipped = 0, stepped = 0;
    uint64_t zeroed_version = 0; // of the tensor that holds the zeros
    semantics::Frames zeroed_at, clipped_at;
    const char *clipped_by = nullptr;
    bool clipped_early = false; // before this run had computed anything since the last step
    // The last step, or clipping, if it has found no gradients and none have been used since: places in idle_.
    std::optional<std::size_t> idle_step, idle_clipping;
  };
  /// A call that has found no gradients.
  struct Call {
    std::string name; // "step() of SGD"
    semantics::Frames frames;
  };
  History &of(const GradientSlot &slot) { return histories_[&slot]; }
  bool is_empty(const GradientSlot &slot);
  bool are_empty(const std::vector<GradientSlot *> &slots);
  bool are_gone(const std::vector<GradientSlot *> &slots);

  ProgramRecorder &program_;
  int64_t now_ = 0, last_backward_ = 0;
  std::unordered_map<const GradientSlot *, History> histories_;
  std::vector<Call> idle_;
};

} // namespace kiln::detail
