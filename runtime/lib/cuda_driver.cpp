// The driver library, its errors in words, devices and their memory.
#include "cuda_driver.h"

#include <dlfcn.h>

#include <type_traits>

#include "concat.h"

namespace kiln::runtime {

namespace {

constexpr const char *kLibrary = "libcuda.so.1";
constexpr const char *kUseProcessor = "\n  KILN_DEVICE=cpu runs the program on the processor";

// Of enum cudaError_enum and CUdevice_attribute.
constexpr CudaResult kOutOfMemory = 2, kNoDevice = 100, kNoBinary = 209, kStubLibrary = 34;
constexpr int kMajorAttribute = 75, kMinorAttribute = 76;

std::string describe(const CudaDriver &driver, CudaResult result) {
  const char *name = nullptr, *text = nullptr;
  driver.error_name(result, &name);
  driver.error_string(result, &text);
  return concat({text != nullptr ? text : "unknown error", " (", (name != nullptr ? name : "error"), ", ", result, ")"});
}

CudaDriver load() {
  void *library = ::dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    throw Error(concat(
        {std::string(
             "Found no NVIDIA driver on your system.\n  a program built for CUDA runs through the driver's library, and it "
             "can't be loaded: "),
         ::dlerror(), "\n  install NVIDIA's driver on a machine with an NVIDIA GPU; the CUDA toolkit is not needed",
         kUseProcessor}));
  CudaDriver driver{};
  auto find = [&](auto &function, const char *name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
    if (function == nullptr)
      throw Error(
          concat({kLibrary, " has no function ", name, ": the NVIDIA driver is too old for this program", kUseProcessor}));
  };
  find(driver.init, "cuInit");
  find(driver.error_name, "cuGetErrorName");
  find(driver.error_string, "cuGetErrorString");
  find(driver.device_count, "cuDeviceGetCount");
  find(driver.device_get, "cuDeviceGet");
  find(driver.device_name, "cuDeviceGetName");
  find(driver.device_attribute, "cuDeviceGetAttribute");
  find(driver.primary_context_retain, "cuDevicePrimaryCtxRetain");
  find(driver.primary_context_release, "cuDevicePrimaryCtxRelease_v2");
  find(driver.context_push, "cuCtxPushCurrent_v2");
  find(driver.context_pop, "cuCtxPopCurrent_v2");
  find(driver.module_load, "cuModuleLoadData");
  find(driver.module_unload, "cuModuleUnload");
  find(driver.module_function, "cuModuleGetFunction");
  find(driver.memory_allocate, "cuMemAlloc_v2");
  find(driver.memory_free, "cuMemFree_v2");
  find(driver.copy_to_device, "cuMemcpyHtoDAsync_v2");
  find(driver.copy_to_host, "cuMemcpyDtoHAsync_v2");
  find(driver.stream_create, "cuStreamCreate");
  find(driver.stream_destroy, "cuStreamDestroy_v2");
  find(driver.stream_synchronize, "cuStreamSynchronize");
  find(driver.launch, "cuLaunchKernel");
  const CudaResult result = driver.init(0);
  if (result == kNoDevice)
    throw Error(std::string("No CUDA GPUs are available\n  the NVIDIA driver is there and finds no device that it may use "
                            "(CUDA_VISIBLE_DEVICES can hide them)") +
                kUseProcessor);
  if (result == kStubLibrary)
    throw Error(concat({"Found no NVIDIA driver on your system.\n  ", kLibrary,
                        " is the CUDA toolkit's stub, which is for linking only: take its folder out of LD_LIBRARY_PATH",
                        kUseProcessor}));
  if (result != 0)
    throw Error(concat({"CUDA error: ", describe(driver, result), "\n  the NVIDIA driver can't be initialised", kUseProcessor}));
  return driver;
}

} // namespace

// Never unloaded: what uses it may be destroyed at the end of the process. A failure is not remembered, the next model tries again.
const CudaDriver &CudaDriver::get() {
  static const CudaDriver driver = load();
  return driver;
}

void CudaDriver::check(CudaResult result, std::string_view what) const {
  if (result == kNoBinary)
    throw Error("CUDA error: no kernel image is available for execution on the device\n  while " + std::string(what));
  if (result != 0)
    throw Error(concat({"CUDA error: ", describe(*this, result), "\n  while ", what}));
}

//===----------------------------------------------------------------------===//
// Devices
//===----------------------------------------------------------------------===//

CudaDevice::CudaDevice(int index) : driver_(CudaDriver::get()), index_(index) {
  int count = 0;
  driver_.check(driver_.device_count(&count), "counting devices");
  if (count == 0)
    throw Error(std::string("No CUDA GPUs are available") + kUseProcessor);
  if (index >= count)
    throw ValueError(concat({"CUDA error: invalid device ordinal\n  device cuda:", index, " is asked for, and there ",
                             (count == 1 ? "is 1 device, cuda:0" : concat({"are ", count, ", cuda:0 to cuda:", count - 1}))}));
  driver_.check(driver_.device_get(&device_, index), "opening the device");
  char text[256] = {};
  driver_.check(driver_.device_name(text, sizeof text - 1, device_), "asking for the device's name");
  name_ = text;
  int major = 0, minor = 0;
  driver_.check(driver_.device_attribute(&major, kMajorAttribute, device_), "asking for the device's architecture");
  driver_.check(driver_.device_attribute(&minor, kMinorAttribute, device_), "asking for the device's architecture");
  architecture_ = major * 10 + minor;
  // The context that all of a process share, with CUDA's runtime and PyTorch too.
  driver_.check(driver_.primary_context_retain(&context_, device_), "opening device " + name_);
}

// At the end of the process the driver may be gone before: results of what releases are nobody's.
CudaDevice::~CudaDevice() { driver_.primary_context_release(device_); }

CudaDevice::Current::Current(const CudaDevice &device) : driver_(device.driver()) {
  driver_.check(driver_.context_push(device.context_), concat({"making device ", device.name(), " current"}));
}
CudaDevice::Current::~Current() {
  CudaContext ours = nullptr;
  driver_.context_pop(&ours);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

CudaDevicePointer CudaBlock::reserve(std::size_t bytes, std::string_view owner) {
  if (bytes <= bytes_)
    return pointer_;
  release();
  const CudaResult result = driver_->memory_allocate(&pointer_, bytes);
  if (result == kOutOfMemory)
    throw Error(concat({"CUDA out of memory. Tried to allocate ", bytes, " bytes\n  for ", owner}));
  driver_->check(result, "allocating memory for " + std::string(owner));
  bytes_ = bytes;
  return pointer_;
}

void CudaBlock::release() {
  if (pointer_ != 0)
    driver_->memory_free(std::exchange(pointer_, 0));
  bytes_ = 0;
}

} // namespace kiln::runtime
