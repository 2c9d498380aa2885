// The two ends of a call into compiled code: the services it gets, and the meaning of what it returns.
//
// Compiled code can't be unwound. What a host's executor, or a task on whatever thread, throws is caught before it gets there, kept
// until the code has returned, and thrown again then.
#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <span>
#include <string>

#include "kiln/runtime/abi.h"
#include "kiln/runtime/program.h"
#include "kiln/runtime/thread_pool.h"

namespace kiln::runtime {

/// There is no class or row of a value: the first such one of a tensor, by its place among the `count` elements. The tensor may be an
/// input, or computed from one.
class ValueOutOfRange : public IndexError {
public:
  ValueOutOfRange(const std::string &message, const kiln_call &call)
      : IndexError(message), value(call.error_values[0]), place(call.error_values[2]), count(call.error_values[3]) {}
  int64_t value, place, count;
};

/// What one call's services run on: `kiln_call::executor` of that call.
class CallServices {
public:
  explicit CallServices(Executor &executor) : executor_(executor) {}
  CallServices(const CallServices &) = delete;
  CallServices &operator=(const CallServices &) = delete;

  /// A call of compiled code with these services; pointers are null.
  kiln_call make_call();
  /// The calls made from now on add to each entry the nanoseconds that the launch of the same number takes. Empty: they are not
  /// measured.
  void measure_launches(std::span<int64_t> nanoseconds) { nanoseconds_ = nanoseconds; }
  bool is_measuring() const { return !nanoseconds_.empty(); }

  /// Runs task(i) for i in [0, count). After the first exception, tasks of this and of later ranges do nothing.
  void parallel_for(int64_t count, TaskRef task) noexcept;
  bool failed() const { return failed_.load(std::memory_order_relaxed); }
  /// Throws the first exception that was caught, if there was one. To be called when compiled code has returned.
  void rethrow();

  /// The launch `next` is about to begin; the one before it has ended.
  void before_launch(int64_t next) noexcept;

private:
  void remember() noexcept;

  Executor &executor_;
  std::span<int64_t> nanoseconds_;
  std::chrono::steady_clock::time_point launch_begin_;
  std::atomic<bool> failed_{false};
  std::exception_ptr error_; // of the one that set failed_; the end of the parallel_for makes it visible to the caller
};

/// Everything on the thread that asks.
class CallingThread final : public Executor {
public:
  void parallel_for(int64_t count, TaskRef task) override {
    for (int64_t i = 0; i < count; ++i)
      task(i);
  }
};

/// Throws the exception that a status other than KILN_OK stands for. `function` is for the message.
[[noreturn]] void throw_status(const Program &program, const std::string &function, int32_t status,
                               const kiln_call &call);

} // namespace kiln::runtime
