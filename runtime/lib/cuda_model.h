// A model on a CUDA device: its kernels, copies of what they read of state, and calls.
//
// The values of state that count are the processor's: load_state_dict, training and prepare functions work on them. A device has copies,
// each with the version that it was made of; a call first renews those that it reads and that have changed since, so weights travel
// once a version. Inputs and outputs of a call are the host's tensors, copied in and out on the call's own stream.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cuda_driver.h"
#include "device_model.h"

namespace kiln::runtime {

class CudaModel final : public DeviceModel {
public:
  /// Opens the device and loads the program's kernels. Throws Error when there is no driver, no device, or no code for it.
  CudaModel(const Program &program, int device_index);
  ~CudaModel() override;
  CudaModel(const CudaModel &) = delete;
  CudaModel &operator=(const CudaModel &) = delete;

  const CudaDevice &device() const { return device_; }
  int index() const override { return device_.index(); }
  void refresh(const ModelParts &model, std::size_t function) override;
  std::unique_ptr<DeviceCall> make_call() override;

private:
  friend class CudaCall;

  /// What the device has of a value, and of which version; 0: nothing.
  struct Copy {
    CudaBlock block;
    uint64_t version = 0;
  };
  void upload(Copy &copy, void *&place, const void *data, std::size_t bytes, uint64_t version, std::string_view name);
  void load_kernels();
  void upload_constants();

  const Program program_;
  CudaDevice device_;
  CudaModule module_ = nullptr;
  std::vector<CudaFunction> kernels_;
  CudaStream stream_ = nullptr; // of copies of state

  std::mutex mutex_; // guards what follows while copies are made; a call reads the places after refresh()
  std::vector<Copy> states_, prepared_, constants_;
  std::vector<void *> state_places_, prepared_places_, constant_places_; // as kiln_call has them
  std::vector<uint64_t> ready_;                                          // for each function the model's version it was refreshed at
};

/// A stream, and memory for inputs, outputs and temporaries.
class CudaCall final : public DeviceCall {
public:
  explicit CudaCall(CudaModel &model);
  ~CudaCall() override;
  CudaCall(const CudaCall &) = delete;
  CudaCall &operator=(const CudaCall &) = delete;

  int32_t run(std::size_t function, kiln_call &call, std::span<const Buffer> inputs, std::span<const Buffer> outputs,
              std::size_t arena_bytes, CallServices &timing) override;

private:
  static void queue(void *executor, uint32_t kernel, int64_t blocks, const int64_t *arguments) noexcept;
  static void before_launch(void *executor, int64_t launch) noexcept;

  CudaModel &model_;
  CudaStream stream_ = nullptr;
  CudaBlock memory_;
  std::vector<const void *> inputs_;
  std::vector<void *> outputs_, parameters_;
  // Of the call that runs.
  CallServices *timing_ = nullptr;
  CudaResult failure_ = 0;
  std::string failed_kernel_;
};

} // namespace kiln::runtime
