// One call: check, measure, lock, stage, run.
#include <algorithm>
#include <string>

#include "concat.h"
#include "context_parts.h"
#include "entry_check.h"
#include "model_parts.h"
#include "services.h"
#include "strided_copy.h"

namespace kiln::runtime {

namespace {

int64_t numel(const TensorView &view) { return element_count(view.sizes); }

std::size_t bytes_of(const TensorView &view) { return static_cast<std::size_t>(numel(view)) * element_size(view.dtype); }

/// The bytes between a tensor's first and last element.
struct Extent {
  const std::byte *begin, *end;
  bool overlaps(const Extent &other) const { return begin < other.end && other.begin < end; }
};

Extent extent_of(const TensorView &view) {
  const auto *first = static_cast<const std::byte *>(view.data);
  if (numel(view) == 0)
    return {first, first};
  if (view.strides.empty())
    return {first, first + bytes_of(view)};
  const auto element = static_cast<int64_t>(element_size(view.dtype));
  int64_t least = 0, greatest = 0;
  for (std::size_t d = 0; d < view.sizes.size(); ++d) {
    const int64_t reach = (view.sizes[d] - 1) * view.strides[d];
    (reach < 0 ? least : greatest) += reach;
  }
  return {first + least * element, first + (greatest + 1) * element};
}

/// Compiled code takes contiguous memory, aligned to its elements.
bool is_direct(const TensorView &view) {
  return reinterpret_cast<std::uintptr_t>(view.data) % element_size(view.dtype) == 0 &&
         is_contiguous(view.sizes, view.strides);
}

/// A pool as one call sees it: with the call's limit on threads.
class LimitedPool final : public Executor {
public:
  LimitedPool(ThreadPool &pool, int threads) : pool_(pool), threads_(threads > 0 ? threads : pool.threads()) {}
  void parallel_for(int64_t count, TaskRef task) override { pool_.parallel_for(count, task, threads_); }

private:
  ThreadPool &pool_;
  int threads_;
};

} // namespace

TensorView::TensorView(const Tensor &tensor)
    : data(tensor.defined() ? tensor.data() : nullptr), dtype(tensor.dtype()), defined(tensor.defined()),
      sizes(tensor.sizes()), strides(tensor.strides()) {}

ContextParts::ContextParts(const ModelParts &model) {
  std::size_t symbols = 0, inputs = 0, outputs = 0, sizes = 0;
  for (const Function &function : model.program.functions()) {
    symbols = std::max(symbols, function.symbols.size());
    inputs = std::max(inputs, function.inputs.size());
    outputs = std::max(outputs, function.outputs.size());
    std::size_t ranks = 0;
    for (const Argument &output : function.outputs)
      ranks += static_cast<std::size_t>(output.rank);
    sizes = std::max(sizes, ranks);
  }
  symbols_.resize(symbols);
  output_sizes_.resize(sizes);
  input_pointers_.resize(inputs);
  output_pointers_.resize(outputs);
  input_views_.reserve(inputs);
  output_views_.reserve(outputs);
}

//===----------------------------------------------------------------------===//
// The forms of a call
//===----------------------------------------------------------------------===//

std::span<const TensorView> ContextParts::views(std::span<const Tensor> tensors) {
  input_views_.assign(tensors.begin(), tensors.end());
  return input_views_;
}

std::vector<Tensor> ContextParts::call_new(ModelParts &model, std::string_view function, std::span<const Tensor> inputs,
                                           const CallOptions &options) {
  return call_new(model, function, views(inputs), options);
}

std::vector<Tensor> ContextParts::call_new(ModelParts &model, std::string_view function,
                                           std::span<const TensorView> inputs, const CallOptions &options) {
  const std::size_t index = model.program.function_index(function);
  const Function &callee = model.program.functions()[index];
  bind(callee, inputs);
  std::vector<Tensor> results;
  results.reserve(callee.outputs.size());
  for (std::size_t i = 0; i < callee.outputs.size(); ++i) {
    const auto sizes = sizes_of(callee, i);
    results.emplace_back(std::vector<int64_t>(sizes.begin(), sizes.end()), callee.outputs[i].dtype);
  }
  output_views_.assign(results.begin(), results.end());
  run(model, index, inputs, output_views_, options);
  return results;
}

void ContextParts::call_into(ModelParts &model, std::string_view function, std::span<const Tensor> inputs,
                             std::span<Tensor> outputs, const CallOptions &options) {
  const std::size_t index = model.program.function_index(function);
  const Function &callee = model.program.functions()[index];
  bind(callee, views(inputs));
  check_output_count(callee, outputs.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto sizes = sizes_of(callee, i);
    if (!outputs[i].defined())
      outputs[i] = Tensor(std::vector<int64_t>(sizes.begin(), sizes.end()), callee.outputs[i].dtype);
  }
  output_views_.assign(outputs.begin(), outputs.end());
  run(model, index, input_views_, output_views_, options);
}

void ContextParts::call_into(ModelParts &model, std::string_view function, std::span<const TensorView> inputs,
                             std::span<const TensorView> outputs, const CallOptions &options) {
  const std::size_t index = model.program.function_index(function);
  bind(model.program.functions()[index], inputs);
  check_output_count(model.program.functions()[index], outputs.size());
  run(model, index, inputs, outputs, options);
}

//===----------------------------------------------------------------------===//
// The steps of a call
//===----------------------------------------------------------------------===//

/// What `measure` refused.
[[noreturn]] static void fail_sizes(const Function &function, std::span<const int64_t> symbols, int64_t verdict) {
  std::string sizes;
  for (std::size_t i = 0; i < symbols.size(); ++i)
    sizes += concat({std::string(i == 0 ? "" : ", "), function.symbols[i], " = ", symbols[i]});
  if (verdict == -1)
    throw ValueError(concat({function.name, ": inputs with ", sizes, " need more memory than there can be"}));
  const uint64_t condition = static_cast<uint64_t>(-2 - verdict);
  throw ValueError(
      concat({(condition < function.descriptor->condition_count ? std::string(function.descriptor->conditions[condition])
                                                                : "the function is not for these sizes"),
              "\n  in a call of '", function.name, "' with ", sizes}));
}

void ContextParts::bind(const Function &function, std::span<const TensorView> inputs) {
  check_inputs(function, inputs, std::span(symbols_).first(function.symbols.size()));
  function.descriptor->measure(symbols_.data(), output_sizes_.data(), &arena_bytes_);
  if (arena_bytes_ < 0)
    fail_sizes(function, std::span(symbols_).first(function.symbols.size()), arena_bytes_);
}

std::span<const int64_t> ContextParts::sizes_of(const Function &function, std::size_t index) const {
  std::size_t first = 0;
  for (std::size_t i = 0; i < index; ++i)
    first += static_cast<std::size_t>(function.outputs[i].rank);
  return std::span(output_sizes_).subspan(first, static_cast<std::size_t>(function.outputs[index].rank));
}

void ContextParts::run(ModelParts &model, std::size_t index, std::span<const TensorView> inputs,
                       std::span<const TensorView> outputs, const CallOptions &options) {
  const Function &function = model.program.functions()[index];
  if (!options.launch_nanoseconds.empty() && options.launch_nanoseconds.size() != function.launches.size())
    throw ValueError(concat({function.name, ": launch_nanoseconds has ", options.launch_nanoseconds.size(), " entries: expected ",
                             function.launches.size(), ", one for each launch"}));
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    check_output(function, i, outputs[i], sizes_of(function, i));
    const Extent extent = extent_of(outputs[i]);
    if (model.overlaps_state(extent.begin, extent.end))
      fail_output_in_state(function, i);
    for (std::size_t j = 0; j < i; ++j)
      if (extent.overlaps(extent_of(outputs[j])))
        fail_outputs_overlap(function, j, i);
  }

