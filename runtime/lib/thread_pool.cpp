// The runtime's thread pool.
//
// One word holds a job's life: `kOpen | limit << 16 | joined`. The caller publishes the job and opens the word; workers join by
// incrementing `joined` while it is open and below the limit; the caller takes indices too, and when none is left it closes the word
// and waits until `joined` is 0. Only those who joined are waited for.
//
// Why not pthreadpool: at calls of 5 us both cost the same (test/runtime/thread_pool_benchmark.cpp). But Debian has it as a shared
// library only, which every executable that Kiln makes would need where it runs; it wakes all its threads for a call that wants two,
// and they spin for tens of milliseconds after it; and ThreadSanitizer can't look into it.
#include "kiln/runtime/thread_pool.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>

#include <pthread.h>
#include <sched.h>

#include "kiln/runtime/error.h"

namespace kiln::runtime {

namespace {

constexpr int kMaxThreads = 1024;
constexpr uint64_t kOpen = uint64_t{1} << 63;
constexpr uint64_t kJoinedMask = 0xffff;
constexpr int kLimitShift = 16;

// Calls of a serving loop follow each other within some 100 microseconds; a sleeping thread takes 5 to 50 of them to wake, and waking
// it costs the caller a system call.
constexpr auto kSpin = std::chrono::microseconds(200);

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}

/// Spins until `done()` or until the spin time is over; says which.
template <class Done> bool spin_until(Done done) {
  const auto deadline = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 32; ++i) {
      if (done())
        return true;
      relax();
    }
  } while (std::chrono::steady_clock::now() < deadline);
  return done();
}

/// Threads inherit the mask: the host's signals are the host's business, not a worker's. But a fault is that of the thread that makes
/// it: with its signal blocked the process would end without the host's handler.
class BlockSignals {
public:
  BlockSignals() {
    sigset_t all;
    sigfillset(&all);
    for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT})
      sigdelset(&all, fault);
    pthread_sigmask(SIG_SETMASK, &all, &old_);
  }
  ~BlockSignals() { pthread_sigmask(SIG_SETMASK, &old_, nullptr); }

private:
  sigset_t old_;
};

int processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    if (int count = CPU_COUNT(&set); count > 0)
      return count;
  return std::max(1u, std::thread::hardware_concurrency()); // more than 1024 processors
}

} // namespace

Executor::~Executor() = default;

ThreadPool::ThreadPool(int threads) : threads_(threads) {
  if (threads < 1 || threads > kMaxThreads)
    throw ValueError("a pool of " + std::to_string(threads) + " threads: expected 1 to " +
                     std::to_string(kMaxThreads));
  if (sched_getaffinity(0, sizeof processors_, &processors_) != 0) // more than 1024 processors
    CPU_ZERO(&processors_);
}

void ThreadPool::start(std::size_t helpers) noexcept {
  try {
    workers_.reserve(static_cast<std::size_t>(threads()) - 1);
    const BlockSignals block;
    while (workers_.size() < helpers) {
      workers_.emplace_back([this] { work(); });
      const pthread_t worker = workers_.back().native_handle();
      pthread_setname_np(worker, "kiln-worker");
      // Whoever has the first large job may be pinned to one processor, which all would share from then on.
      if (CPU_COUNT(&processors_) > 0)
        pthread_setaffinity_np(worker, sizeof processors_, &processors_);
    }
  } catch (const std::exception &) { // the system has no more threads, or no more memory
    threads_.store(static_cast<int>(workers_.size()) + 1, std::memory_order_relaxed);
  }
}

ThreadPool::~ThreadPool() {
  stopping_.store(true);
  wakeups_.fetch_add(1);
  wakeups_.notify_all();
  for (std::thread &worker : workers_)
    worker.join();
}

