// The order of backward, clipping, zero_grad and step in one run of a function.
//
// PyTorch runs these calls in any order and keeps silent; in the wrong one they undo each other. Warned of is what can't be
// meant: gradients that are thrown away before the step that was to use them, a step that comes before the backward that would
// serve it, and clipping that sees none of the gradients that the step uses. Gradients of earlier calls may be there or not, so
// they count as there. A step without gradients is nothing to warn of by itself: one piece of code may update several models, of
// which a loss reaches some. Nor is it that gradients are thrown away, where others of the same backward serve a step: a
// generator's loss leaves gradients in the discriminator that nobody wants.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
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

  /// A call of backward, of which `computed` tells.
  void begin_backward() { ++backward_; }
  /// backward has added to the gradient.
  void computed(const GradientSlot &slot);
  /// The model's code has got a reference to the gradient, and may assign or change it: settle() looks at what has become of it.
  void handed_out(const GradientSlot &slot);
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
    int64_t computed = 0, handed_out = 0, zeroed = 0, clipped = 0, stepped = 0;
    int64_t assigned = 0;        // when it was handed out and a gradient was found in it afterwards
    int64_t backward = 0;        // the call that has computed it
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
    bool is_first;      // there have been no gradients of anything yet
    bool after_zeroing; // it is zero_grad() that has left none
  };
  /// What is to be said unless each of these calls of backward has served a step.
  struct Doubt {
    std::string message;
    semantics::Frames frames;
    std::set<int64_t> backwards;
  };
  History &of(const GradientSlot &slot) { return histories_[&slot]; }
  bool is_empty(const GradientSlot &slot);
  bool are_empty(const std::vector<GradientSlot *> &slots);
  bool are_gone(const std::vector<GradientSlot *> &slots);
  std::set<int64_t> thrown_away(const std::vector<GradientSlot *> &slots);
  std::size_t add_idle(const std::string &name, const std::vector<GradientSlot *> &slots);
  void settle();

  ProgramRecorder &program_;
  int64_t now_ = 0, backward_ = 0;
  int64_t last_gradient_ = 0; // computed or assigned, of anything
  std::unordered_map<const GradientSlot *, History> histories_;
  std::vector<const GradientSlot *> unsettled_; // handed out
  std::vector<Call> idle_;
  std::vector<Doubt> doubts_;
  std::set<int64_t> used_; // calls of backward
};

} // namespace kiln::detail