  // `preparing` runs prepare functions, which other callers wait for: never the host's code.
  auto with_executors = [&](Executor &executor, Executor &preparing) {
    const StateLock::Hold hold(model.lock, function.writes.empty() ? StateLock::Kind::Shared : StateLock::Kind::Exclusive);
    stage(model, function, inputs, outputs);
    model.make_ready(index, preparing);
    execute(model, index, inputs, outputs, executor, options);
    for (std::size_t i = 0; i < outputs.size(); ++i)
      if (output_pointers_[i] != outputs[i].data)
        scatter(outputs[i].data, outputs[i].sizes, outputs[i].strides, output_pointers_[i],
                element_size(outputs[i].dtype));
  };
  if (Executor *host = options.executor != nullptr ? options.executor : model.executor) {
    CallingThread alone;
    return with_executors(*host, alone);
  }
  LimitedPool pool(*model.pool, options.threads);
  with_executors(pool, pool);
}

void ContextParts::stage(const ModelParts &model, const Function &function, std::span<const TensorView> inputs,
                         std::span<const TensorView> outputs) {
  // First what must be staged and how much that is, since the block may move when it grows; null marks what waits for a place.
  // Tensors that were expanded may have more bytes than there is memory, each and together.
  std::size_t bytes = 0;
  auto add = [&](const TensorView &view) {
    if (__builtin_add_overflow(bytes, aligned(bytes_of(view)), &bytes))
      throw ValueError(std::string(function.name) + ": inputs and outputs that are not contiguous need more memory than there can be");
  };
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Extent extent = extent_of(inputs[i]);
    const bool may_change = !function.writes.empty() && model.overlaps_state(extent.begin, extent.end);
    const bool direct = extent.begin == extent.end || (is_direct(inputs[i]) && !may_change);
    input_pointers_[i] = direct ? inputs[i].data : nullptr;
    if (!direct)
      add(inputs[i]);
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Extent extent = extent_of(outputs[i]);
    const bool is_input = std::any_of(inputs.begin(), inputs.end(),
                                      [&](const TensorView &input) { return extent.overlaps(extent_of(input)); });
    const bool direct = extent.begin == extent.end || (is_direct(outputs[i]) && !is_input);
    output_pointers_[i] = direct ? outputs[i].data : nullptr;
    if (!direct)
      add(outputs[i]);
  }
  if (bytes == 0)
    return;
  std::byte *place = staging_.reserve(bytes, function.name);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (input_pointers_[i] != nullptr || numel(inputs[i]) == 0)
      continue;
    gather(place, inputs[i].data, inputs[i].sizes, inputs[i].strides, element_size(inputs[i].dtype));
    input_pointers_[i] = place;
    place += aligned(bytes_of(inputs[i]));
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (output_pointers_[i] != nullptr || numel(outputs[i]) == 0)
      continue;
    output_pointers_[i] = place;
    place += aligned(bytes_of(outputs[i]));
  }
}