void ThreadPool::parallel_for(int64_t count, TaskRef task, int threads) {
  // `threads - 1` helpers at most, and never more than there are indices left for them.
  int64_t helpers = std::min<int64_t>({threads, this->threads(), count}) - 1;
  if (helpers <= 0 || busy_.exchange(true, std::memory_order_acquire)) {
    for (int64_t i = 0; i < count; ++i)
      task(i);
    return;
  }
  if (static_cast<std::size_t>(helpers) > workers_.size())
    start(static_cast<std::size_t>(helpers));
  task_ = task;
  count_ = count;
  next_.store(0, std::memory_order_relaxed);
  // Sequentially consistent with the sleeper's half in work(): either it sees the open job, or we see it asleep.
  state_.store(kOpen | static_cast<uint64_t>(helpers) << kLimitShift);
  if (sleepers_.load() > 0) {
    wakeups_.fetch_add(1);
    if (helpers == static_cast<int64_t>(workers_.size()))
      wakeups_.notify_all();
    else
      for (int64_t i = 0; i < helpers; ++i)
        wakeups_.notify_one();
  }
  run_tasks();
  state_.fetch_and(~kOpen, std::memory_order_acq_rel);
  auto idle = [this] { return (state_.load(std::memory_order_acquire) & kJoinedMask) == 0; };
  if (!spin_until(idle))
    for (uint64_t seen = state_.load(std::memory_order_acquire); (seen & kJoinedMask) != 0;
         seen = state_.load(std::memory_order_acquire))
      state_.wait(seen);
  std::exception_ptr error;
  if (failed_.load(std::memory_order_relaxed)) {
    error = std::exchange(error_, nullptr);
    failed_.store(false, std::memory_order_relaxed);
  }
  busy_.store(false, std::memory_order_release);
  if (error)
    std::rethrow_exception(error);
}

void ThreadPool::run_tasks() noexcept {
  try {
    for (int64_t i = next_.fetch_add(1, std::memory_order_relaxed); i < count_;
         i = next_.fetch_add(1, std::memory_order_relaxed))
      task_(i);
  } catch (...) {
    if (!failed_.exchange(true, std::memory_order_relaxed))
      error_ = std::current_exception();
    next_.store(count_, std::memory_order_relaxed); // nobody begins another
  }
}

bool ThreadPool::join() {
  uint64_t seen = state_.load();
  while ((seen & kOpen) != 0 && (seen & kJoinedMask) < ((seen >> kLimitShift) & kJoinedMask))
    if (state_.compare_exchange_weak(seen, seen + 1, std::memory_order_acquire))
      return true;
  return false;
}

void ThreadPool::work() {
  while (!stopping_.load(std::memory_order_relaxed)) {
    bool joined = false;
    spin_until([&] { return (joined = join()) || stopping_.load(std::memory_order_relaxed); });
    if (!joined) {
      const uint32_t seen = wakeups_.load();
      sleepers_.fetch_add(1);
      // An unlucky worker must not sleep through a job that was opened before its caller could see it asleep.
      joined = join();
      if (!joined && !stopping_.load())
        wakeups_.wait(seen);
      sleepers_.fetch_sub(1);
      if (!joined)
        continue;
    }
    run_tasks();
    if (((state_.fetch_sub(1, std::memory_order_acq_rel) - 1) & (kOpen | kJoinedMask)) == 0)
      state_.notify_one();
  }
}

int ThreadPool::default_threads() {
  const char *text = std::getenv("KILN_NUM_THREADS");
  if (text == nullptr || *text == '\0')
    return std::min(processors(), kMaxThreads);
  int threads = 0;
  const char *end = text + std::strlen(text);
  auto [stop, status] = std::from_chars(text, end, threads);
  if (status != std::errc() || stop != end || threads < 1 || threads > kMaxThreads)
    throw ValueError("KILN_NUM_THREADS=" + std::string(text) +
                     ": expected a number of threads from 1 to " + std::to_string(kMaxThreads));
  return threads;
}

ThreadPool &ThreadPool::shared() {
  // Never destroyed: other static objects may still call when the process ends.
  static ThreadPool *pool = new ThreadPool(default_threads());
  return *pool;
}

} // namespace kiln::runtime
