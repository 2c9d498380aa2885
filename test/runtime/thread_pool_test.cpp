// ThreadPool: every index once, limits, nesting, several callers, when threads are started, and what decides its size.
#include "kiln/runtime/thread_pool.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error_text.h"
#include "kiln/runtime/error.h"

namespace kiln::runtime {
namespace {

using test::text_of;

/// Sets an environment variable for the length of a test.
class Environment {
public:
  Environment(const char *name, const char *value) : name_(name) { setenv(name, value, 1); }
  ~Environment() { unsetenv(name_); }

private:
  const char *name_;
};

/// Threads of this process. One that has been joined is still listed for some microseconds.
std::ptrdiff_t threads_alive() {
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), std::filesystem::directory_iterator());
}

/// Runs a job whose tasks wait for each other, so that each must have a thread of its own. False when not all came within a second.
bool runs_side_by_side(ThreadPool &pool, int tasks) {
  std::atomic<int> begun = 0;
  std::atomic<bool> all = true;
  pool.parallel_for(tasks, [&](int64_t) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    for (++begun; begun < tasks;) {
      if (std::chrono::steady_clock::now() > deadline) {
        all = false;
        return;
      }
      std::this_thread::yield();
    }
  });
  return all;
}

TEST(ThreadPool, RunsEachIndexOnce) {
  for (int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (int64_t count : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> runs(static_cast<std::size_t>(count));
      pool.parallel_for(count, [&](int64_t i) { ++runs[static_cast<std::size_t>(i)]; });
      for (auto &run : runs)
        EXPECT_EQ(run, 1) << "threads " << threads << ", count " << count;
    }
  }
}

TEST(ThreadPool, WhatTasksWroteIsThereAfterwards) {
  ThreadPool pool(4);
  std::vector<int64_t> values(64);
  for (int round = 0; round < 2000; ++round) {
    pool.parallel_for(64, [&](int64_t i) { values[static_cast<std::size_t>(i)] += i; });
    ASSERT_EQ(values[63], 63 * (round + 1));
  }
}

TEST(ThreadPool, WakesAfterSleep) {
  ThreadPool pool(4);
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    std::atomic<int> runs = 0;
    pool.parallel_for(16, [&](int64_t) { ++runs; });
    ASSERT_EQ(runs, 16);
  }
}

TEST(ThreadPool, OneThreadMeansTheCaller) {
  ThreadPool pool(4);
  const auto caller = std::this_thread::get_id();
  auto expect_caller = [&](int64_t) { EXPECT_EQ(std::this_thread::get_id(), caller); };
  pool.parallel_for(100, expect_caller, 1);
  pool.parallel_for(1, expect_caller);
}

TEST(ThreadPool, LimitIsKept) {
  ThreadPool pool(8);
  for (int limit : {2, 3, 100}) {
    std::mutex mutex;
    std::set<std::thread::id> seen;
    for (int round = 0; round < 50; ++round) {
      std::set<std::thread::id> now;
      pool.parallel_for(
          64,
          [&](int64_t) {
            std::lock_guard lock(mutex);
            now.insert(std::this_thread::get_id());
          },
          limit);
      EXPECT_LE(now.size(), static_cast<std::size_t>(limit));
    }
  }
}

TEST(ThreadPool, ParallelForWithinATaskRunsInThatTask) {
  ThreadPool pool(4);
  std::atomic<int> runs = 0;
  pool.parallel_for(8, [&](int64_t) { pool.parallel_for(8, [&](int64_t) { ++runs; }); });
  EXPECT_EQ(runs, 64);
}

TEST(ThreadPool, SeveralCallersAtOnce) {
  ThreadPool pool(4);
  std::vector<std::thread> callers;
  std::atomic<int64_t> sum = 0;
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&] {
      for (int round = 0; round < 500; ++round)
        pool.parallel_for(10, [&](int64_t i) { sum += i; });
    });
  for (std::thread &caller : callers)
    caller.join();
  EXPECT_EQ(sum, 4 * 500 * 45);
}

TEST(ThreadPool, ExceptionOfATaskEndsItsJobAndNothingElse) {
  for (int threads : {1, 4}) {
    ThreadPool pool(threads);
    for (int64_t failing = 0; failing < 64; ++failing) {
      std::atomic<int> runs = 0;
      EXPECT_EQ(text_of<ValueError>([&] {
                  pool.parallel_for(64, [&](int64_t i) {
                    ++runs;
                    if (i >= failing)
                      throw ValueError("task");
                  });
                }),
                "task");
      EXPECT_GE(runs, failing + 1);
      EXPECT_LE(runs, failing + threads); // each thread begins one more at most
      runs = 0;
      pool.parallel_for(64, [&](int64_t) { ++runs; });
      ASSERT_EQ(runs, 64);
    }
  }
}

