//===- machine_peak.cpp - what the machine could do -----------------------===//
//
// Each figure is the best of several rounds, in which all threads run at once, on processors of their own.
//
//===----------------------------------------------------------------------===//

#include "machine_peak.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "kiln/runtime/error.h"
#include "peak_loops.h"
#include "llvm/ADT/STLFunctionalExtras.h"

using namespace llvm;

namespace kiln::tools {

//===----------------------------------------------------------------------===//
// The machine
//===----------------------------------------------------------------------===//

StringRef nameOf(MemoryLevel level) {
  switch (level) {
  case MemoryLevel::L1:
    return "l1";
  case MemoryLevel::L2:
    return "l2";
  case MemoryLevel::L3:
    return "l3";
  case MemoryLevel::Memory:
    return "memory";
  }
  return "";
}

CacheSizes CacheSizes::ofThisMachine() {
  auto size = [](int name, int64_t usual) {
    int64_t bytes = sysconf(name);
    return bytes > 0 ? bytes : usual;
  };
  return {size(_SC_LEVEL1_DCACHE_SIZE, 32 << 10), size(_SC_LEVEL2_CACHE_SIZE, 1 << 20), size(_SC_LEVEL3_CACHE_SIZE, 32 << 20)};
}

MemoryLevel CacheSizes::levelOf(int64_t bytes, int threads) const {
  // Code, stacks and what else the process touches want a place too.
  auto holds = [](int64_t cache, int64_t data) { return data <= cache / 8 * 7; };
  return holds(l1, bytes / threads)   ? MemoryLevel::L1
         : holds(l2, bytes / threads) ? MemoryLevel::L2
         : holds(l3, bytes)           ? MemoryLevel::L3
                                      : MemoryLevel::Memory;
}

std::string processorName() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (StringRef(line).starts_with("model name"))
      return StringRef(line).split(':').second.trim().str();
  return "";
}

//===----------------------------------------------------------------------===//
// The roofline
//===----------------------------------------------------------------------===//

double MachinePeak::secondsFor(double workFlops, double workBytes, MemoryLevel level) const {
  return std::max(workFlops / flops, workBytes / read[static_cast<size_t>(level)]);
}

StringRef MachinePeak::boundOf(double workFlops, double workBytes, MemoryLevel level) const {
  return workFlops / flops >= workBytes / read[static_cast<size_t>(level)] ? "fma" : nameOf(level);
}

//===----------------------------------------------------------------------===//
// Measuring
//===----------------------------------------------------------------------===//

namespace {
using Clock = std::chrono::steady_clock;

/// What a round reads of the memory.
constexpr int64_t roundBytes = 16 << 20;

/// Where loops leave their results, which nobody reads.
std::atomic<float> sink;

std::vector<int> allowedProcessors() {
  std::vector<int> allowed;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    for (int i = 0; i < CPU_SETSIZE; ++i)
      if (CPU_ISSET(i, &set))
        allowed.push_back(i);
  return allowed;
}

/// Seconds from the first thread's begin to the last one's end, in the best of `rounds`. Rounds are to be short, a millisecond or
/// so: then some of them run undisturbed even on a machine that does something else too.
double bestTime(int threads, int rounds, function_ref<void(int thread)> prepare, function_ref<void(int thread, int round)> work) {
  std::vector<int> processors = allowedProcessors();
  double best = INFINITY;
  for (int round = 0; round < rounds; ++round) {
    std::atomic<int> ready = 0;
    std::vector<Clock::time_point> begin(threads), end(threads);
    std::vector<std::thread> workers;
    for (int i = 0; i < threads; ++i)
      workers.emplace_back([&, i] {
        if (!processors.empty()) {
          cpu_set_t own;
          CPU_ZERO(&own);
          CPU_SET(processors[i % processors.size()], &own);
          pthread_setaffinity_np(pthread_self(), sizeof own, &own);
        }
        prepare(i);
        ++ready;
        while (ready < threads)
          std::this_thread::yield();
        begin[i] = Clock::now();
        work(i, round);
        end[i] = Clock::now();
      });
    for (std::thread &worker : workers)
      worker.join();
    std::chrono::duration<double> time =
        *std::max_element(end.begin(), end.end()) - *std::min_element(begin.begin(), begin.end());
    best = std::min(best, time.count());
  }
  return best;
}

/// Bytes that one thread reads over and over to stay in a level.
int64_t workingSet(MemoryLevel level, const CacheSizes &caches, int threads) {
  int64_t bytes = 0;
  switch (level) {
  case MemoryLevel::L1:
    bytes = caches.l1 / 4 * 3;
    break;
  case MemoryLevel::L2:
    bytes = std::max(caches.l2 / 8 * 5, caches.l1 * 2);
    break;
  case MemoryLevel::L3:
    bytes = std::max(caches.l2 * 4, std::min<int64_t>(caches.l3 / 4 / threads, 6 << 20));
    break;
  case MemoryLevel::Memory:
    bytes = std::clamp<int64_t>(2 * caches.l3, 64 << 20, 256 << 20) / roundBytes * roundBytes;
    break;
  }
  return bytes / readStep * readStep;
}
} // namespace

MachinePeak measurePeak(runtime::InstructionSet set, int threads, const CacheSizes &caches) {
  const PeakLoops &loops = peakLoops(set);
  MachinePeak peak;
  peak.threads = threads;
  constexpr int64_t steps = 200'000;
  double time = bestTime(
      threads, 32, [&](int) { sink = loops.multiplyAdd(steps / 10, 0.999f, 1e-3f); },
      [&](int, int) { sink = loops.multiplyAdd(steps, 0.999f, 1e-3f); });
  peak.flops = static_cast<double>(steps * loops.flopsPerStep) * threads / time;

  struct Free {
    void operator()(void *memory) const { std::free(memory); }
  };
  std::vector<std::unique_ptr<char, Free>> buffers;
  int64_t largest = workingSet(MemoryLevel::Memory, caches, threads);
  for (int i = 0; i < threads; ++i) {
    buffers.emplace_back(static_cast<char *>(std::aligned_alloc(roundBytes, largest)));
    if (!buffers.back())
      throw runtime::Error("no memory to measure the machine's bandwidth with: " + std::to_string(largest) + " bytes a thread");
    std::fill_n(reinterpret_cast<float *>(buffers.back().get()), largest / 4, 1.0f);
  }
  for (MemoryLevel level : allMemoryLevels) {
    // What a round reads of the memory, no cache holds any more when its turn comes again; of a cache, all is there already.
    bool isMemory = level == MemoryLevel::Memory;
    int64_t bytes = isMemory ? roundBytes : workingSet(level, caches, threads);
    int64_t repeats = isMemory ? 1 : std::max<int64_t>(1, 2 * roundBytes / bytes), places = isMemory ? largest / roundBytes : 1;
    time = bestTime(
        threads, 24,
        [&](int thread) {
          if (!isMemory)
            sink = loops.read(buffers[thread].get(), bytes);
        },
        [&](int thread, int round) {
          for (int64_t i = 0; i < repeats; ++i)
            sink = loops.read(buffers[thread].get() + round % places * roundBytes, bytes);
        });
    peak.read[static_cast<size_t>(level)] = static_cast<double>(bytes * repeats) * threads / time;
  }
  return peak;
}

} // namespace kiln::tools
