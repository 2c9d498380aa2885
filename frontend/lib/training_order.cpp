// Warnings about backward, clipping, zero_grad and step in an order that can't be meant.
#include "training_order.h"

#include <algorithm>
#include <map>

#include "autograd.h"
#include "frames.h"
#include "program_recorder.h"

namespace kiln::detail {

namespace {
constexpr const char *kClipping = "; call it between backward() and step()";
constexpr const char *kClippingAssigned = "; call it between their assignment and step()";
constexpr const char *kNoGradients = " has no gradients to use: ";

uint64_t version_of(const GradientSlot &slot) {
  const TensorImplPtr tensor = TensorAccess::impl(slot.tensor);
  return tensor && tensor->symbolic ? tensor->symbolic->storage->version : 0;
}
} // namespace

//===----------------------------------------------------------------------===//
// What is there
//===----------------------------------------------------------------------===//

void TrainingOrder::computed(const GradientSlot &slot) {
  History &history = of(slot);
  last_gradient_ = history.computed = ++now_;
  history.backward = backward_;
}

void TrainingOrder::handed_out(const GradientSlot &slot) {
  of(slot).handed_out = ++now_;
  unsettled_.push_back(&slot);
}

// Takes what has been handed out for assigned where there is a gradient now: undefined may have been assigned too.
void TrainingOrder::settle() {
  for (const GradientSlot *slot : unsettled_)
    if (!is_empty(*slot)) {
      History &history = of(*slot);
      history.assigned = history.handed_out;
      last_gradient_ = std::max(last_gradient_, history.assigned);
    }
  unsettled_.clear();
}

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
         (history.zeroed > std::max(history.computed, history.handed_out) && version_of(slot) == history.zeroed_version);
}

bool TrainingOrder::are_empty(const std::vector<GradientSlot *> &slots) {
  return std::all_of(slots.begin(), slots.end(), [&](const GradientSlot *slot) { return is_empty(*slot); });
}

// Whether backward has computed some of these, and there is no new gradient of anything since they were used or thrown away.
bool TrainingOrder::are_gone(const std::vector<GradientSlot *> &slots) {
  return std::any_of(slots.begin(), slots.end(), [&](const GradientSlot *slot) {
    const History &history = of(*slot);
    return history.computed && last_gradient_ < std::max({history.stepped, history.zeroed, history.handed_out});
  });
}

// The calls of backward whose gradients of these are no more, and no step has used them.
std::set<int64_t> TrainingOrder::thrown_away(const std::vector<GradientSlot *> &slots) {
  std::set<int64_t> backwards;
  for (const GradientSlot *slot : slots)
    if (const History &history = of(*slot); history.computed > history.stepped && is_empty(*slot))
      backwards.insert(history.backward);
  return backwards;
}

std::size_t TrainingOrder::add_idle(const std::string &name, const std::vector<GradientSlot *> &slots) {
  const bool after_zeroing = std::any_of(slots.begin(), slots.end(), [&](const GradientSlot *slot) {
    const History &history = of(*slot);
    return history.zeroed > history.handed_out;
  });
  idle_.push_back({name, capture_frames(), last_gradient_ == 0, after_zeroing});
  return idle_.size() - 1;
}

//===----------------------------------------------------------------------===//
// Clipping and steps
//===----------------------------------------------------------------------===//

void TrainingOrder::clipped(const char *function, const std::vector<GradientSlot *> &slots) {
  if (slots.empty())
    return;
  settle();
  const std::string name = std::string(function) + "()";
  const semantics::Frames here = capture_frames();
  const bool finds_none = are_empty(slots), gone = finds_none && are_gone(slots);
  if (gone)
    doubts_.push_back({name + " finds no gradients to clip" + kClipping, here, thrown_away(slots)});
  else if (!finds_none && std::all_of(slots.begin(), slots.end(), [&](const GradientSlot *slot) {
             const History &history = of(*slot);
             return is_empty(*slot) || history.stepped > std::max({history.computed, history.handed_out, history.zeroed});
           }))
    program_.warn(name + " is called after step(), which has used the gradients already" + kClipping, nullptr);
  ++now_;
  std::optional<std::size_t> idle;
  if (finds_none && !gone)
    idle = add_idle(name, slots);
  for (const GradientSlot *slot : slots) {
    History &history = of(*slot);
    history.clipped_early =
        (idle || !is_empty(*slot)) && std::max(history.computed, history.assigned) <= std::max(history.stepped, history.zeroed);
    history.idle_clipping = idle;
    history.clipped = now_;
    history.clipped_at = here;
    history.clipped_by = function;
  }
}

