// A model on a device, as the rest of the runtime sees it: what implements it is in a program only where it can be of use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "kiln/runtime/abi.h"
#include "kiln/runtime/program.h"
#include "services.h"

namespace kiln::runtime {

struct ModelParts;

/// Where a model runs, in PyTorch's words: "cpu", "cuda" or "cuda:1".
struct DeviceChoice {
  bool is_cuda = false;
  int index = 0;
};

/// What `wanted` says; where it is empty the environment variable KILN_DEVICE, else what the program was built for. Throws ValueError
/// for a wrong spelling, and for a program without code for CUDA.
DeviceChoice choose_device(const Program &program, std::string_view wanted);

/// What one call at a time works with on a device.
class DeviceCall {
public:
  virtual ~DeviceCall() = default;

  /// Memory of the host.
  struct Buffer {
    void *data;
    std::size_t bytes;
  };
  /// Calls `function` with contiguous inputs and outputs and returns when the outputs are there. `call` has the symbols; `timing` is told
  /// of each launch when it is measured. Returns what compiled code returns.
  virtual int32_t run(std::size_t function, kiln_call &call, std::span<const Buffer> inputs, std::span<const Buffer> outputs,
                      std::size_t arena_bytes, CallServices &timing) = 0;
};

class DeviceModel {
public:
  virtual ~DeviceModel() = default;

  /// Of the device among those of its kind.
  virtual int index() const = 0;
  /// Copies what `function` reads of state and prepared values, where it is not what the device has. The caller holds the model's lock
  /// and has made the function ready.
  virtual void refresh(const ModelParts &model, std::size_t function) = 0;
  virtual std::unique_ptr<DeviceCall> make_call() = 0;
};

} // namespace kiln::runtime

/// A CudaModel, for the caller to delete: opens the device and loads the program's kernels. Throws Error when there is no driver, no
/// device, or no code for it. An executable whose program has no code for CUDA defines this name itself, as nothing: choose_device
/// refuses such a program, so there it is never called, and the linker leaves the driver out.
extern "C" kiln::runtime::DeviceModel *kiln_make_cuda_model(const kiln::runtime::Program *program, int device_index);
