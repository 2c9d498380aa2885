// The C interface over Program and Model: converts structs, and exceptions to statuses.
#include "kiln/runtime/c_api.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "kiln/runtime/checkpoint.h"
#include "kiln/runtime/files.h"
#include "kiln/runtime/model.h"
#include "strided_copy.h"

using namespace kiln::runtime;

namespace {

/// A host's parallel_for as an Executor. A host in C++ may throw from it; the error is the host's own, not the runtime's.
class HostExecutor final : public Executor {
public:
  explicit HostExecutor(const kiln_runtime_options &options)
      : parallel_for_(options.parallel_for), executor_(options.executor) {}
  void parallel_for(int64_t count, TaskRef task) override {
    try {
      parallel_for_(
          executor_, [](void *argument, int64_t index) { (*static_cast<const TaskRef *>(argument))(index); }, &task, count);
    } catch (const std::exception &error) {
      throw Error(std::string("the host's parallel_for threw an exception: ") + error.what());
    } catch (...) {
      throw Error("the host's parallel_for threw an exception of unknown type");
    }
  }

private:
  decltype(kiln_runtime_options::parallel_for) parallel_for_;
  void *executor_;
};

thread_local std::string last_error;

/// Keeps the message; a message that can't be kept for want of memory must not turn a status into a crash.
kiln_status fail(kiln_status status, const char *message) noexcept {
  try {
    last_error = message;
  } catch (...) {
    last_error.clear();
  }
  return status;
}

/// Runs `body` and turns what it throws into a status.
template <class Body> kiln_status guarded(Body body) noexcept {
  try {
    body();
    return KILN_STATUS_OK;
  } catch (const IndexError &error) {
    return fail(KILN_STATUS_INDEX, error.what());
  } catch (const KeyError &error) {
    return fail(KILN_STATUS_KEY, error.what());
  } catch (const TypeError &error) {
    return fail(KILN_STATUS_TYPE, error.what());
  } catch (const ValueError &error) {
    return fail(KILN_STATUS_VALUE, error.what());
  } catch (const FileError &error) {
    return fail(KILN_STATUS_FILE, error.what());
  } catch (const StateDictError &error) {
    return fail(KILN_STATUS_STATE_DICT, error.what());
  } catch (const Error &error) {
    return fail(KILN_STATUS_ERROR, error.what());
  } catch (const std::bad_alloc &) {
    return fail(KILN_STATUS_MEMORY, "out of memory");
  } catch (const std::exception &error) {
    return fail(KILN_STATUS_INTERNAL, error.what());
  } catch (...) {
    return fail(KILN_STATUS_INTERNAL, "an exception of unknown type");
  }
}

void require(const void *pointer, const char *name) {
  if (pointer == nullptr)
    throw ValueError(std::string(name) + " is null");
}

/// One tensor of a call. The sizes are checked here, once: everything behind multiplies them freely.
TensorView view_of(const kiln_tensor &tensor) {
  if (tensor.dtype > KILN_DTYPE_FLOAT64)
    throw TypeError("a tensor has the unknown dtype " + std::to_string(tensor.dtype));
  if (tensor.rank != 0)
    require(tensor.sizes, "sizes of a tensor");
  const auto dtype = static_cast<DType>(tensor.dtype);
  const std::span<const int64_t> sizes(tensor.sizes, tensor.rank);
  if (std::ranges::any_of(sizes, [](int64_t size) { return size < 0; }) || !fits_memory(sizes, {}, element_size(dtype)))
    throw ValueError("a tensor of sizes " + shape_text(sizes) + " has a negative size, or more bytes than there can be");
  if (element_count(sizes) != 0)
    require(tensor.data, "data of a tensor");
  return {tensor.data, dtype, sizes, tensor.strides ? std::span(tensor.strides, tensor.rank) : std::span<const int64_t>()};
}

/// What one call's tensors look like to the runtime.
struct CallViews {
  std::vector<TensorView> inputs, outputs;
};

/// Views that no call uses now, kept so that a call allocates nothing after the first. A call in progress owns its own: while it
/// runs, the host's parallel_for may call again on the same thread, or go on with the call on another one.
class SpareViews {
public:
  std::unique_ptr<CallViews> take() {
    {
      std::lock_guard lock(mutex_);
      if (!spare_.empty()) {
        std::unique_ptr<CallViews> views = std::move(spare_.back());
        spare_.pop_back();
        return views;
      }
      spare_.reserve(++made_); // giving back never fails
    }
    return std::make_unique<CallViews>();
  }
  void give_back(std::unique_ptr<CallViews> views) noexcept {
    std::lock_guard lock(mutex_);
    spare_.push_back(std::move(views));
  }

private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<CallViews>> spare_;
  std::size_t made_ = 0;
};

/// The views of one call, given back with it.
class OwnViews {
public:
  explicit OwnViews(SpareViews &spare) : spare_(spare), views_(spare.take()) {}
  ~OwnViews() { spare_.give_back(std::move(views_)); }
  OwnViews(const OwnViews &) = delete;
  OwnViews &operator=(const OwnViews &) = delete;
  CallViews *operator->() const { return views_.get(); }

private:
  SpareViews &spare_;
  std::unique_ptr<CallViews> views_;
};

std::span<const TensorView> fill(std::vector<TensorView> &views, const kiln_tensor *tensors, uint32_t count,
                                 const char *name) {
  if (count != 0)
    require(tensors, name);
  views.clear();
  for (uint32_t i = 0; i < count; ++i)
    views.push_back(view_of(tensors[i]));
  return views;
}

/// Size of the options in version 1.0, the first: no host has shorter ones.
constexpr std::size_t kFirstOptionsSize = 24;

/// The part of options that this version knows; what an earlier version's host lacks is 0.
kiln_runtime_options known(const kiln_runtime_options *options) {
  kiln_runtime_options result{};
  if (options == nullptr)
    return result;
  if (options->struct_size < kFirstOptionsSize)
    throw ValueError("options have struct_size " + std::to_string(options->struct_size) + ": expected " +
                     std::to_string(sizeof(kiln_runtime_options)));
  std::memcpy(&result, options, std::min<std::size_t>(options->struct_size, sizeof result));
  return result;
}

void describe(const std::vector<Argument> &arguments, kiln_runtime_argument *result, uint32_t *count) {
  require(count, "count");
  const auto there = static_cast<uint32_t>(arguments.size());
  for (uint32_t i = 0; result != nullptr && i < std::min(*count, there); ++i)
    // The views come from null-terminated text of the descriptor.
    result[i] = {arguments[i].name.data(), static_cast<uint32_t>(arguments[i].dtype),
                 static_cast<uint32_t>(arguments[i].rank), arguments[i].shape_text.data()};
  *count = there;
}

} // namespace

