// What one call works with: checked inputs, sizes of the outputs, copies of what is not contiguous, the arena.
#pragma once

#include <span>
#include <vector>

#include "aligned_block.h"
#include "device_model.h"
#include "kiln/runtime/model.h"

namespace kiln::runtime {

struct ModelParts;

/// The memory of one call at a time. All arrays have the size that the program's largest function needs, so that only the blocks can
/// grow later.
struct ContextParts {
  explicit ContextParts(const ModelParts &model);

  std::vector<Tensor> call_new(ModelParts &model, std::string_view function, std::span<const Tensor> inputs,
                               const CallOptions &options);
  std::vector<Tensor> call_new(ModelParts &model, std::string_view function, std::span<const TensorView> inputs,
                               const CallOptions &options);
  void call_into(ModelParts &model, std::string_view function, std::span<const Tensor> inputs, std::span<Tensor> outputs,
                 const CallOptions &options);
  void call_into(ModelParts &model, std::string_view function, std::span<const TensorView> inputs,
                 std::span<const TensorView> outputs, const CallOptions &options);

  /// Checks inputs, finds the symbols' values, and has the function measure its outputs and arena.
  void bind(const Function &function, std::span<const TensorView> inputs);
  /// Sizes of output `index` of the function that was bound last.
  std::span<const int64_t> sizes_of(const Function &function, std::size_t index) const;

  /// A Context's: a call of it is under way.
  bool in_use = false;

private:
  std::span<const TensorView> views(std::span<const Tensor> tensors);
  void run(ModelParts &model, std::size_t index, std::span<const TensorView> inputs,
           std::span<const TensorView> outputs, const CallOptions &options);
  void stage(const ModelParts &model, const Function &function, std::span<const TensorView> inputs,
             std::span<const TensorView> outputs);
  void execute(ModelParts &model, std::size_t index, std::span<const TensorView> inputs, std::span<const TensorView> outputs,
               Executor &executor, const CallOptions &options);
  int32_t execute_on_cuda(ModelParts &model, std::size_t index, kiln_call &call, std::span<const TensorView> inputs,
                          std::span<const TensorView> outputs, CallServices &services);

  std::vector<int64_t> symbols_;
  std::vector<int64_t> output_sizes_;
  int64_t arena_bytes_ = 0;
  std::vector<const void *> input_pointers_;
  std::vector<void *> output_pointers_;
  std::vector<TensorView> input_views_, output_views_; // of the tensors of a call
  AlignedBlock arena_, staging_;
  std::unique_ptr<DeviceCall> cuda_; // made by the first call on CUDA
  std::vector<DeviceCall::Buffer> cuda_inputs_, cuda_outputs_;
};

} // namespace kiln::runtime
