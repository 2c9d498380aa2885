// Model's checkpoint as a Value, and back: all of it is checked before any of it is taken.
#include <algorithm>
#include <map>

#include "model_training.h"

namespace kiln::runtime {

namespace {

/// Names and states of what compiled code keeps between calls and no state_dict holds: buffers that are not persistent and that
/// some function writes.
StateDict hidden_buffers(const Program &program, const std::vector<Tensor> &states) {
  StateDict result;
  for (const StateName &name : program.state_names()) {
    const bool written = std::ranges::any_of(program.functions(), [&](const Function &function) {
      return std::ranges::find(function.writes, name.state) != function.writes.end();
    });
    if (!name.persistent && written)
      result.insert(std::string(name.name), states[name.state]);
  }
  return result;
}

/// Gradients matter to what comes only where some function reads what an earlier call left.
bool reads_gradient(const Program &program, const Gradient &gradient) {
  return std::ranges::any_of(program.functions(), [&](const Function &function) {
    return std::ranges::find(function.reads, gradient.state) != function.reads.end();
  });
}

/// Copies, of which tied names share one as they share the state.
StateDict copied(const StateDict &tensors) {
  std::map<const Storage *, Tensor> copies;
  StateDict result;
  for (const auto &[name, tensor] : tensors) {
    auto [place, added] = copies.try_emplace(tensor.storage().get());
    if (added)
      place->second = tensor.clone();
    result.insert(name, place->second);
  }
  for (const auto &[module, version] : tensors.module_versions())
    result.set_module_version(module, version);
  return result;
}

/// Tensors of the same names, dtypes and sizes, to try on what source would do.
StateDict blank(const StateDict &tensors) {
  StateDict result;
  for (const auto &[name, tensor] : tensors)
    result.insert(name, Tensor({tensor.sizes().begin(), tensor.sizes().end()}, tensor.dtype()));
  return result;
}

/// Finds the entries of a dict, with errors that say which there are.
const Value &entry(const Value::Dict &dict, const std::string &key) {
  if (const Value *value = dict.find(key))
    return *value;
  std::string names;
  for (const auto &[other, value] : dict)
    if (const auto *text = std::get_if<std::string>(&other))
      names += (names.empty() ? "'" : ", '") + *text + "'";
  throw KeyError("'" + key + "'\n  the checkpoint has no such entry; it has " + (names.empty() ? "none" : names));
}

class CheckpointLoader {
public:
  CheckpointLoader(ModelParts &parts, const StateDict &targets) : parts_(parts), targets_(targets) {}

  /// Checks everything but the names and shapes of the model's own state_dict.
  void plan(const Value &checkpoint, bool ignore_fingerprint) {
    const auto *dict = checkpoint.get_if<Value::Dict>();
    if (!dict)
      throw TypeError(std::string("a checkpoint is a dict, found ") + checkpoint.type_name());
    source_ = to_state_dict(entry(*dict, "model"), "'model' of the checkpoint");
    const Value *kiln = dict->find("kiln");
    const Value::Dict nothing, *own = kiln ? kiln->get_if<Value::Dict>() : &nothing;
    if (!own)
      throw TypeError(std::string("'kiln' of the checkpoint is of type ") + kiln->type_name() + ", expected a dict");
    if (!ignore_fingerprint)
      check_fingerprint(*own);
    for (const OptimizerDescription &optimizer : program().optimizers())
      take(plan_optimizer(program(), optimizer, entry(*dict, std::string(optimizer.name))));
    plan_generator(*own);
    plan_gradients(*own);
    plan_buffers(*own);
  }

  /// Takes it. The caller holds the lock exclusively.
  void apply() {
    copy_into(targets_);
    std::vector<uint32_t> loaded;
    for (const StateName &name : program().state_names())
      if (targets_.contains(name.name))
        loaded.push_back(name.state);
    parts_.mark_changed(loaded);
    apply_updates(parts_, updates_);
  }

private:
  const Program &program() const { return parts_.program; }

  void take(std::vector<StateUpdate> updates) {
    std::ranges::move(updates, std::back_inserter(updates_));
  }

  void copy_into(const StateDict &targets) const {
    std::vector<std::string> modules;
    for (const ModuleEntry &module : program().modules())
      modules.push_back(module.path);
    copy_state_dict(std::string(program().model_type()), targets, source_, /*strict=*/true, modules);
  }