struct kiln_runtime_program {
  Program program;
};

struct kiln_runtime_model {
  std::optional<HostExecutor> host; // outlives the model, which refers to it
  Model model;
  SpareViews spare_views;

  kiln_runtime_model(const Program &program, const kiln_runtime_options &options)
      : host(options.parallel_for ? std::optional<HostExecutor>(options) : std::nullopt),
        model(program, {options.threads, host ? &*host : nullptr}) {}
};

extern "C" {

const char *kiln_runtime_last_error(void) { return last_error.c_str(); }

kiln_status kiln_runtime_load(const char *path, kiln_runtime_program **program) {
  return guarded([&] {
    require(path, "path");
    require(program, "program");
    *program = new kiln_runtime_program{Program::load(path)};
  });
}

kiln_status kiln_runtime_from_descriptor(const kiln_program *descriptor, kiln_runtime_program **program) {
  return guarded([&] {
    require(descriptor, "descriptor");
    require(program, "program");
    *program = new kiln_runtime_program{Program::from(descriptor)};
  });
}

void kiln_runtime_unload(kiln_runtime_program *program) { delete program; }

uint32_t kiln_runtime_function_count(const kiln_runtime_program *program) {
  return program == nullptr ? 0 : static_cast<uint32_t>(program->program.functions().size());
}

kiln_status kiln_runtime_function_name(const kiln_runtime_program *program, uint32_t index, const char **name) {
  return guarded([&] {
    require(program, "program");
    require(name, "name");
    const auto functions = program->program.functions();
    if (index >= functions.size())
      throw IndexError("function " + std::to_string(index) + " of " + std::to_string(functions.size()));
    *name = functions[index].name.data();
  });
}

kiln_status kiln_runtime_inputs(const kiln_runtime_program *program, const char *function,
                                kiln_runtime_argument *arguments, uint32_t *count) {
  return guarded([&] {
    require(program, "program");
    require(function, "function");
    describe(program->program.functions()[program->program.function_index(function)].inputs, arguments, count);
  });
}

kiln_status kiln_runtime_outputs(const kiln_runtime_program *program, const char *function,
                                 kiln_runtime_argument *arguments, uint32_t *count) {
  return guarded([&] {
    require(program, "program");
    require(function, "function");
    describe(program->program.functions()[program->program.function_index(function)].outputs, arguments, count);
  });
}

kiln_status kiln_runtime_create_model(const kiln_runtime_program *program, const kiln_runtime_options *options,
                                      kiln_runtime_model **model) {
  return guarded([&] {
    require(program, "program");
    require(model, "model");
    *model = new kiln_runtime_model(program->program, known(options));
  });
}

void kiln_runtime_destroy_model(kiln_runtime_model *model) { delete model; }

kiln_status kiln_runtime_load_weights(kiln_runtime_model *model, const char *path, int strict) {
  return guarded([&] {
    require(model, "model");
    require(path, "path");
    model->model.load_state_dict(load(path), strict != 0);
  });
}

kiln_status kiln_runtime_output_sizes(kiln_runtime_model *model, const char *function, const kiln_tensor *inputs,
                                      uint32_t input_count, int64_t *sizes, uint32_t capacity) {
  return guarded([&] {
    require(model, "model");
    require(function, "function");
    std::vector<TensorView> views;
    const auto all = model->model.output_sizes(function, fill(views, inputs, input_count, "inputs"));
    std::vector<int64_t> flat;
    for (const auto &output : all)
      flat.insert(flat.end(), output.begin(), output.end());
    if (flat.size() > capacity)
      throw ValueError("there are " + std::to_string(flat.size()) + " output sizes, and there is room for " +
                       std::to_string(capacity));
    if (!flat.empty())
      require(sizes, "sizes");
    std::copy(flat.begin(), flat.end(), sizes);
  });
}

kiln_status kiln_runtime_call(kiln_runtime_model *model, const char *function, const kiln_tensor *inputs,
                              uint32_t input_count, const kiln_tensor *outputs, uint32_t output_count,
                              const kiln_runtime_options *options) {
  return guarded([&] {
    require(model, "model");
    require(function, "function");
    const kiln_runtime_options chosen = known(options);
    CallOptions call{chosen.threads, nullptr};
    std::optional<HostExecutor> host;
    if (chosen.parallel_for != nullptr)
      call.executor = &host.emplace(chosen);
    const OwnViews views(model->spare_views);
    const auto input_views = fill(views->inputs, inputs, input_count, "inputs");
    model->model.call(function, input_views, fill(views->outputs, outputs, output_count, "outputs"), call);
  });
}

//===----------------------------------------------------------------------===//
// Training
//===----------------------------------------------------------------------===//

static const char *optimizer_or_default(const char *optimizer) { return optimizer ? optimizer : "optimizer"; }

kiln_status kiln_runtime_save_weights(const kiln_runtime_model *model, const char *path) {
  return guarded([&] {
    require(model, "model");
    require(path, "path");
    save_weights(path, model->model);
  });
}

kiln_status kiln_runtime_save_checkpoint(const kiln_runtime_model *model, const char *path) {
  return guarded([&] {
    require(model, "model");
    require(path, "path");
    save_checkpoint(path, model->model);
  });
}

kiln_status kiln_runtime_load_checkpoint(kiln_runtime_model *model, const char *path) {
  return guarded([&] {
    require(model, "model");
    require(path, "path");
    load_checkpoint(path, model->model);
  });
}

kiln_status kiln_runtime_manual_seed(kiln_runtime_model *model, uint64_t seed) {
  return guarded([&] {
    require(model, "model");
    model->model.manual_seed(seed);
  });
}

kiln_status kiln_runtime_learning_rate(const kiln_runtime_model *model, const char *optimizer, uint32_t group, double *value) {
  return guarded([&] {
    require(model, "model");
    require(value, "value");
    *value = model->model.learning_rate(optimizer_or_default(optimizer), group);
  });
}

kiln_status kiln_runtime_set_learning_rate(kiln_runtime_model *model, const char *optimizer, uint32_t group, double value) {
  return guarded([&] {
    require(model, "model");
    model->model.set_learning_rate(value, optimizer_or_default(optimizer), group);
  });
}

kiln_status kiln_runtime_zero_grad(kiln_runtime_model *model, int set_to_none) {
  return guarded([&] {
    require(model, "model");
    model->model.zero_grad(set_to_none != 0);
  });
}

kiln_status kiln_runtime_gradient_statistics(const kiln_runtime_model *model, const char *parameter, kiln_tensor_statistics *result) {
  return guarded([&] {
    require(model, "model");
    require(parameter, "parameter");
    require(result, "result");
    for (const auto &[name, values] : model->model.gradient_statistics())
      if (name == parameter) {
        *result = {values.mean, values.std, values.norm};
        return;
      }
    throw KeyError("'" + std::string(parameter) + "' is no parameter with a gradient");
  });
}

} // extern "C"
