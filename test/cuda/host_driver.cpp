// The functions of CUDA's driver on the host. Signatures are cuda.h's; handles are pointers to what is here.
#include "host_driver.h"

#include "device_host_launch.h"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace {

using kiln::device::host::Kernel;

enum Result { kSuccess = 0, kInvalidValue = 1, kOutOfMemory = 2, kNoDevice = 100, kInvalidContext = 201, kNotFound = 500, kLaunchFailed = 719 };

struct Driver {
  // Calls come from any thread; a launch runs on one at a time, as fibers of one machine.
  std::mutex mutex;
  int devices = 1, major = 9, minor = 0;
  unsigned order = 0;
  int launch_failure = 0;
  std::size_t memory = SIZE_MAX;
  std::map<unsigned long long, std::size_t> allocations;
  kiln_host_driver_counts counts{};
} driver;

thread_local std::vector<void *> contexts; // the stack of current ones

struct Module {
  void *library;
  std::map<std::string, const Kernel *> kernels;
};
struct Stream {
  int failure = 0; // of a launch; what comes after does nothing
};

/// Whether all bytes are in one allocation.
bool is_device(unsigned long long address, std::size_t bytes) {
  auto after = driver.allocations.upper_bound(address);
  return after != driver.allocations.begin() && address - (--after)->first + bytes <= after->second;
}

int refuse_without_context() { return contexts.empty() ? kInvalidContext : kSuccess; }

} // namespace

#define KILN_DRIVER_CALL extern "C" __attribute__((visibility("default"))) int

KILN_DRIVER_CALL cuInit(unsigned) { return driver.devices == 0 ? kNoDevice : kSuccess; }
KILN_DRIVER_CALL cuGetErrorName(int result, const char **name) {
  *name = result == kLaunchFailed ? "CUDA_ERROR_LAUNCH_FAILED" : result == kInvalidContext ? "CUDA_ERROR_INVALID_CONTEXT" : "CUDA_ERROR";
  return kSuccess;
}
KILN_DRIVER_CALL cuGetErrorString(int result, const char **text) {
  *text = result == kLaunchFailed ? "unspecified launch failure" : "an error";
  return kSuccess;
}
KILN_DRIVER_CALL cuDeviceGetCount(int *count) { return *count = driver.devices, kSuccess; }
KILN_DRIVER_CALL cuDeviceGet(int *device, int ordinal) { return *device = ordinal, kSuccess; }
KILN_DRIVER_CALL cuDeviceGetName(char *name, int size, int) {
  std::strncpy(name, "Host", static_cast<std::size_t>(size));
  return kSuccess;
}
KILN_DRIVER_CALL cuDeviceGetAttribute(int *value, int attribute, int) {
  *value = attribute == 75 ? driver.major : driver.minor;
  return kSuccess;
}
KILN_DRIVER_CALL cuDevicePrimaryCtxRetain(void **context, int) {
  std::lock_guard guard(driver.mutex);
  ++driver.counts.live_contexts;
  *context = &driver;
  return kSuccess;
}
KILN_DRIVER_CALL cuDevicePrimaryCtxRelease_v2(int) {
  std::lock_guard guard(driver.mutex);
  --driver.counts.live_contexts;
  return kSuccess;
}
KILN_DRIVER_CALL cuCtxPushCurrent_v2(void *context) { return contexts.push_back(context), kSuccess; }
KILN_DRIVER_CALL cuCtxPopCurrent_v2(void **context) {
  if (contexts.empty())
    return kInvalidContext;
  *context = contexts.back();
  contexts.pop_back();
  return kSuccess;
}

