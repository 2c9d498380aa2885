// Model: laying out state, state_dict, loading weights, and calls through borrowed contexts.
#include "kiln/runtime/model.h"

#include <algorithm>
#include <cstring>

#include "concat.h"
#include "context_parts.h"
#include "memory_pages.h"
#include "model_parts.h"
#include "model_training.h"

namespace kiln::runtime {

//===----------------------------------------------------------------------===//
// Construction
//===----------------------------------------------------------------------===//

ModelParts::ModelParts(Program program, const ModelOptions &options)
    : program(std::move(program)),
      instruction_set(this->program.select_instruction_set(requested_instruction_set())), executor(options.executor) {
  if (executor == nullptr && options.threads != 0)
    own_pool = std::make_unique<ThreadPool>(options.threads);
  if (executor == nullptr)
    pool = own_pool ? own_pool.get() : &ThreadPool::shared();
  try {
    lay_out_state();
    lay_out_prepared_values();
  } catch (const Error &error) { // too large for this machine: the message says how much, not of what
    throw Error(concat({error.what(), "\n  for the state and the prepared values of program '", this->program.name(), "' (",
                        this->program.origin(), ")"}));
  }
  make_plans();
  if (const DeviceChoice device = choose_device(this->program, options.device); device.is_cuda)
    cuda = std::unique_ptr<DeviceModel>(kiln_make_cuda_model(&this->program, device.index));
}

void ModelParts::lay_out_state() {
  std::size_t bytes = 0;
  for (const State &state : program.states())
    bytes += aligned(state.bytes);
  state_block = Storage::allocate(bytes);
  std::byte *place = state_block->data();
  for (const State &state : program.states()) {
    // Each state has a Storage of its own, so that no two look like views of one tensor; together they keep the block alive.
    auto storage = Storage::wrap(place, state.bytes, [block = state_block] {});
    std::vector<int64_t> sizes(state.sizes.begin(), state.sizes.end());
    std::vector<int64_t> strides = contiguous_strides(sizes);
    states.emplace_back(std::move(storage), std::move(sizes), std::move(strides), 0, state.dtype);
    state_pointers.push_back(place);
    const bool zeros = state.kind == StateKind::Gradient || state.kind == StateKind::Optimizer;
    state_present.push_back(state.initial != nullptr || state.bytes == 0 || zeros);
    if (!zeros) // written here, or when weights are loaded
      make_pages(place, state.bytes);
    if (state.initial != nullptr)
      std::memcpy(place, state.initial, state.bytes);
    place += aligned(state.bytes);
  }
  state_versions.assign(states.size(), version);
}

StateDict Model::state_dict() const {
  StateDict result;
  const auto states = program().states();
  for (const StateName &name : program().state_names())
    if (name.persistent && (states[name.state].kind == StateKind::Parameter || states[name.state].kind == StateKind::Buffer))
      result.insert(std::string(name.name), parts_->states[name.state]);
  add_module_versions(program(), result);
  return result;
}

namespace {

StateDict named(const Program &program, const std::vector<Tensor> &values, StateKind kind) {
  StateDict result;
  std::vector<bool> seen(values.size());
  for (const StateName &name : program.state_names()) {
    if (program.states()[name.state].kind != kind || seen[name.state])
      continue;
    seen[name.state] = true;
    result.insert(std::string(name.name), values[name.state]);
  }
  return result;
}

} // namespace

StateDict Model::named_parameters() const { return named(program(), parts_->states, StateKind::Parameter); }
StateDict Model::named_buffers() const { return named(program(), parts_->states, StateKind::Buffer); }
const Tensor &Model::state(std::size_t index) const { return parts_->states.at(index); }

//===----------------------------------------------------------------------===//
// Changing state
//===----------------------------------------------------------------------===//

IncompatibleKeys Model::load_state_dict(const StateDict &source, bool strict) {
  const StateDict targets = state_dict();
  std::vector<std::string> modules;
  for (const ModuleEntry &module : program().modules())
    modules.push_back(module.path);
  const StateLock::Hold hold(parts_->lock, StateLock::Kind::Exclusive);
  IncompatibleKeys keys = copy_state_dict(std::string(program().model_type()), targets, source, strict, modules);
  std::vector<uint32_t> loaded;
  for (const StateName &name : program().state_names())
    if (targets.contains(name.name) &&
        std::find(keys.missing_keys.begin(), keys.missing_keys.end(), name.name) == keys.missing_keys.end())
      loaded.push_back(name.state);
  parts_->mark_changed(loaded);
  return keys;
}

void Model::update_state(const std::function<void()> &write) {
  std::vector<uint32_t> all(parts_->states.size());
  for (std::size_t i = 0; i < all.size(); ++i)
    all[i] = static_cast<uint32_t>(i);
  const StateLock::Hold hold(parts_->lock, StateLock::Kind::Exclusive);
  // Also when `write` throws half way: what it wrote until then is there.
  struct Mark {
    ModelParts &parts;
    std::vector<uint32_t> &states;
    ~Mark() { parts.mark_changed(states); }
  } mark{*parts_, all};
  write();
}

//===----------------------------------------------------------------------===//
// Contexts
//===----------------------------------------------------------------------===//

std::unique_ptr<ContextParts> ModelParts::take_context() {
  {
    std::lock_guard lock(contexts_mutex_);
    if (!contexts_.empty()) {
      std::unique_ptr<ContextParts> context = std::move(contexts_.back());
      contexts_.pop_back();
      return context;
    }
    contexts_.reserve(++contexts_made_);
  }
  return std::make_unique<ContextParts>(*this);
}

void ModelParts::give_back(std::unique_ptr<ContextParts> context) {
  std::lock_guard lock(contexts_mutex_);
  contexts_.push_back(std::move(context));
}

namespace {

/// A context from the model's own, for as long as a call takes.
class Borrowed {
public:
  explicit Borrowed(ModelParts &model) : model_(model), context_(model.take_context()) {}
  ~Borrowed() { model_.give_back(std::move(context_)); }
  Borrowed(const Borrowed &) = delete;
  Borrowed &operator=(const Borrowed &) = delete;
  ContextParts *operator->() const { return context_.get(); }

private:
  ModelParts &model_;
  std::unique_ptr<ContextParts> context_;
};

} // namespace

Model::Model(Program program, const ModelOptions &options)
    : parts_(std::make_shared<ModelParts>(std::move(program), options)) {}
Model::~Model() = default;
Model::Model(Model &&) noexcept = default;
Model &Model::operator=(Model &&) noexcept = default;

const Program &Model::program() const { return parts_->program; }
InstructionSet Model::instruction_set() const { return parts_->instruction_set; }
std::string Model::device() const {
  return parts_->cuda ? "cuda:" + std::to_string(parts_->cuda->index()) : std::string("cpu");
}

std::vector<std::vector<int64_t>> Model::output_sizes(std::string_view function, std::span<const TensorView> inputs) {
  const Function &callee = program().functions()[program().function_index(function)];
  Borrowed context(*parts_);
  context->bind(callee, inputs);
  std::vector<std::vector<int64_t>> result;
  for (std::size_t i = 0; i < callee.outputs.size(); ++i) {
    const auto sizes = context->sizes_of(callee, i);
    result.emplace_back(sizes.begin(), sizes.end());
  }
  return result;
}

template <class Inputs>
std::vector<Tensor> Model::call_new(std::string_view function, Inputs inputs, const CallOptions &options) {
  return Borrowed(*parts_)->call_new(*parts_, function, inputs, options);
}
template <class Inputs, class Outputs>
void Model::call_into(std::string_view function, Inputs inputs, Outputs outputs, const CallOptions &options) {
  Borrowed(*parts_)->call_into(*parts_, function, inputs, outputs, options);
}

Context::Context(const Model &model) : model_(model.parts_), parts_(std::make_unique<ContextParts>(*model_)) {}
Context::~Context() = default;
Context::Context(Context &&) noexcept = default;
Context &Context::operator=(Context &&) noexcept = default;

namespace {

/// A context is in use while one lives.
class InUse {
public:
  explicit InUse(ContextParts &context) : context_(context) { context_.in_use = true; }
  ~InUse() { context_.in_use = false; }
  InUse(const InUse &) = delete;
  InUse &operator=(const InUse &) = delete;

private:
  ContextParts &context_;
};

} // namespace

// A call within a call of the same context, by way of the host's executor, works with a context of the model's.
template <class Inputs>
std::vector<Tensor> Context::call_new(std::string_view function, Inputs inputs, const CallOptions &options) {
  if (parts_->in_use)
    return Borrowed(*model_)->call_new(*model_, function, inputs, options);
  const InUse mark(*parts_);
  return parts_->call_new(*model_, function, inputs, options);
}
template <class Inputs, class Outputs>
void Context::call_into(std::string_view function, Inputs inputs, Outputs outputs, const CallOptions &options) {
  if (parts_->in_use)
    return Borrowed(*model_)->call_into(*model_, function, inputs, outputs, options);
  const InUse mark(*parts_);
  parts_->call_into(*model_, function, inputs, outputs, options);
}

// What Callable's inline members call.
using Tensors = std::span<const Tensor>;
using Views = std::span<const TensorView>;
template KILN_API std::vector<Tensor> Model::call_new(std::string_view, Tensors, const CallOptions &);
template KILN_API std::vector<Tensor> Model::call_new(std::string_view, Views, const CallOptions &);
template KILN_API void Model::call_into(std::string_view, Tensors, std::span<Tensor>, const CallOptions &);
template KILN_API void Model::call_into(std::string_view, Views, Views, const CallOptions &);
template KILN_API std::vector<Tensor> Context::call_new(std::string_view, Tensors, const CallOptions &);
template KILN_API std::vector<Tensor> Context::call_new(std::string_view, Views, const CallOptions &);
template KILN_API void Context::call_into(std::string_view, Tensors, std::span<Tensor>, const CallOptions &);
template KILN_API void Context::call_into(std::string_view, Views, Views, const CallOptions &);

} // namespace kiln::runtime