TEST(ThreadPool, ThreadsAreStartedByTheFirstJobThatCanUseThem) {
  const auto before = threads_alive();
  {
    ThreadPool pool(4);
    EXPECT_EQ(pool.threads(), 4);
    pool.parallel_for(1, [](int64_t) {});
    pool.parallel_for(100, [](int64_t) {}, 1);
    EXPECT_EQ(threads_alive(), before);
    pool.parallel_for(2, [](int64_t) {});
    EXPECT_EQ(threads_alive(), before + 1);
    pool.parallel_for(100, [](int64_t) {}, 3);
    EXPECT_EQ(threads_alive(), before + 2);
    EXPECT_TRUE(runs_side_by_side(pool, 4));
    EXPECT_EQ(threads_alive(), before + 3);
    EXPECT_EQ(pool.threads(), 4);
    pool.parallel_for(100, [](int64_t) {});
    EXPECT_EQ(threads_alive(), before + 3);
  }
  EXPECT_EQ(threads_alive(), before);
}

TEST(ThreadPool, SeveralCallersAtTheFirstJob) {
  for (int round = 0; round < 50; ++round) {
    ThreadPool pool(3);
    std::vector<std::thread> callers;
    std::atomic<int64_t> sum = 0;
    for (int caller = 0; caller < 4; ++caller)
      callers.emplace_back([&, caller] { pool.parallel_for(2 + caller, [&](int64_t i) { sum += i; }); });
    for (std::thread &caller : callers)
      caller.join();
    EXPECT_EQ(sum, 1 + 3 + 6 + 10);
  }
}

TEST(ThreadPool, AForkBeforeTheFirstJobHasThreadsOfItsOwn) {
  ThreadPool pool(3);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0)
    _exit(runs_side_by_side(pool, 3) ? 0 : 1);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(runs_side_by_side(pool, 3));
}

// A caller that is pinned to one processor does not pin those that will work for all.
TEST(ThreadPool, WorkersRunWhereThePoolWasMade) {
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  if (CPU_COUNT(&before) < 2)
    GTEST_SKIP() << "there is one processor";
  ThreadPool pool(2);
  int first = 0;
  while (!CPU_ISSET(first, &before))
    ++first;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  std::atomic<int> widest = 0, met = 0;
  pool.parallel_for(2, [&](int64_t) {
    cpu_set_t mine;
    if (sched_getaffinity(0, sizeof mine, &mine) == 0 && CPU_COUNT(&mine) > widest)
      widest = CPU_COUNT(&mine);
    ++met;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (met < 2 && std::chrono::steady_clock::now() < end) // so that the worker takes part
      std::this_thread::yield();
  });
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
  EXPECT_EQ(widest, CPU_COUNT(&before));
}

TEST(ThreadPool, TakesFunctionPointers) {
  ThreadPool pool(2);
  std::atomic<int64_t> sum = 0;
  pool.parallel_for(4, TaskRef([](void *argument, int64_t i) { *static_cast<std::atomic<int64_t> *>(argument) += i; }, &sum));
  EXPECT_EQ(sum, 6);
}

TEST(ThreadPool, RefusesSizesThatMakeNoSense) {
  EXPECT_EQ(text_of<ValueError>([] { ThreadPool pool(0); }), "a pool of 0 threads: expected 1 to 1024");
  EXPECT_EQ(text_of<ValueError>([] { ThreadPool pool(1025); }), "a pool of 1025 threads: expected 1 to 1024");
}

TEST(ThreadPool, EnvironmentDecidesTheDefaultSize) {
  EXPECT_GE(ThreadPool::default_threads(), 1);
  {
    Environment variable("KILN_NUM_THREADS", "3");
    EXPECT_EQ(ThreadPool::default_threads(), 3);
  }
  for (const char *wrong : {"0", "-1", "1025", "two", "2 ", "99999999999"}) {
    Environment variable("KILN_NUM_THREADS", wrong);
    EXPECT_EQ(text_of<ValueError>([] { ThreadPool::default_threads(); }),
              std::string("KILN_NUM_THREADS=") + wrong + ": expected a number of threads from 1 to 1024");
  }
}

} // namespace
} // namespace kiln::runtime
