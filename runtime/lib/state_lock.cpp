// Locking a model's state, and what each thread holds.
#include "state_lock.h"

#include "kiln/runtime/error.h"

namespace kiln::runtime {

namespace {

/// This thread's holds, linked through its stack. There are as many as calls inside one another: one, mostly.
constinit thread_local StateLock::Hold *innermost = nullptr;

} // namespace

StateLock::Hold::Hold(StateLock &lock, Kind kind) : lock_(lock), kind_(kind), outer_(innermost) {
  for (const Hold *hold = outer_; hold != nullptr && !nested_; hold = hold->outer_) {
    if (&hold->lock_ != &lock)
      continue;
    if (hold->kind_ == Kind::Exclusive)
      throw Error(lock.owner_ + ": the thread that is changing the model's state can't use the model meanwhile: a call would see "
                                "half of the change\n  call it after the change");
    if (kind == Kind::Exclusive)
      throw Error(lock.owner_ + ": a thread can't change the model's state within its own call of the model\n  change it after the "
                                "call");
    nested_ = true;
  }
  if (!nested_)
    kind == Kind::Exclusive ? lock.lock() : lock.lock_shared();
  innermost = this;
}

StateLock::Hold::~Hold() {
  innermost = outer_;
  if (!nested_)
    kind_ == Kind::Exclusive ? lock_.mutex_.unlock() : lock_.mutex_.unlock_shared();
}

void StateLock::lock() {
  waiting_.fetch_add(1, std::memory_order_relaxed);
  std::lock_guard turn(turnstile_);
  mutex_.lock();
  waiting_.fetch_sub(1, std::memory_order_relaxed);
}

void StateLock::lock_shared() {
  if (waiting_.load(std::memory_order_relaxed) != 0)
    std::lock_guard turn(turnstile_);
  mutex_.lock_shared();
}

} // namespace kiln::runtime