KILN_DRIVER_CALL cuModuleLoadData(Module **module, const void *image) {
  if (const int result = refuse_without_context())
    return result;
  void *library = dlopen(static_cast<const char *>(image), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    return std::fprintf(stderr, "%s\n", dlerror()), kInvalidValue;
  *module = new Module{library, {}};
  auto kernels = reinterpret_cast<const Kernel *(*)()>(dlsym(library, "kiln_device_kernels"));
  for (const Kernel *kernel = kernels(); kernel != nullptr; kernel = kernel->next)
    (*module)->kernels[kernel->name] = kernel;
  std::lock_guard guard(driver.mutex);
  ++driver.counts.live_modules;
  return kSuccess;
}
KILN_DRIVER_CALL cuModuleUnload(Module *module) {
  dlclose(module->library);
  delete module;
  std::lock_guard guard(driver.mutex);
  --driver.counts.live_modules;
  return kSuccess;
}
KILN_DRIVER_CALL cuModuleGetFunction(const Kernel **function, Module *module, const char *name) {
  const auto found = module->kernels.find(name);
  if (found == module->kernels.end())
    return kNotFound;
  *function = found->second;
  return kSuccess;
}

KILN_DRIVER_CALL cuMemAlloc_v2(unsigned long long *pointer, std::size_t bytes) {
  if (const int result = refuse_without_context())
    return result;
  std::lock_guard guard(driver.mutex);
  if (bytes == 0)
    return kInvalidValue;
  if (bytes > driver.memory)
    return kOutOfMemory;
  void *block = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  std::memset(block, 0xa5, bytes);
  *pointer = reinterpret_cast<unsigned long long>(block);
  driver.allocations[*pointer] = bytes;
  ++driver.counts.live_allocations;
  return kSuccess;
}
KILN_DRIVER_CALL cuMemFree_v2(unsigned long long pointer) {
  if (const int result = refuse_without_context())
    return result;
  std::lock_guard guard(driver.mutex);
  if (driver.allocations.erase(pointer) == 0)
    return kInvalidValue;
  std::free(reinterpret_cast<void *>(pointer));
  --driver.counts.live_allocations;
  return kSuccess;
}
KILN_DRIVER_CALL cuMemcpyHtoDAsync_v2(unsigned long long to, const void *from, std::size_t bytes, Stream *) {
  std::lock_guard guard(driver.mutex);
  if (!is_device(to, bytes) || is_device(reinterpret_cast<unsigned long long>(from), 1))
    return kInvalidValue;
  std::memcpy(reinterpret_cast<void *>(to), from, bytes);
  ++driver.counts.copies_to_device;
  driver.counts.bytes_to_device += bytes;
  return kSuccess;
}
KILN_DRIVER_CALL cuMemcpyDtoHAsync_v2(void *to, unsigned long long from, std::size_t bytes, Stream *stream) {
  std::lock_guard guard(driver.mutex);
  if (stream->failure != 0)
    return stream->failure;
  if (!is_device(from, bytes) || is_device(reinterpret_cast<unsigned long long>(to), 1))
    return kInvalidValue;
  std::memcpy(to, reinterpret_cast<const void *>(from), bytes);
  ++driver.counts.copies_to_host;
  return kSuccess;
}

KILN_DRIVER_CALL cuStreamCreate(Stream **stream, unsigned) {
  if (const int result = refuse_without_context())
    return result;
  std::lock_guard guard(driver.mutex);
  *stream = new Stream;
  ++driver.counts.live_streams;
  return kSuccess;
}
KILN_DRIVER_CALL cuStreamDestroy_v2(Stream *stream) {
  delete stream;
  std::lock_guard guard(driver.mutex);
  --driver.counts.live_streams;
  return kSuccess;
}
KILN_DRIVER_CALL cuStreamSynchronize(Stream *stream) {
  std::lock_guard guard(driver.mutex);
  return stream->failure;
}

KILN_DRIVER_CALL cuLaunchKernel(const Kernel *kernel, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,
                                unsigned block_z, unsigned shared_bytes, Stream *stream, void **parameters, void **extra) {
  std::lock_guard guard(driver.mutex);
  if (driver.launch_failure != 0)
    return std::exchange(driver.launch_failure, 0);
  if (grid_x == 0 || grid_y != 1 || grid_z != 1 || static_cast<int>(block_x) != kernel->threads || block_y != 1 || block_z != 1 ||
      shared_bytes != 0 || extra != nullptr)
    return kInvalidValue;
  std::vector<long long> arguments;
  for (int i = 0; i < kernel->parameters; ++i)
    arguments.push_back(*static_cast<const long long *>(parameters[i]));
  const std::string error = kiln::device::host::launch(*kernel, grid_x, arguments.data(), driver.order);
  if (!error.empty()) {
    std::fprintf(stderr, "%s\n", error.c_str());
    stream->failure = kLaunchFailed; // as on a device: whoever waits is told
  }
  ++driver.counts.launches;
  driver.counts.blocks += grid_x;
  return kSuccess;
}

#define KILN_DRIVER_SWITCH extern "C" __attribute__((visibility("default")))

KILN_DRIVER_SWITCH kiln_host_driver_counts kiln_host_driver_get_counts() {
  std::lock_guard guard(driver.mutex);
  return driver.counts;
}
KILN_DRIVER_SWITCH void kiln_host_driver_reset() {
  std::lock_guard guard(driver.mutex);
  kiln_host_driver_counts zero{};
  zero.live_allocations = driver.counts.live_allocations;
  zero.live_streams = driver.counts.live_streams;
  zero.live_modules = driver.counts.live_modules;
  zero.live_contexts = driver.counts.live_contexts;
  driver.counts = zero;
  driver.order = 0;
  driver.launch_failure = 0;
  driver.memory = SIZE_MAX;
  driver.devices = 1, driver.major = 9, driver.minor = 0;
}
KILN_DRIVER_SWITCH void kiln_host_driver_set_devices(int count, int major, int minor) {
  driver.devices = count, driver.major = major, driver.minor = minor;
}
KILN_DRIVER_SWITCH void kiln_host_driver_set_order(unsigned seed) { driver.order = seed; }
KILN_DRIVER_SWITCH void kiln_host_driver_fail_launch(int result) { driver.launch_failure = result; }
KILN_DRIVER_SWITCH void kiln_host_driver_set_memory(std::size_t bytes) { driver.memory = bytes; }
