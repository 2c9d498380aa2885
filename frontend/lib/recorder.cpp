// Recording operations, views and in-place writes.
//
// Values of the trace never change. A tensor that is written in place has a storage whose current value is replaced: the write
// goes through the inverse of each view step down to the whole, and every other view computes its value anew when it is next
// read.
//
// The state is read and written the same way: a name of the model stands for a tensor, and assigning to it makes it stand for
// another one. What the tensors hold when the function ends is what the states are given.
#include "recorder.h"

#include <algorithm>
#include <atomic>

#include "autograd.h"
#include "errors.h"
#include "program_recorder.h"

namespace kiln::detail {

using semantics::Attributes;
using semantics::DimExpr;
using semantics::kAbsent;
using semantics::TensorType;
using semantics::ValueId;

namespace {

thread_local Recorder *current_recorder = nullptr;
std::atomic<uint64_t> run_count{0};

std::vector<DimExpr> dim_exprs(const std::vector<int64_t> &sizes) { return {sizes.begin(), sizes.end()}; }

std::vector<int64_t> sizes_of(const TensorType &type) {
  std::vector<int64_t> sizes;
  for (const DimExpr &size : type.sizes)
    sizes.push_back(*size.constant());
  return sizes;
}

TensorType type_of(const Geometry &geometry, DType dtype) { return {dtype, dim_exprs(geometry.sizes)}; }

std::string tensor_text(const TensorImpl &impl) {
  return "a tensor " + sizes_text(geometry_of(impl).sizes) + " of " + std::string(runtime::name(dtype_of(impl)));
}

[[noreturn]] void fail_foreign(const Geometry &geometry, DType dtype) {
  fail("a tensor " + sizes_text(geometry.sizes) + " of " + std::string(runtime::name(dtype)) +
       " that is not registered is written in place while recording\nthe compiled function would not keep the new value: "
       "register the tensor with register_buffer or register_parameter");
}

} // namespace

Recorder *Recorder::current() { return current_recorder; }
void Recorder::set_current(Recorder *recorder) { current_recorder = recorder; }

Recorder::Recorder(ProgramRecorder &program, std::map<std::string, int64_t> symbols, int64_t first_site)
    : program_(program), run_(++run_count), previous_(current_recorder), next_site_(first_site),
      autograd_(std::make_unique<Autograd>(*this, program)) {
  trace_.symbols = std::move(symbols);
  current_recorder = this;
}

Recorder::~Recorder() {
  current_recorder = previous_;
  for (const Binding &bound : bindings_)
    if (bound.slot)
      bound.slot->recorded = nullptr;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

const TensorType &Recorder::type(ValueId value) const { return trace_.function.values[static_cast<std::size_t>(value)]; }

RecordedPlace Recorder::here() const {
  const nn::Module *module = running_module();
  return {capture_frames(), module ? std::to_string(program_.module_index(*running_module())) : ""};
}

std::vector<ValueId> Recorder::emit(const std::string &operation, std::vector<ValueId> operands, Attributes attributes,
                                    const std::vector<TensorType> &results, const RecordedPlace *place) {
  semantics::RecordedFunction &function = trace_.function;
  RecordedPlace at = place ? *place : here();
  semantics::RecordedOperation recorded{operation, std::move(operands),      std::move(attributes),
                                        {},        std::move(at.module_key), std::move(at.frames)};
  for (const TensorType &result : results) {
    recorded.results.push_back(static_cast<ValueId>(function.values.size()));
    defined_by_[recorded.results.back()] = function.operations.size();
    function.values.push_back(result);
  }
  std::vector<ValueId> ids = recorded.results;
  function.operations.push_back(std::move(recorded));
  return ids;
}

std::vector<ValueId> Recorder::emit_inferred(const std::string &operation, std::vector<ValueId> operands, Attributes attributes,
                                             const RecordedPlace *place) {
  autograd_->cut_operands(operation, operands, place);
  std::vector<std::optional<TensorType>> types;
  for (ValueId operand : operands)
    types.push_back(operand == kAbsent ? std::nullopt : std::optional(type(operand)));
  std::vector<TensorType> results;
  try {
    results = semantics::infer(operation, types, attributes);
  } catch (const runtime::Error &error) {
    rethrow_with(error, describe_failure(operation, operands, attributes, error.what()));
  }
  std::vector<ValueId> values = emit(operation, operands, std::move(attributes), results, place);
  autograd_->note_results(operation, operands, values);
  return values;
}

Tensor Recorder::new_value(ValueId value) {
  auto impl = std::make_shared<TensorImpl>();
  auto node = std::make_shared<ViewNode>();
  node->storage = std::make_shared<SymbolicStorage>();
  node->storage->run = run_;
  node->storage->value = value;
  node->storage->dtype = type(value).dtype;
  node->storage->geometry = node->geometry = Geometry::contiguous(sizes_of(type(value)));
  impl->symbolic = std::move(node);
  return TensorAccess::wrap(std::move(impl));
}

Tensor Recorder::add_input(const std::string &name, std::vector<int64_t> sizes, DType dtype) {
  const auto value = static_cast<ValueId>(trace_.function.values.size());
  trace_.function.values.push_back({dtype, dim_exprs(sizes)});
  trace_.function.inputs.push_back({name, value});
  return new_value(value);
}

void Recorder::add_output(const std::string &name, const Tensor &tensor) {
  trace_.function.outputs.push_back({name, operand_value(tensor)});
}

ValueId Recorder::constant_value(const TensorImpl &impl) {
  if (impl.origin && impl.origin->run != run_)
    program_.report_baked_constant(impl, running_module());
  const runtime::Tensor value = impl.value.clone();
  return emit("nn.constant", {}, {{"value", value}}, {semantics::type_of(value)})[0];
}

ValueId Recorder::operand_value(const Tensor &tensor) {
  const TensorImplPtr impl = TensorAccess::impl(tensor);
  if (!impl)
    return kAbsent;
  if (!impl->symbolic && !is_recorded(impl) && concrete_requires_grad(*impl))
    adopt(impl); // a leaf, though no state: all its uses are one value
  if (impl->symbolic || is_recorded(impl))
    return value_of(node_of(impl));
  return constant_value(*impl);
}

std::vector<Tensor> Recorder::record(const char *operation, const std::vector<Tensor> &operands, const Attributes &attributes) {
  std::vector<ValueId> values;
  for (const Tensor &operand : operands)
    values.push_back(operand_value(operand));
  std::vector<Tensor> results;
  for (ValueId value : emit_inferred(operation, std::move(values), attributes))
    results.push_back(new_value(value));
  return results;
}

//===----------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------===//

bool Recorder::is_recorded(const TensorImplPtr &impl) {
  if (impl->symbolic)
    return true;
  if (!impl->value.defined())
    return false;
  const runtime::Storage *storage = impl->value.storage().get();
  return roots_.count(storage) != 0 || program_.find_state(storage) >= 0;
}

void Recorder::check_run(const ViewNode &node) const {
  if (node.storage->run != run_)
    fail("a tensor of " + std::string(runtime::name(node.storage->dtype)) + " with " + std::to_string(node.geometry.rank()) +
         " dimensions that an earlier run of a recorded function made is used here\na value of one run can't be kept for the "
         "next, for "
         "instance in a member: register a buffer for what is to be remembered, and assign to it");
}

// The root of a state's storage, or of a concrete storage that a recorded operation wrote to.
std::shared_ptr<ViewNode> Recorder::root_of(const TensorImplPtr &impl) {
  const runtime::Storage *key = impl->value.storage().get();
  std::shared_ptr<ViewNode> &root = roots_[key];
  if (root)
    return root;
  const int32_t state = program_.find_state(key);
  const TensorImplPtr &base = program_.state(state).impl;
  root = std::make_shared<ViewNode>();
  root->storage = std::make_shared<SymbolicStorage>();
  root->storage->run = run_;
  root->storage->dtype = base->value.dtype();
  root->storage->geometry = root->geometry = geometry_of(*base);
  root->storage->state = state;
  root->owner = base.get();
  kept_alive_.push_back(base);
  return root;
}

// From now on the elements of this concrete tensor's storage are a value of the recording.
std::shared_ptr<ViewNode> Recorder::adopt(TensorImplPtr impl) {
  while (impl->view_of)
    impl = impl->view_of;
  auto root = std::make_shared<ViewNode>();
  root->storage = std::make_shared<SymbolicStorage>();
  root->storage->run = run_;
  root->storage->dtype = impl->value.dtype();
  root->storage->geometry = root->geometry = geometry_of(*impl);
  root->storage->value = constant_value(*impl);
  root->owner = impl.get();
  root->storage->is_foreign = impl->origin && impl->origin->run != run_;
  roots_[impl->value.storage().get()] = root;
  nodes_[impl.get()] = root;
  kept_alive_.push_back(impl);
  return root;
}

std::shared_ptr<ViewNode> Recorder::node_of(const TensorImplPtr &impl) {
  if (impl->symbolic) {
    check_run(*impl->symbolic);
    return impl->symbolic;
  }
  auto known = nodes_.find(impl.get());
  if (known != nodes_.end())
    return known->second;
  std::shared_ptr<ViewNode> root = root_of(impl), node;
  const Geometry geometry = geometry_of(*impl);
  const Geometry &whole = root->geometry;
  bool detached = false; // from the root
  for (const TensorImpl *view = impl.get(); view != root->owner && view->view_of; view = view->view_of.get())
    detached = detached || view->view_step.detached;
  if (!detached && geometry.sizes == whole.sizes && geometry.strides == whole.strides && geometry.offset == whole.offset) {
    node = root;
  } else if (impl->view_of) {
    node = std::make_shared<ViewNode>();
    node->parent = node_of(impl->view_of);
    node->storage = node->parent->storage;
    node->step = impl->view_step;
    node->geometry = geometry;
    node->owner = impl.get();
  } else {
    fail(tensor_text(*impl) + " shares the storage of a registered tensor " + sizes_text(whole.sizes) +
         " in a way that Kiln can't follow\nregister the tensor that the other one is a view of, or clone() one of them");
  }
  if (node->storage->state >= 0)
    program_.check_state_use(node->storage->state, call_stack_.empty() ? nullptr : call_stack_.front().module);
  nodes_[impl.get()] = node;
  kept_alive_.push_back(impl);
  return node;
}

ValueId Recorder::value_of(const std::shared_ptr<ViewNode> &node) {
  return autograd_->leaf_value(node, computed_value(node));
}

ValueId Recorder::computed_value(const std::shared_ptr<ViewNode> &node) {
  SymbolicStorage &storage = *node->storage;
  if (!node->parent) {
    if (storage.state >= 0)
      trace_.aliasing.seen[storage.state] = trace_.aliasing.written.size();
    if (storage.value == kAbsent)
      storage.value =
          emit("nn.read", {}, {{"state", "#" + std::to_string(storage.state)}}, {type_of(storage.geometry, storage.dtype)})[0];
    return storage.value;
  }
  const ValueId parent = value_of(node->parent);
  if (node->value != kAbsent && node->version == storage.version && node->from == parent)
    return node->value;
  const GradModeGuard with_history(true); // whether the view has one was decided where it was made
  const ViewStep &step = node->step;
  const RecordedPlace *place = step.place.get();
  ValueId value = parent;
  switch (step.kind) {
  case ViewStep::Kind::Alias:
    break;
  case ViewStep::Kind::Reshape:
    value = emit_inferred("nn.reshape", {parent}, {{"shape", dim_exprs(node->geometry.sizes)}}, place)[0];
    break;
  case ViewStep::Kind::Permute:
    value = emit_inferred("nn.permute", {parent}, {{"dims", step.dims}}, place)[0];
    break;
  case ViewStep::Kind::Expand:
    value = emit_inferred("nn.expand", {parent}, {{"shape", dim_exprs(node->geometry.sizes)}}, place)[0];
    break;
  case ViewStep::Kind::Slice:
    value = emit_inferred("nn.slice", {parent},
                          {{"dim", step.dim}, {"start", DimExpr(step.start)}, {"end", DimExpr(step.end)}, {"step", step.step}},
                          place)[0];
    break;
  case ViewStep::Kind::Dropout:
    value = emit_inferred("nn.dropout", {parent}, {{"p", step.p}, {"training", false}, {"site", int64_t{0}}}, place)[0];
    break;
  }
  if (step.detached)
    value = autograd_->detached(value, place);
  node->value = value;
  node->from = parent;
  node->version = storage.version;
  return value;
}

//===----------------------------------------------------------------------===//
// Writes
//===----------------------------------------------------------------------===//

void Recorder::write_node(const std::shared_ptr<ViewNode> &node, ValueId value) {
  SymbolicStorage &storage = *node->storage;
  if (!node->parent) {
    if (storage.is_foreign)
      fail_foreign(storage.geometry, storage.dtype);
    storage.value = value;
    ++storage.version;
    if (storage.state >= 0)
      note_written(storage.state);
    return;
  }
  const ViewStep &step = node->step;
  ValueId whole = value;
  switch (step.kind) {
  case ViewStep::Kind::Alias:
  case ViewStep::Kind::Dropout:
    break;
  case ViewStep::Kind::Reshape:
    whole = emit_inferred("nn.reshape", {value}, {{"shape", dim_exprs(node->parent->geometry.sizes)}})[0];
    break;
  case ViewStep::Kind::Permute: {
    std::vector<int64_t> inverse(step.dims.size());
    for (std::size_t d = 0; d < step.dims.size(); ++d)
      inverse[static_cast<std::size_t>(step.dims[d])] = static_cast<int64_t>(d);
    whole = emit_inferred("nn.permute", {value}, {{"dims", inverse}})[0];
    break;
  }
  case ViewStep::Kind::Expand: {
    // Where it repeats nothing, it is a reshape.
    const std::vector<int64_t> &before = node->parent->geometry.sizes;
    if (Geometry::contiguous(before).numel() != node->geometry.numel())
      fail("a part of an expanded tensor is written in place, which Kiln can't compile\nwrite to the tensor before it is "
           "expanded, "
           "or clone() the expanded one");
    whole = emit_inferred("nn.reshape", {value}, {{"shape", dim_exprs(before)}})[0];
    break;
  }
  case ViewStep::Kind::Slice:
    whole =
        emit_inferred("nn.slice_scatter", {value_of(node->parent), value},
                      {{"dim", step.dim}, {"start", DimExpr(step.start)}, {"end", DimExpr(step.end)}, {"step", step.step}})[0];
    break;
  }
  write_node(node->parent, whole);
  node->value = value;
  node->from = node->parent->parent ? node->parent->value : storage.value;
  node->version = storage.version;
}

void Recorder::write(const TensorImplPtr &target, const Tensor &value) {
  if (!is_recorded(target)) {
    if (target->origin && target->origin->run != run_)
      fail_foreign(geometry_of(*target), dtype_of(*target));
    adopt(target);
  }
  const std::shared_ptr<ViewNode> node = node_of(target);
  ValueId written = operand_value(value);
  const bool cut = autograd_->check_write(*node);
  if (cut && autograd_->requires_grad(written))
    written = autograd_->detached(written);
  const GradModeGuard mode(!cut);
  write_node(node, written);
}

//===----------------------------------------------------------------------===//
// State
//===----------------------------------------------------------------------===//

const semantics::Frames *StateAliasing::shows(int32_t written_state, int32_t other) const {
  const auto last_use = seen.find(other);
  const std::size_t end = !assigned.count(other) ? written.size() : last_use == seen.end() ? 0 : last_use->second;
  for (std::size_t i = 0; i < end; ++i)
    if (written[i].first == written_state)
      return &written[i].second;
  return nullptr;
}

Recorder::Binding &Recorder::binding(int32_t state) {
  auto found = std::find_if(bindings_.begin(), bindings_.end(), [&](const Binding &bound) { return bound.state == state; });
  if (found == bindings_.end())
    found = bindings_.insert(bindings_.end(), {state, nullptr, {}});
  found->place = here();
  return *found;
}

void Recorder::note_written(int32_t state) {
  auto &written = trace_.aliasing.written;
  if (std::none_of(written.begin(), written.end(), [&](const auto &entry) { return entry.first == state; }))
    written.emplace_back(state, capture_frames());
  binding(state);
}

void Recorder::assign_buffer(const std::shared_ptr<TensorSlot> &slot, const Tensor &value) {
  const int32_t state = slot->impl && slot->impl->value.defined() ? program_.find_state(slot->impl->value.storage().get()) : -1;
  if (state < 0)
    fail("buffer '" + slot->name +
         "' can't be assigned while recording: it had no tensor before\nregister it with a tensor of its shape");
  const StateEntry &entry = program_.state(state);
  if (entry.slots.size() > 1)
    fail("buffer '" + slot->name + "' is assigned while recording, but its tensor is registered as '" +
         (entry.slots[0] == slot ? entry.slots[1] : entry.slots[0])->name +
         "' too\nthe two would part: write into the tensor in place, with copy_(), or register clone()s");
  const TensorImplPtr before = entry.impl, after = TensorAccess::impl(value);
  const Geometry geometry = geometry_of(*after);
  if (geometry.sizes != geometry_of(*before).sizes || dtype_of(*after) != before->value.dtype())
    fail("buffer '" + slot->name + "' is " + std::string(runtime::name(before->value.dtype())) +
         sizes_text(geometry_of(*before).sizes) + ", but is assigned " + std::string(runtime::name(dtype_of(*after))) +
         sizes_text(geometry.sizes) + " while recording\na compiled model's state keeps its shape and type");
  program_.check_state_use(state, call_stack_.empty() ? nullptr : call_stack_.front().module);
  if (!is_recorded(after))
    adopt(after);
  node_of(after); // throws for a tensor that can't be followed
  // As in Python, the name stands for the very tensor from now on: later writes to it are seen through the name.
  slot->recorded = after;
  slot->recorded_run = run_;
  binding(state).slot = slot;
}

Trace Recorder::finish() {
  std::map<const SymbolicStorage *, std::vector<std::pair<int32_t, semantics::Frames>>> bound_to;
  for (const Binding &bound : bindings_)
    if (bound.slot)
      trace_.aliasing.assigned.insert(bound.state);
  for (const auto &[key, root] : roots_)
    if (const int32_t state = root->storage->state; state >= 0 && !trace_.aliasing.assigned.count(state))
      bound_to[root->storage.get()].emplace_back(state, semantics::Frames());
  std::vector<ValueId> values;
  for (const Binding &bound : bindings_) {
    const std::shared_ptr<ViewNode> node = node_of(bound.slot ? bound.slot->recorded : program_.state(bound.state).impl);
    values.push_back(value_of(node));
    if (bound.slot)
      bound_to[node->storage.get()].emplace_back(bound.state, bound.place.frames);
  }
  for (const auto &[storage, states] : bound_to)
    for (std::size_t i = 1; i < states.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        trace_.aliasing.shared.push_back({states[j].first, states[i].first, states[i].second});
  for (std::size_t i = 0; i < bindings_.size(); ++i)
    emit("nn.write", {values[i]}, {{"state", "#" + std::to_string(bindings_[i].state)}}, {}, &bindings_[i].place);
  return std::move(trace_);
}

void Recorder::tensors_materialized() { program_.refresh_states(); }

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

bool Recorder::enter_module(nn::Module &module) {
  if (running_module() == &module)
    return false;
  if (!program_.check_module_call(module, call_stack_.empty() ? nullptr : call_stack_.front().module))
    return false;
  ModuleCall call;
  call.module = &module;
  call.module_key = std::to_string(program_.module_index(module));
  call.first_operation = trace_.function.operations.size();
  trace_.calls.push_back(std::move(call));
  call_stack_.push_back({&module, trace_.calls.size() - 1});
  return true;
}

void Recorder::module_returned(nn::Module &module, const std::vector<Tensor> &outputs) {
  ModuleCall &call = trace_.calls[call_stack_.back().call];
  for (const Tensor &output : outputs) {
    const TensorImplPtr impl = TensorAccess::impl(output);
    if (!impl)
      continue;
    call.output_sizes.push_back(geometry_of(*impl).sizes);
    if (impl->symbolic && impl->symbolic->storage->value != kAbsent)
      returned_by_.emplace(impl->symbolic->parent ? impl->symbolic->value : impl->symbolic->storage->value, &module);
  }
}

void Recorder::leave_module() {
  trace_.calls[call_stack_.back().call].last_operation = trace_.function.operations.size();
  call_stack_.pop_back();
}

} // namespace kiln::detail
