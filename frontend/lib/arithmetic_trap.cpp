// Integer divisions by zero in the model's code, as errors.
#include "arithmetic_trap.h"

#include <csetjmp>
#include <csignal>

namespace kiln::detail {

namespace {

thread_local sigjmp_buf *return_point = nullptr;

void leave(int number) {
  if (return_point)
    siglongjmp(*return_point, 1);
  // Of another thread: as it would have been.
  std::signal(number, SIG_DFL);
  std::raise(number);
}

// Puts the handler back, whichever way the action ends.
class Handler {
public:
  Handler() {
    struct sigaction action = {};
    action.sa_handler = leave;
    sigaction(SIGFPE, &action, &before_);
  }
  ~Handler() {
    sigaction(SIGFPE, &before_, nullptr);
    return_point = outer_;
  }

private:
  struct sigaction before_;
  sigjmp_buf *outer_ = return_point;
};

} // namespace

bool without_division_by_zero(const std::function<void()> &action) {
  Handler handler;
  sigjmp_buf here;
  return_point = &here;
  if (sigsetjmp(here, /*savemask=*/1) != 0)
    return false;
  action();
  return true;
}

} // namespace kiln::detail
