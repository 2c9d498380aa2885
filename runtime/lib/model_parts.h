// What a Model consists of: state, prepared values, their versions and locks, and the contexts that wait for a caller.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "aligned_block.h"
#include "context_parts.h"
#include "device_model.h"
#include "kiln/runtime/model.h"
#include "state_lock.h"

namespace kiln::runtime {

/// What one function needs before it can run, worked out once.
struct FunctionPlan {
  std::vector<uint32_t> prepares; ///< those that its prepared values need, in order
  std::vector<uint32_t> states;   ///< those that it or they read
};

struct ModelParts {
  ModelParts(Program program, const ModelOptions &options);

  /// Makes all that `function` reads ready: throws ValueError when state has no value, runs prepare functions whose sources changed.
  /// The caller holds `lock`, shared or not. `executor` runs no code of the host's: other callers wait while prepare functions run,
  /// and host code could call the model.
  void make_ready(std::size_t function, Executor &executor) {
    if (ready[function].load(std::memory_order_acquire) != epoch)
      make_ready_slowly(function, executor);
  }
  /// Records that states changed, and with `complete` that they have values now. The caller holds `lock` exclusively.
  void mark_changed(std::span<const uint32_t> changed, bool complete = true);
  /// The version at which a prepare function last ran. The caller holds `lock`, and a function that needs it is ready.
  uint64_t prepared_version(uint32_t prepare) const { return prepared_versions_[prepare]; }

  std::unique_ptr<ContextParts> take_context();
  void give_back(std::unique_ptr<ContextParts> context);

  /// True when any byte of [begin, end) is the model's state.
  bool overlaps_state(const std::byte *begin, const std::byte *end) const {
    return begin < state_block->data() + state_block->bytes() && state_block->data() < end;
  }

  const Program program;
  const InstructionSet instruction_set;
  std::unique_ptr<ThreadPool> own_pool;
  ThreadPool *pool = nullptr;    // null when `executor` is set
  Executor *executor = nullptr;  // the host's

  // Allocated once; neither the blocks nor the pointers ever change.
  std::shared_ptr<Storage> state_block, prepared_block;
  std::vector<Tensor> states;
  std::vector<void *> state_pointers, prepared_pointers;
  std::vector<FunctionPlan> plans;
  std::unique_ptr<DeviceModel> cuda; // null when the model runs on the processor

  /// Shared for calls that read state, exclusive for those that write it.
  StateLock lock{"program '" + std::string(program.name()) + "'"};
  // Guarded by `lock`. `epoch` is the version at which something last changed that some function must look at.
  uint64_t version = 1, epoch = 1;
  std::vector<uint64_t> state_versions;
  std::vector<char> state_present;

  /// For each function the epoch in which all that it reads was last found ready.
  std::unique_ptr<std::atomic<uint64_t>[]> ready;

private:
  void make_ready_slowly(std::size_t function, Executor &executor);
  void refuse_absent_state(std::size_t function) const;
  void run_prepare(std::size_t index, Executor &executor);
  void lay_out_state();
  void lay_out_prepared_values();
  void make_plans();

  std::mutex prepare_mutex_;
  std::vector<uint64_t> prepared_versions_; // for each prepare function; 0: never. Guarded by prepare_mutex_.
  AlignedBlock prepare_arena_;              // guarded by prepare_mutex_
  std::vector<std::vector<void *>> prepare_targets_;
  std::vector<char> matters_; // for each state: some prepared value depends on it

  std::mutex contexts_mutex_;
  std::vector<std::unique_ptr<ContextParts>> contexts_; // room for all that were ever made
  std::size_t contexts_made_ = 0;
};

} // namespace kiln::runtime
