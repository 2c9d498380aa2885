// Models on CUDA devices.
#include "cuda_model.h"

#include <algorithm>

#include "aligned_block.h"
#include "concat.h"
#include "model_parts.h"

namespace kiln::runtime {

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

namespace {

/// The image for a device: machine code where some fits, the newest; else PTX. Null where there is neither.
const CudaImage *image_for(const CudaCode &code, int architecture) {
  const CudaImage *best = nullptr;
  for (const CudaImage &image : code.images) {
    const int own = static_cast<int>(image.architecture);
    const bool fits = image.is_ptx ? own <= architecture : own / 10 == architecture / 10 && own <= architecture;
    if (!fits)
      continue;
    const bool is_better = best == nullptr || (best->is_ptx && !image.is_ptx) ||
                           (best->is_ptx == image.is_ptx && best->architecture < image.architecture);
    if (is_better)
      best = &image;
  }
  return best;
}

std::string architecture_text(uint32_t architecture) { return "sm_" + std::to_string(architecture); }

} // namespace

CudaModel::CudaModel(const Program &program, int device_index) : program_(program), device_(device_index) {
  const CudaDevice::Current current(device_);
  try {
    load_kernels();
    device_.driver().check(device_.driver().stream_create(&stream_, 1 /* does not wait for the default stream */), "creating a stream");
    auto make_copies = [&](std::vector<Copy> &copies, std::vector<void *> &places, std::size_t count) {
      for (std::size_t i = 0; i < count; ++i)
        copies.push_back({CudaBlock(device_.driver()), 0});
      places.resize(count);
    };
    make_copies(states_, state_places_, program.states().size());
    make_copies(prepared_, prepared_places_, program.prepared_values().size());
    make_copies(constants_, constant_places_, program.cuda()->constants.size());
    upload_constants();
  } catch (...) {
    constants_.clear(); // while the device is current
    if (stream_ != nullptr)
      device_.driver().stream_destroy(stream_);
    if (module_ != nullptr)
      device_.driver().module_unload(module_);
    throw;
  }
  ready_.resize(program.functions().size());
}

CudaModel::~CudaModel() {
  const CudaDriver &driver = device_.driver();
  try {
    const CudaDevice::Current current(device_);
    states_.clear();
    prepared_.clear();
    constants_.clear();
    driver.stream_destroy(stream_);
    driver.module_unload(module_);
  } catch (const Error &) { // the process ends, and the driver is gone already, and all memory with it
  }
}

void CudaModel::load_kernels() {
  const CudaCode &code = *program_.cuda();
  const CudaImage *image = image_for(code, device_.architecture());
  if (image == nullptr) {
    std::string names;
    for (const CudaImage &other : code.images)
      names.append(names.empty() ? "" : ", ").append(architecture_text(other.architecture)).append(other.is_ptx ? " and later" : "");
    throw Error(concat({"CUDA error: no kernel image is available for execution on the device\n  device ", device_.name(), " is ",
                        architecture_text(static_cast<uint32_t>(device_.architecture())), ", and the code of program '",
                        program_.name(), "' is for ", names,
                        "\n  build it with --target=cuda:", architecture_text(static_cast<uint32_t>(device_.architecture()))}));
  }
  const CudaDriver &driver = device_.driver();
  driver.check(driver.module_load(&module_, image->bytes.data()),
               concat({"loading the kernels of program '", program_.name(), "'"}));
  for (const CudaKernel &kernel : code.kernels) {
    CudaFunction function = nullptr;
    driver.check(driver.module_function(&function, module_, std::string(kernel.name).c_str()),
                 "looking for kernel " + std::string(kernel.name));
    kernels_.push_back(function);
  }
}

//===----------------------------------------------------------------------===//
// Copies of state
//===----------------------------------------------------------------------===//

void CudaModel::upload(Copy &copy, void *&place, const void *data, std::size_t bytes, uint64_t version, std::string_view name) {
  if (copy.version == version)
    return;
  copy.version = 0; // until it has succeeded
  if (bytes != 0) {
    place = reinterpret_cast<void *>(copy.block.reserve(bytes, name));
    const CudaDriver &driver = device_.driver();
    driver.check(driver.copy_to_device(copy.block.pointer(), data, bytes, stream_), concat({"copying ", name, " to the device"}));
  }
  copy.version = version;
}

void CudaModel::upload_constants() {
  for (std::size_t i = 0; i < constants_.size(); ++i) {
    const std::span<const std::byte> constant = program_.cuda()->constants[i];
    upload(constants_[i], constant_places_[i], constant.data(), constant.size(), 1, "a constant of the program");
  }
  device_.driver().check(device_.driver().stream_synchronize(stream_), "copying constants to the device");
}

void CudaModel::refresh(const ModelParts &model, std::size_t function) {
  std::lock_guard guard(mutex_);
  if (ready_[function] == model.version)
    return;
  const CudaDevice::Current current(device_);
  const Function &callee = program_.functions()[function];
  for (uint32_t state : callee.reads)
    upload(states_[state], state_places_[state], model.state_pointers[state], program_.states()[state].bytes,
           model.state_versions[state], program_.states()[state].path);
  for (uint32_t value : callee.prepared) {
    const PreparedValue &prepared = program_.prepared_values()[value];
    upload(prepared_[value], prepared_places_[value], model.prepared_pointers[value], prepared.bytes,
           model.prepared_version(prepared.prepare), prepared.name);
  }
  // The copies are the processor's to change when this returns, and other streams may read them.
  device_.driver().check(device_.driver().stream_synchronize(stream_), "copying state to the device");
  ready_[function] = model.version;
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

std::unique_ptr<DeviceCall> CudaModel::make_call() { return std::make_unique<CudaCall>(*this); }

CudaCall::CudaCall(CudaModel &model) : model_(model), memory_(model.device().driver()) {
  const CudaDevice::Current current(model_.device());
  const CudaDriver &driver = model_.device().driver();
  driver.check(driver.stream_create(&stream_, 1), "creating a stream");
}

CudaCall::~CudaCall() {
  try {
    const CudaDevice::Current current(model_.device());
    const CudaBlock released(std::move(memory_));
    model_.device().driver().stream_destroy(stream_);
  } catch (const Error &) { // the driver is gone, and all memory with it
  }
}

void CudaCall::queue(void *executor, uint32_t kernel, int64_t blocks, const int64_t *arguments) noexcept {
  auto &self = *static_cast<CudaCall *>(executor);
  if (self.failure_ != 0)
    return;
  const CudaKernel &entry = self.model_.program_.cuda()->kernels[kernel];
  // The driver wants the address of each argument, and copies what is there.
  for (uint32_t i = 0; i < entry.argument_count; ++i)
    self.parameters_[i] = const_cast<int64_t *>(arguments + i);
  self.failure_ = self.model_.device().driver().launch(self.model_.kernels_[kernel], static_cast<unsigned>(blocks), 1, 1, entry.threads, 1,
                                                       1, 0, self.stream_, self.parameters_.data(), nullptr);
  if (self.failure_ != 0)
    self.failed_kernel_ = entry.name;
}

void CudaCall::before_launch(void *executor, int64_t launch) noexcept {
  auto &self = *static_cast<CudaCall *>(executor);
  // Only then has the launch before it ended.
  if (const CudaResult result = self.model_.device().driver().stream_synchronize(self.stream_); self.failure_ == 0)
    self.failure_ = result;
  self.timing_->before_launch(launch);
}

int32_t CudaCall::run(std::size_t function, kiln_call &call, std::span<const Buffer> inputs, std::span<const Buffer> outputs,
                      std::size_t arena_bytes, CallServices &timing) {
  static constexpr kiln_services kServices = {sizeof(kiln_services), nullptr, nullptr, queue};
  static constexpr kiln_services kMeasuringServices = {sizeof(kiln_services), nullptr, before_launch, queue};
  const Function &callee = model_.program_.functions()[function];
  const CudaDriver &driver = model_.device().driver();
  const std::string name(callee.name);
  const CudaDevice::Current current(model_.device());

  constexpr std::size_t kPlace = 256; // as cuMemAlloc aligns
  auto placed = [](std::size_t bytes) { return (bytes + kPlace - 1) / kPlace * kPlace; };
  std::size_t bytes = placed(arena_bytes);
  for (std::span<const Buffer> buffers : {inputs, outputs})
    for (const Buffer &buffer : buffers)
      bytes += placed(buffer.bytes);
  CudaDevicePointer place = memory_.reserve(bytes, concat({"inputs, outputs and temporaries of '", name, "'"}));
  call.arena = reinterpret_cast<void *>(place);
  place += placed(arena_bytes);
  inputs_.clear();
  for (const Buffer &input : inputs) {
    if (input.bytes != 0)
      driver.check(driver.copy_to_device(place, input.data, input.bytes, stream_),
                   concat({"copying inputs of '", name, "' to the device"}));
    inputs_.push_back(reinterpret_cast<const void *>(place));
    place += placed(input.bytes);
  }
  outputs_.clear();
  for (const Buffer &output : outputs) {
    outputs_.push_back(reinterpret_cast<void *>(place));
    place += placed(output.bytes);
  }
  uint32_t parameters = 0;
  for (const CudaKernel &kernel : model_.program_.cuda()->kernels)
    parameters = std::max(parameters, kernel.argument_count);
  parameters_.resize(parameters);

  call.inputs = inputs_.data();
  call.outputs = outputs_.data();
  call.state = model_.state_places_.data();
  call.prepared = model_.prepared_places_.data();
  call.constants = model_.constant_places_.data();
  call.services = timing.is_measuring() ? &kMeasuringServices : &kServices;
  call.executor = this;
  timing_ = &timing;
  failure_ = 0;
  const int32_t status = callee.descriptor->run_cuda(&call);
  if (failure_ == 0 && status == KILN_OK)
    for (std::size_t i = 0; i < outputs.size() && failure_ == 0; ++i)
      if (outputs[i].bytes != 0)
        failure_ = driver.copy_to_host(outputs[i].data, reinterpret_cast<CudaDevicePointer>(outputs_[i]), outputs[i].bytes, stream_);
  // Always: what is queued works with this call's memory.
  const CudaResult finished = driver.stream_synchronize(stream_);
  driver.check(failure_ != 0 ? failure_ : finished,
               concat({"running '", name, "'", (failed_kernel_.empty() ? "" : ", kernel " + std::exchange(failed_kernel_, {}))}));
  return status;
}

} // namespace kiln::runtime

kiln::runtime::DeviceModel *kiln_make_cuda_model(const kiln::runtime::Program *program, int device_index) {
  return new kiln::runtime::CudaModel(*program, device_index);
}
