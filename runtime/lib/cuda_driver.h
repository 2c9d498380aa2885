// NVIDIA's driver, found when a model is to run on CUDA: the runtime is built and runs without it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "kiln/runtime/error.h"

namespace kiln::runtime {

// As in cuda.h.
using CudaResult = int; // 0: success
using CudaDevicePointer = unsigned long long;
using CudaContext = struct CUctx_st *;
using CudaModule = struct CUmod_st *;
using CudaFunction = struct CUfunc_st *;
using CudaStream = struct CUstream_st *;

/// The functions of the driver that are used.
struct CudaDriver {
  CudaResult (*init)(unsigned flags);
  CudaResult (*error_name)(CudaResult result, const char **name);
  CudaResult (*error_string)(CudaResult result, const char **text);
  CudaResult (*device_count)(int *count);
  CudaResult (*device_get)(int *device, int ordinal);
  CudaResult (*device_name)(char *name, int size, int device);
  CudaResult (*device_attribute)(int *value, int attribute, int device);
  CudaResult (*primary_context_retain)(CudaContext *context, int device);
  CudaResult (*primary_context_release)(int device);
  CudaResult (*context_push)(CudaContext context);
  CudaResult (*context_pop)(CudaContext *context);
  CudaResult (*module_load)(CudaModule *module, const void *image);
  CudaResult (*module_unload)(CudaModule module);
  CudaResult (*module_function)(CudaFunction *function, CudaModule module, const char *name);
  CudaResult (*memory_allocate)(CudaDevicePointer *pointer, std::size_t bytes);
  CudaResult (*memory_free)(CudaDevicePointer pointer);
  CudaResult (*copy_to_device)(CudaDevicePointer to, const void *from, std::size_t bytes, CudaStream stream);
  CudaResult (*copy_to_host)(void *to, CudaDevicePointer from, std::size_t bytes, CudaStream stream);
  CudaResult (*stream_create)(CudaStream *stream, unsigned flags);
  CudaResult (*stream_destroy)(CudaStream stream);
  CudaResult (*stream_synchronize)(CudaStream stream);
  CudaResult (*launch)(CudaFunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,
                       unsigned block_z, unsigned shared_bytes, CudaStream stream, void **parameters, void **extra);

  /// The driver, loaded and initialised once. Throws Error, saying what is missing and what to do, when there is none or no device.
  static const CudaDriver &get();

  /// Throws Error unless `result` is success. `what` names the step: "loading its kernels".
  void check(CudaResult result, std::string_view what) const;
};

/// A device that is open. Lives as long as what was made on it.
class CudaDevice {
public:
  /// Throws Error when there is no such device.
  explicit CudaDevice(int index);
  ~CudaDevice();
  CudaDevice(const CudaDevice &) = delete;
  CudaDevice &operator=(const CudaDevice &) = delete;

  const CudaDriver &driver() const { return driver_; }
  int index() const { return index_; }
  const std::string &name() const { return name_; }
  /// 80 for sm_80.
  int architecture() const { return architecture_; }

  /// The device is the calling thread's current one while this lives; what was before is again after.
  class Current {
  public:
    explicit Current(const CudaDevice &device);
    ~Current();
    Current(const Current &) = delete;
    Current &operator=(const Current &) = delete;

  private:
    const CudaDriver &driver_;
  };

private:
  const CudaDriver &driver_;
  int index_, device_ = 0, architecture_ = 0;
  std::string name_;
  CudaContext context_ = nullptr;
};

/// Memory of a device, which grows when needed. Its owner makes the device current around every use, the destructor too.
class CudaBlock {
public:
  explicit CudaBlock(const CudaDriver &driver) : driver_(&driver) {}
  ~CudaBlock() { release(); }
  CudaBlock(CudaBlock &&other) noexcept
      : driver_(other.driver_), pointer_(std::exchange(other.pointer_, 0)), bytes_(std::exchange(other.bytes_, 0)) {}
  CudaBlock &operator=(CudaBlock &&) = delete;

  /// At least `bytes` bytes, aligned to 256; what was there before is lost when the block grows. Throws Error.
  CudaDevicePointer reserve(std::size_t bytes, std::string_view owner);
  CudaDevicePointer pointer() const { return pointer_; }

private:
  void release();

  const CudaDriver *driver_;
  CudaDevicePointer pointer_ = 0;
  std::size_t bytes_ = 0;
};

} // namespace kiln::runtime
