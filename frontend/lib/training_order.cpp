// Warnings about backward, clipping, zero_grad and step in an order that can't be meant.
#include "training_order.h"

#include <algorithm>
#include <set>

#include "autograd.h"
#include "frames.h"
#include "program_recorder.h"

namespace kiln::detail {

namespace {
constexpr const char *kClipping = "; call it between backward() and step()";
constexpr const char *kNoGradients = " has no gradients to use: ";

uint64_t version_of(const GradientSlot &slot) {
  const TensorImplPtr tensor = TensorAccess::impl(slot.tensor);
  return tensor && tensor->symbolic ? tensor->symbolic->storage->version : 0;
}
} // namespace

void TrainingOrder::zeroed(const GradientSlot &slot) {
  History &history = of(slot);
  history.zeroed = ++now_;
  history.zeroed_version = version_of(slot);
  history.zeroed_at = capture_frames();
}

// None or zeros, as zero_grad has left it.
bool TrainingOrder::is_empty(const GradientSlot &slot) {
  const History &history = of(slot);
  return slot.is_none() ||
         (history.zeroed > std::max(history.computed, history.referred) && version_of(slot) == history.zeroed_version);
}

bool TrainingOrder::are_empty(const std::vector<GradientSlot *> &slots) {
  return std::all_of(slots.begin(), slots.end(), [&](const GradientSlot *slot) { return is_empty(*slot); });
}

// Whether backward has computed some of these, and none of anything since they were used or thrown away.
bool TrainingOrder::are_gone(const std::vector<GradientSlot *> &slots) {
  return std::any_of(slots.begin(), slots.end(), [&](const GradientSlot *slot) {
    const History &history = of(*slot);
    return history.computed && last_backward_ < std::max({history.stepped, history.zeroed, history.referred});
  });
}

void TrainingOrder::clipped(const char *function, const std::vector<GradientSlot *> &slots) {
  if (slots.empty())
    return;
  const std::string name = std::string(function) + "()";
  const bool finds_none = are_empty(slots), gone = finds_none && are_gone(slots);
  if (gone)
    program_.warn(name + " finds no gradients to clip" + kClipping, nullptr);
  else if (!finds_none && std::all_of(slots.begin(), slots.end(), [&](const GradientSlot *slot) {
             const History &history = of(*slot);
             return is_empty(*slot) || history.stepped > std::max({history.computed, history.referred, history.zeroed});
           }))
    program_.warn(name + " is called after step(), which has used the gradients already" + kClipping, nullptr);
  ++now_;
  const semantics::Frames here = capture_frames();
  std::optional<std::size_t> idle;
  if (finds_none && !gone) {
    idle = idle_.size();
    idle_.push_back({name, here});
  }
  for (const GradientSlot *slot : slots) {
    History &history = of(*slot);
    history.clipped_early = (idle || !is_empty(*slot)) &&
                            std::max(history.computed, history.referred) <= std::max(history.stepped, history.zeroed);
    history.idle_clipping = idle;
    history.clipped = now_;
    history.clipped_at = here;
    history.clipped_by = function;
  }
}

void TrainingOrder::stepped(const char *type, const std::vector<GradientSlot *> &slots) {
  if (slots.empty())
    return;
  const std::string step = std::string("step() of ") + type;
  const GradientSlot *discarded = nullptr, *clipped_early = nullptr;
  bool any_clipped = false;
  for (const GradientSlot *slot : slots) {
    const History &history = of(*slot);
    if (!is_empty(*slot)) {
      const bool is_clipped = history.clipped > history.computed || !history.clipped_early;
      any_clipped = any_clipped || (history.clipped > history.stepped && is_clipped);
      if (history.clipped > history.stepped && !is_clipped && !clipped_early)
        clipped_early = slot;
    } else if (history.computed > history.stepped && history.zeroed > history.computed && !discarded) {
      discarded = slot;
    }
  }
  std::optional<std::size_t> idle;
  if (!are_empty(slots)) {
    if (clipped_early && !any_clipped)
      program_.warn(std::string(of(*clipped_early).clipped_by) + "() is called before backward(), so " + step +
                        " uses gradients that are not clipped" + kClipping,
                    nullptr, of(*clipped_early).clipped_at);
  } else if (discarded) {
    program_.warn("zero_grad() discards what backward() has computed before " + step +
                      " uses it; call zero_grad() before backward(), or after step()",
                  nullptr, of(*discarded).zeroed_at);
  } else if (are_gone(slots)) {
    program_.warn(step + kNoGradients + "those that backward() has computed are used or thrown away already; call backward() before it",
                  nullptr);
  } else {
    idle = idle_.size();
    idle_.push_back({step, capture_frames()});
  }
  ++now_;
  for (const GradientSlot *slot : slots) {
    History &history = of(*slot);
    history.stepped = now_;
    history.idle_step = idle;
    if (!idle)
      history.idle_clipping.reset(); // what there was to be said of it has been said
  }
}

void TrainingOrder::finish() {
  std::set<std::size_t> early_steps, early_clippings, without_backward;
  for (const auto &[slot, history] : histories_) {
    if (history.idle_step && history.computed > history.stepped)
      early_steps.insert(*history.idle_step);
    else if (history.idle_step && !last_backward_ && history.zeroed)
      without_backward.insert(*history.idle_step);
    if (history.idle_clipping && history.computed > std::max(history.clipped, history.stepped))
      early_clippings.insert(*history.idle_clipping);
  }
  for (std::size_t call : early_steps)
    program_.warn(idle_[call].name + kNoGradients + "backward() computes them only later; call it after backward()", nullptr,
                  idle_[call].frames);
  for (std::size_t call : early_clippings)
    program_.warn(idle_[call].name + " finds no gradients to clip" + kClipping, nullptr, idle_[call].frames);
  // Where no function calls backward(), there is more to be said than this (training_report.cpp).
  for (std::size_t call : without_backward)
    program_.warn_if_differentiated(idle_[call].name + kNoGradients +
                                        "zero_grad() has discarded those of earlier calls, and this function calls no backward(); "
                                        "call zero_grad() after step()",
                                    idle_[call].frames);
}

} // namespace kiln::detail
