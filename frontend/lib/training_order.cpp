// Warnings about backward, clipping, zero_grad and step in an order that can't be meant.
#include "training_order.h"

#include <algorithm>

#include "autograd.h"
#include "frames.h"
#include "program_recorder.h"

namespace kiln::detail {

namespace {
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
  return slot.is_none() || (history.zeroed > history.computed && version_of(slot) == history.zeroed_version);
}

void TrainingOrder::clipped(const char *function, const std::vector<GradientSlot *> &slots) {
  if (slots.empty())
    return;
  const std::string name = std::string(function) + "()", advice = "; call it between backward() and step()";
  if (std::all_of(slots.begin(), slots.end(), [&](const GradientSlot *slot) { return is_empty(*slot); }))
    program_.warn(name + " finds no gradients to clip" + advice, nullptr);
  else if (std::all_of(slots.begin(), slots.end(), [&](const GradientSlot *slot) {
             const History &history = of(*slot);
             return is_empty(*slot) || history.stepped > std::max(history.computed, history.zeroed);
           }))
    program_.warn(name + " is called after step(), which has used the gradients already" + advice, nullptr);
  ++now_;
  const semantics::Frames here = capture_frames();
  for (const GradientSlot *slot : slots) {
    History &history = of(*slot);
    history.clipped_early = !is_empty(*slot) && history.computed <= std::max(history.stepped, history.zeroed);
    history.clipped = now_;
    history.clipped_at = here;
    history.clipped_by = function;
  }
}

void TrainingOrder::stepped(const char *type, const std::vector<GradientSlot *> &slots) {
  const GradientSlot *discarded = nullptr, *clipped_early = nullptr;
  bool any = false, any_clipped = false;
  for (const GradientSlot *slot : slots) {
    const History &history = of(*slot);
    if (!is_empty(*slot)) {
      any = true;
      const bool is_clipped = history.clipped > history.computed || !history.clipped_early;
      any_clipped = any_clipped || (history.clipped > history.stepped && is_clipped);
      if (history.clipped > history.stepped && !is_clipped && !clipped_early)
        clipped_early = slot;
    } else if (history.computed > history.stepped && history.zeroed > history.computed && !discarded) {
      discarded = slot;
    }
  }
  const std::string step = std::string("step() of ") + type;
  if (!slots.empty() && !any && discarded)
    program_.warn("zero_grad() discards what backward() has computed before " + step +
                      " uses it; call zero_grad() before backward(), or after step()",
                  nullptr, of(*discarded).zeroed_at);
  else if (!slots.empty() && !any)
    program_.note_step_without_gradients(step);
  else if (clipped_early && !any_clipped)
    program_.warn(std::string(of(*clipped_early).clipped_by) + "() is called before backward(), so " + step +
                      " uses gradients that are not clipped; call it between backward() and step()",
                  nullptr, of(*clipped_early).clipped_at);
  ++now_;
  for (const GradientSlot *slot : slots)
    of(*slot).stepped = now_;
}

} // namespace kiln::detail
