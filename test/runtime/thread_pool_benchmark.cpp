// Short calls on the runtime's thread pool, next to pthreadpool's: what a call costs whose work takes some microseconds.
//
//   kiln_thread_pool_benchmark [THREADS [MICROSECONDS]]
//
// Built where pthreadpool is installed, on request only. Run it on an idle machine.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include <pthreadpool.h>

#include "kiln/runtime/thread_pool.h"

namespace {

using Clock = std::chrono::steady_clock;
using Microseconds = std::chrono::duration<double, std::micro>;

volatile double sink;
int steps; // of one task

void burn(int count) {
  double value = 1;
  for (int i = 0; i < count; ++i)
    value = value * 1.0000001 + 1e-9;
  sink = value;
}

/// Times of many calls, each after a pause of the caller.
template <class Call> void measure(const char *name, int pause, Call call) {
  std::vector<double> times(pause == 0 ? 40000 : 2000);
  for (double &time : times) {
    if (pause != 0)
      std::this_thread::sleep_for(std::chrono::microseconds(pause));
    const auto start = Clock::now();
    call();
    time = Microseconds(Clock::now() - start).count();
  }
  std::sort(times.begin(), times.end());
  std::printf("%-12s pause %4d us: median %7.2f, 90 %% below %7.2f, 99 %% below %7.2f us\n", name, pause,
              times[times.size() / 2], times[times.size() * 9 / 10], times[times.size() * 99 / 100]);
}

/// Mean time of a call when two threads call at once.
template <class Call> void measure_two_callers(const char *name, Call call) {
  constexpr int kCalls = 20000;
  auto loop = [&] {
    for (int i = 0; i < kCalls; ++i)
      call();
  };
  const auto start = Clock::now();
  std::thread other(loop);
  loop();
  other.join();
  std::printf("%-12s two callers:   mean   %7.2f us\n", name, Microseconds(Clock::now() - start).count() / (2 * kCalls));
}

} // namespace

int main(int argc, char **argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : kiln::runtime::ThreadPool::default_threads();
  const double work = argc > 2 ? std::atof(argv[2]) : 5;
  const int tasks = 2 * threads;
  const auto start = Clock::now();
  for (int i = 0; i < 2000; ++i)
    burn(1000);
  steps = static_cast<int>(work / tasks / (Microseconds(Clock::now() - start).count() / 2e6));

  std::printf("%d threads, %d tasks, %.1f us of work a call\n", threads, tasks, work);
  measure("serial", 0, [&] {
    for (int i = 0; i < tasks; ++i)
      burn(steps);
  });
  {
    kiln::runtime::ThreadPool pool(threads);
    auto call = [&] { pool.parallel_for(tasks, [](int64_t) { burn(steps); }); };
    for (int pause : {0, 30, 1000})
      measure("kiln", pause, call);
    measure_two_callers("kiln", call);
  }
  pthreadpool_t pool = pthreadpool_create(static_cast<std::size_t>(threads));
  auto call = [&] {
    pthreadpool_parallelize_1d(
        pool, [](void *, std::size_t) { burn(steps); }, nullptr, static_cast<std::size_t>(tasks), 0);
  };
  for (int pause : {0, 30, 1000})
    measure("pthreadpool", pause, call);
  measure_two_callers("pthreadpool", call);
  pthreadpool_destroy(pool);
}
