// Threads of compiled code: the interface that a host may implement, and the runtime's own pool.
//
// Compiled code asks for `parallel_for(task, count)`; how it splits its work depends on shapes alone, so which thread runs which
// index, or how many threads there are, never changes a result.
#pragma once

#include <sched.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "kiln/runtime/export.h"

namespace kiln::runtime {

/// A non-owning reference to something callable with an index; it must outlive the call that it is given to.
class TaskRef {
public:
  using Function = void (*)(void *argument, int64_t index);

  TaskRef(Function function, void *argument) : function_(function), argument_(argument) {}
  template <class Callable,
            class = std::enable_if_t<!std::is_same_v<std::decay_t<Callable>, TaskRef>>>
  TaskRef(Callable &&callable)
      : function_([](void *argument, int64_t index) {
          (*static_cast<std::remove_reference_t<Callable> *>(argument))(index);
        }),
        argument_(const_cast<void *>(static_cast<const void *>(&callable))) {}

  void operator()(int64_t index) const { function_(argument_, index); }

private:
  Function function_;
  void *argument_;
};

/// Runs the parallel parts of a call. A host with threads of its own implements this and passes it in CallOptions or ModelOptions.
class KILN_API Executor {
public:
  virtual ~Executor();
  /// Runs task(i) for every i in [0, count), on any threads in any order, and returns when all are done. Must be callable from
  /// several threads at once. Tasks of a call do not throw; they need 256 KiB of stack.
  ///
  /// It may throw when none of its tasks is running or will still be begun: the call then ends with that exception, and what the call
  /// has written so far is undefined. It may call the model again on the thread that it was called on, for functions that write no
  /// state; it must not wait for another thread's call of the same model, which may itself wait until this call is done.
  virtual void parallel_for(int64_t count, TaskRef task) = 0;
};

/// A fixed set of threads that spin for some microseconds after work and then sleep.
///
/// Work is handed out index by index. A worker takes part in a job only if it gets there before the caller has finished it, so a
/// worker that sleeps or was descheduled never delays a short call. One job runs on the pool at a time: a caller that finds it busy
/// (another thread's call, or a parallel_for within a task) does its work itself rather than wait.
///
/// Threads are started by the first job that can use them, as many as it can use: a process that makes a model and ends soon does not
/// pay for them, and one that forks before its first call may call in the child.
class KILN_API ThreadPool final : public Executor {
public:
  /// A pool of `threads` threads, the caller of parallel_for being one of them: at most `threads - 1` are started. Where the system
  /// refuses to start one, the pool is smaller from then on. Throws ValueError unless 1 <= threads <= 1024.
  explicit ThreadPool(int threads);
  ~ThreadPool() override;
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  /// Threads that can work on one job, the caller's included.
  int threads() const { return threads_.load(std::memory_order_relaxed); }

  void parallel_for(int64_t count, TaskRef task) override { parallel_for(count, task, threads()); }
  /// The same on at most `threads` threads, the caller's included. Touches no other thread when `count` or `threads` is 1. When a
  /// task throws, tasks that have not begun are left out, and the first exception is thrown again when the others are done.
  void parallel_for(int64_t count, TaskRef task, int threads);

  /// Number of processors that this process may run on, or what the environment variable KILN_NUM_THREADS says. Throws ValueError
  /// when that is no number from 1 to 1024.
  static int default_threads();
  /// The pool of default_threads() that models share unless told otherwise; made at first use, and never destroyed.
  static ThreadPool &shared();

private:
  void start(std::size_t helpers) noexcept;
  void work();
  bool join();
  void run_tasks() noexcept;

  // The job: whether workers may still join, how many may, how many have and are not done (see thread_pool.cpp). On cache lines of
  // their own: workers spin on the first and hammer the second.
  alignas(64) std::atomic<uint64_t> state_{0};
  alignas(64) std::atomic<int64_t> next_{0};
  // Written by the holder of busy_ while the job is closed and nobody is in it.
  alignas(64) int64_t count_ = 0;
  TaskRef task_{nullptr, nullptr};
  std::atomic<bool> failed_{false};
  std::exception_ptr error_; // written by the one that set failed_, read when nobody is in the job

  alignas(64) std::atomic<bool> busy_{false};
  std::atomic<uint32_t> wakeups_{0};
  std::atomic<int> sleepers_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<int> threads_;
  cpu_set_t processors_;             // that the thread which made the pool may run on; empty: as who starts a thread
  std::vector<std::thread> workers_; // those that have been started; of the holder of busy_
};

} // namespace kiln::runtime