void TrainingOrder::stepped(const char *type, const std::vector<GradientSlot *> &slots) {
  if (slots.empty())
    return;
  settle();
  const std::string step = std::string("step() of ") + type;
  const GradientSlot *discarded = nullptr, *clipped_early = nullptr;
  bool any_clipped = false;
  for (const GradientSlot *slot : slots) {
    const History &history = of(*slot);
    if (!is_empty(*slot)) {
      if (history.computed)
        used_.insert(history.backward);
      // What is assigned after clipping may be what was clipped, scaled: not where there was nothing to clip.
      const bool is_replaced = history.idle_clipping && history.assigned > history.clipped;
      const bool is_clipped = !is_replaced && (history.clipped > history.computed || !history.clipped_early);
      any_clipped = any_clipped || (history.clipped > history.stepped && is_clipped);
      if (history.clipped > history.stepped && !is_clipped && !clipped_early)
        clipped_early = slot;
    } else if (history.computed > history.stepped && history.zeroed > history.computed && !discarded) {
      discarded = slot;
    }
  }
  std::optional<std::size_t> idle;
  if (!are_empty(slots)) {
    if (clipped_early && !any_clipped) {
      const History &history = of(*clipped_early);
      const bool is_computed = history.computed > history.clipped;
      program_.warn(std::string(history.clipped_by) + "() is called before " +
                        (is_computed ? "backward()" : "gradients are assigned") + ", so " + step +
                        " uses gradients that are not clipped" + (is_computed ? kClipping : kClippingAssigned),
                    nullptr, history.clipped_at);
    }
  } else if (discarded) {
    doubts_.push_back({"zero_grad() discards what backward() has computed before " + step +
                           " uses it; call zero_grad() before backward(), or after step()",
                       of(*discarded).zeroed_at, thrown_away(slots)});
  } else if (are_gone(slots)) {
    doubts_.push_back(
        {step + kNoGradients + "those that backward() has computed are used or thrown away already; call backward() before it",
         capture_frames(), thrown_away(slots)});
  } else {
    idle = add_idle(step, slots);
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

//===----------------------------------------------------------------------===//
// The end
//===----------------------------------------------------------------------===//

void TrainingOrder::finish() {
  settle();
  // Of calls in idle_: those for which gradients came too late, and whether it was backward that computed them.
  std::map<std::size_t, bool> early_steps, early_clippings;
  std::set<std::size_t> without_backward;
  const auto add_early = [&](std::map<std::size_t, bool> &calls, std::size_t call, const History &history, int64_t after) {
    // What is assigned after the gradients of others may be no more than zeros for the next call.
    const bool is_computed = history.computed > after;
    if (is_computed || (history.assigned > after && idle_[call].is_first))
      calls[call] |= is_computed;
  };
  for (const auto &[slot, history] : histories_) {
    if (history.idle_step) {
      add_early(early_steps, *history.idle_step, history, history.stepped);
      if (!last_gradient_ && idle_[*history.idle_step].after_zeroing)
        without_backward.insert(*history.idle_step);
    }
    if (history.idle_clipping)
      add_early(early_clippings, *history.idle_clipping, history, std::max(history.clipped, history.stepped));
  }
  for (const Doubt &doubt : doubts_)
    if (!std::includes(used_.begin(), used_.end(), doubt.backwards.begin(), doubt.backwards.end()) || doubt.backwards.empty())
      program_.warn(doubt.message, nullptr, doubt.frames);
  for (const auto &[call, is_computed] : early_steps)
    program_.warn(idle_[call].name + kNoGradients +
                      (is_computed ? "backward() computes them only later; call it after backward()"
                                   : "they are assigned only later; call it after their assignment"),
                  nullptr, idle_[call].frames);
  for (const auto &[call, is_computed] : early_clippings)
    program_.warn(idle_[call].name + " finds no gradients to clip" + (is_computed ? kClipping : kClippingAssigned), nullptr,
                  idle_[call].frames);
  // Where no function calls backward(), there is more to be said than this (training_report.cpp).
  for (std::size_t call : without_backward)
    program_.warn_if_differentiated(idle_[call].name + kNoGradients +
                                        "zero_grad() has discarded those of earlier calls, and this function calls no backward(); "
                                        "call zero_grad() after step()",
                                    idle_[call].frames);
}

} // namespace kiln::detail