int32_t ContextParts::execute_on_cuda(ModelParts &model, std::size_t index, kiln_call &call, std::span<const TensorView> inputs,
                                      std::span<const TensorView> outputs, CallServices &services) {
  if (cuda_ == nullptr)
    cuda_ = model.cuda->make_call();
  model.cuda->refresh(model, index);
  cuda_inputs_.clear();
  for (std::size_t i = 0; i < inputs.size(); ++i)
    cuda_inputs_.push_back({const_cast<void *>(input_pointers_[i]), bytes_of(inputs[i])});
  cuda_outputs_.clear();
  for (std::size_t i = 0; i < outputs.size(); ++i)
    cuda_outputs_.push_back({output_pointers_[i], bytes_of(outputs[i])});
  return cuda_->run(index, call, cuda_inputs_, cuda_outputs_, static_cast<std::size_t>(arena_bytes_), services);
}

void ContextParts::execute(ModelParts &model, std::size_t index, std::span<const TensorView> inputs,
                           std::span<const TensorView> outputs, Executor &executor, const CallOptions &options) {
  const Function &function = model.program.functions()[index];
  CallServices services(executor);
  services.measure_launches(options.launch_nanoseconds);
  kiln_call call = services.make_call();
  call.symbols = symbols_.data();
  if (model.cuda != nullptr && function.has_cuda()) { // which writes no state
    if (const int32_t status = execute_on_cuda(model, index, call, inputs, outputs, services); status != KILN_OK)
      throw_status(model.program, std::string(function.name), status, call);
    return;
  }
  call.inputs = input_pointers_.data();
  call.outputs = output_pointers_.data();
  call.state = model.state_pointers.data();
  call.prepared = model.prepared_pointers.data();
  call.arena = arena_.reserve(static_cast<std::size_t>(arena_bytes_), function.name);
  // A call that failed, in whatever way, may have written some of its states before.
  struct Mark {
    ModelParts &model;
    const Function &function;
    bool complete = false;
    ~Mark() {
      if (!function.writes.empty())
        model.mark_changed(function.writes, complete);
    }
  } mark{model, function};
  const int32_t status = function.descriptor->run[static_cast<int>(model.instruction_set)](&call);
  mark.complete = status == KILN_OK && !services.failed();
  services.rethrow();
  if (status != KILN_OK)
    throw_status(model.program, std::string(function.name), status, call);
}

} // namespace kiln::runtime
