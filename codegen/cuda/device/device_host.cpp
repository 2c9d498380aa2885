//===- device_host.cpp - blocks of threads as fibers ----------------------===//
//
// Runs kernels over device_host.h. Fibers are switched in a few instructions; each has a stack of its own, which AddressSanitizer is told
// of.
//
//===----------------------------------------------------------------------===//

#include "device_host_launch.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#if !defined(__x86_64__)
#error "the host's implementation of device.h switches stacks of x86-64"
#endif

#if defined(__SANITIZE_ADDRESS__)
#define KILN_DEVICE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KILN_DEVICE_ASAN 1
#endif
#endif
#ifdef KILN_DEVICE_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

/// Stores the stack pointer in *from and goes on where `to` was stored.
extern "C" void kiln_device_switch(void **from, void *to);
asm(R"(
.text
.p2align 4
.type kiln_device_switch, @function
kiln_device_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  retq
.size kiln_device_switch, . - kiln_device_switch
)");

namespace kiln::device::host {

namespace {

/// What a thread is about.
enum class Phase { Ready, AtBarrier, InShuffle, Done };

struct Fiber {
  static constexpr std::size_t kStackBytes = 64 << 10;
  std::unique_ptr<char[]> stack{new char[kStackBytes]};
  void *pointer = nullptr;
  void *fakeStack = nullptr; // AddressSanitizer's
  Phase phase = Phase::Done;
  unsigned char given[8], taken[8]; // in a shuffle
  int partner = 0;
};

/// The block that runs.
class Block {
public:
  /// Runs the kernel's threads; empty when all has gone well.
  std::string run(const Kernel &toRun, const long long *values, std::mt19937 *order) {
    kernel = &toRun;
    arguments = values;
    const int threads = kernel->threads;
    while (fibers.size() < static_cast<std::size_t>(threads))
      fibers.emplace_back();
    count = threads;
    for (int i = 0; i < count; ++i)
      prepare(fibers[static_cast<std::size_t>(i)]);
    std::vector<int> turns(static_cast<std::size_t>(threads));
    std::iota(turns.begin(), turns.end(), 0);
    for (;;) {
      if (order != nullptr)
        std::shuffle(turns.begin(), turns.end(), *order);
      for (int thread : turns)
        if (at(thread).phase == Phase::Ready)
          resume(thread);
      if (finishShuffles())
        continue;
      if (all(0, count, Phase::Done))
        return {};
      if (!all(0, count, Phase::AtBarrier))
        return "threads wait at a barrier that others never reach, or in a shuffle without their whole warp";
      for (int i = 0; i < count; ++i)
        at(i).phase = Phase::Ready;
    }
  }

  int currentThread() const { return current; }
  void wait(Phase phase) {
    Fiber &fiber = at(current);
    fiber.phase = phase;
    leave(fiber);
  }
  void exchange(void *value, std::size_t bytes, int mask) {
    Fiber &fiber = at(current);
    std::memcpy(fiber.given, value, bytes);
    fiber.partner = current ^ mask;
    wait(Phase::InShuffle);
    std::memcpy(value, fiber.taken, bytes);
  }

  long long index = 0, blocks = 0;

private:
  Fiber &at(int thread) { return fibers[static_cast<std::size_t>(thread)]; }
  bool all(int begin, int end, Phase phase) {
    for (int i = begin; i < end; ++i)
      if (at(i).phase != phase)
        return false;
    return true;
  }

  /// Whether some warp was wholly in a shuffle, and goes on.
  bool finishShuffles() {
    bool any = false;
    for (int warp = 0; warp < count; warp += 32) {
      const int end = std::min(warp + 32, count);
      if (!all(warp, end, Phase::InShuffle))
        continue;
      for (int i = warp; i < end; ++i) {
        const int partner = at(i).partner;
        std::memcpy(at(i).taken, at(partner < end ? partner : i).given, sizeof at(i).taken);
      }
      for (int i = warp; i < end; ++i)
        at(i).phase = Phase::Ready;
      any = true;
    }
    return any;
  }

  void prepare(Fiber &fiber) {
    // What `kiln_device_switch` pops: six registers and the address to return to. Above that, the place of a return address, so that
    // the stack is aligned as after a call.
    auto top = reinterpret_cast<std::uintptr_t>(fiber.stack.get() + Fiber::kStackBytes) / 16 * 16;
    auto **slot = reinterpret_cast<void **>(top);
    *--slot = nullptr;
    *--slot = reinterpret_cast<void *>(&Block::enter);
    for (int i = 0; i < 6; ++i)
      *--slot = nullptr;
    fiber.pointer = slot;
    fiber.fakeStack = nullptr;
    fiber.phase = Phase::Ready;
  }
  static void enter();

  void resume(int thread) {
    current = thread;
    Fiber &fiber = at(thread);
#ifdef KILN_DEVICE_ASAN
    void *mine = nullptr;
    __sanitizer_start_switch_fiber(&mine, fiber.stack.get(), Fiber::kStackBytes);
#endif
    kiln_device_switch(&scheduler, fiber.pointer);
#ifdef KILN_DEVICE_ASAN
    __sanitizer_finish_switch_fiber(mine, nullptr, nullptr);
#endif
  }
  void leave(Fiber &fiber) {
#ifdef KILN_DEVICE_ASAN
    __sanitizer_start_switch_fiber(fiber.phase == Phase::Done ? nullptr : &fiber.fakeStack, hostStack, hostStackBytes);
#endif
    kiln_device_switch(&fiber.pointer, scheduler);
#ifdef KILN_DEVICE_ASAN
    __sanitizer_finish_switch_fiber(fiber.fakeStack, nullptr, nullptr);
#endif
  }

  std::vector<Fiber> fibers;
  const Kernel *kernel = nullptr;
  const long long *arguments = nullptr;
  void *scheduler = nullptr;
  int current = 0, count = 0;
  [[maybe_unused]] const void *hostStack = nullptr;
  [[maybe_unused]] std::size_t hostStackBytes = 0;
};

Block &block() {
  static Block instance;
  return instance;
}

void Block::enter() {
  Block &self = block();
#ifdef KILN_DEVICE_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &self.hostStack, &self.hostStackBytes);
#endif
  self.kernel->run(self.arguments);
  self.wait(Phase::Done); // for ever
  std::abort();
}

} // namespace

std::string launch(const Kernel &kernel, long long blocks, const long long *arguments, unsigned seed) {
  std::mt19937 generator(seed);
  std::vector<long long> turns(static_cast<std::size_t>(blocks));
  std::iota(turns.begin(), turns.end(), 0);
  if (seed != 0)
    std::shuffle(turns.begin(), turns.end(), generator);
  block().blocks = blocks;
  for (long long turn : turns) {
    block().index = turn;
    const std::string error = block().run(kernel, arguments, seed != 0 ? &generator : nullptr);
    if (!error.empty())
      return std::string(kernel.name) + ": " + error;
  }
  return {};
}

extern "C" {
int kiln_device_thread_index() { return block().currentThread(); }
long long kiln_device_block_index() { return block().index; }
long long kiln_device_block_count() { return block().blocks; }
void kiln_device_barrier() { block().wait(Phase::AtBarrier); }
void kiln_device_shuffle_xor(void *value, std::size_t bytes, int mask) { block().exchange(value, bytes, mask); }
}

} // namespace kiln::device::host