  void check_fingerprint(const Value::Dict &own) const {
    const Value *found = own.find("fingerprint");
    const auto *text = found ? found->get_if<std::string>() : nullptr;
    if (!text || *text == program().fingerprint())
      return;
    std::string message = "the checkpoint is of another architecture than program '" + std::string(program().name()) +
                          "'\n  fingerprint found:    " + *text + "\n  fingerprint expected: " + std::string(program().fingerprint());
    try {
      copy_into(blank(targets_)); // for its list of differences
    } catch (const StateDictError &error) {
      message += std::string("\n") + error.what();
    }
    throw StateDictError(message);
  }

  void plan_generator(const Value::Dict &own) {
    const Value *found = own.find("generator");
    if (!found || !program().generator())
      return;
    const auto *numbers = found->items();
    if (!numbers || numbers->size() != 2 || !(*numbers)[0].get_if<int64_t>() || !(*numbers)[1].get_if<int64_t>())
      throw TypeError("'generator' of the checkpoint is " + found->text() + ", expected [seed, offset]");
    const int64_t values[] = {*(*numbers)[0].get_if<int64_t>(), *(*numbers)[1].get_if<int64_t>()};
    updates_.push_back({*program().generator(), Tensor::from<int64_t>(values, {2})});
  }

  void plan_gradients(const Value::Dict &own) {
    if (program().gradients().empty())
      return;
    const Value *found = own.find("gradients");
    const StateDict gradients = found ? to_state_dict(*found, "'gradients' of the checkpoint") : StateDict();
    Tensor flags({static_cast<int64_t>(program().gradients().size())}, DType::Bool);
    for (const Gradient &gradient : program().gradients()) {
      const std::string name = name_of(program(), gradient.parameter);
      const Tensor *value = gradients.find(name);
      flags.data<bool>()[gradient.flag] = value != nullptr;
      updates_.push_back({gradient.state, value ? fitted(*value, gradient.state, "gradient of " + name) : Tensor()});
    }
    updates_.push_back({*program().gradient_flags(), std::move(flags)});
  }

  void plan_buffers(const Value::Dict &own) {
    const Value *found = own.find("buffers");
    const StateDict buffers = found ? to_state_dict(*found, "'buffers' of the checkpoint") : StateDict();
    for (const StateName &name : program().state_names())
      if (const Tensor *value = name.persistent ? nullptr : buffers.find(name.name))
        updates_.push_back({name.state, fitted(*value, name.state, std::string(name.name))});
  }

  Tensor fitted(const Tensor &value, uint32_t state, const std::string &what) const {
    const State &expected = program().states()[state];
    if (!value.defined() || !std::ranges::equal(value.sizes(), expected.sizes))
      throw StateDictError("size mismatch for " + what + ": copying a param with shape torch.Size(" +
                           (value.defined() ? value.shape_text() : "undefined") +
                           ") from checkpoint, the shape in current model is torch.Size(" + shape_text(expected.sizes) + ").");
    return value.to(expected.dtype).contiguous();
  }

  ModelParts &parts_;
  const StateDict &targets_;
  StateDict source_;
  std::vector<StateUpdate> updates_;
};

} // namespace

StateDict Model::snapshot() const {
  return while_reading(*parts_, [&] { return copied(state_dict()); });
}

Value Model::checkpoint() const {
  return while_reading(*parts_, [&] {
    Value::Dict result{{"model", to_value(copied(state_dict()))}};
    for (const OptimizerDescription &optimizer : program().optimizers())
      result.set(std::string(optimizer.name), optimizer_value(*parts_, optimizer));
    Value::Dict own{{"fingerprint", std::string(program().fingerprint())}, {"program", std::string(program().name())}};
    if (const auto generator = program().generator()) {
      const auto *values = static_cast<const int64_t *>(parts_->state_pointers[*generator]);
      own.set("generator", Value::List{values[0], values[1]});
    }
    StateDict gradients;
    for (const Gradient &gradient : program().gradients())
      if (gradient_flags_of(*parts_)[gradient.flag] && reads_gradient(program(), gradient))
        gradients.insert(name_of(program(), gradient.parameter), parts_->states[gradient.state]);
    if (!gradients.empty())
      own.set("gradients", to_value(copied(gradients)));
    if (const StateDict buffers = hidden_buffers(program(), parts_->states); !buffers.empty())
      own.set("buffers", to_value(copied(buffers)));
    result.set("kiln", std::move(own));
    return Value(std::move(result));
  });
}

void Model::load_checkpoint(const Value &checkpoint, bool ignore_fingerprint) {
  const StateDict targets = state_dict();
  CheckpointLoader loader(*parts_, targets);
  loader.plan(checkpoint, ignore_fingerprint);
  while_writing(*parts_, [&] { loader.apply(); });
}

} // namespace kiln::runtime
