// Model's checkpoint as a Value, and back: all of it is checked before any of it is taken.
#include <algorithm>
#include <map>

#include "checkpoint_origin.h"
#include "concat.h"
#include "foreign_text.h"
#include "model_training.h"
#include "name_list.h"

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
  NameList names(20);
  for (const auto &[other, value] : dict)
    if (const auto *text = std::get_if<std::string>(&other))
      names.add(in_quotes(*text));
  throw KeyError(concat({"the checkpoint has no entry '", key, "'; it has ", names.count() == 0 ? "none" : names.text(),
                         "\n  to begin with its weights alone: --weights=FILE --key=KEY, the entry that they are under"}));
}

constexpr const char *kIgnore = "--ignore-fingerprint (ignore_fingerprint = true)";

class CheckpointLoader {
public:
  CheckpointLoader(ModelParts &parts, const StateDict &targets, bool ignore_fingerprint)
      : parts_(parts), targets_(targets), ignore_fingerprint_(ignore_fingerprint) {}

  /// Checks everything but the names and shapes of the model's own state_dict.
  void plan(const Value &checkpoint) {
    const auto *dict = checkpoint.get_if<Value::Dict>();
    if (!dict)
      throw TypeError(std::string("a checkpoint is a dict, found ") + checkpoint.type_name());
    check_no_state_dict(*dict);
    source_ = to_state_dict(entry(*dict, "model"), "'model' of the checkpoint");
    const Value *kiln = dict->find("kiln");
    const auto *own = kiln ? kiln->get_if<Value::Dict>() : nullptr;
    if (kiln && !own)
      throw TypeError(concat({"'kiln' of the checkpoint is of type ", kiln->type_name(), ", expected a dict"}));
    if (!ignore_fingerprint_)
      check_origin(*dict, own);
    for (const OptimizerDescription &optimizer : program().optimizers()) {
      const Value &source = entry(*dict, std::string(optimizer.name));
      check_optimizer_kind(optimizer, source, own);
      take(plan_optimizer(program(), optimizer, source, ignore_fingerprint_));
    }
    if (!own)
      return; // one of PyTorch's has nothing else, and as there nothing else changes
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

  /// Throws for weights alone, which are no checkpoint.
  static void check_no_state_dict(const Value::Dict &dict) {
    for (const auto &[key, value] : dict)
      if (!value.get_if<Tensor>())
        return;
    if (!dict.empty())
      throw TypeError(concat({"this is a state_dict (", dict.size(), (dict.size() == 1 ? " tensor" : " tensors"),
                              "), not a checkpoint: there is no optimizer's state to go on with\n"
                              "  --weights=FILE (load_state_dict) begins with its weights"}));
  }

  /// Throws where the checkpoint is of another architecture, or of optimizers with other options.
  void check_origin(const Value::Dict &dict, const Value::Dict *own) const {
    const Value *found = own ? own_entry(*own, "fingerprint") : nullptr;
    const auto *text = found ? found->get_if<std::string>() : nullptr;
    if (found && !text)
      throw TypeError(concat({"'fingerprint' of the checkpoint is of type ", found->type_name(), ", expected str"}));
    const bool is_other = text && *text != program().fingerprint();
    std::string differences, options;
    try {
      if (is_other)
        copy_into(blank(targets_)); // for its list of differences
    } catch (const StateDictError &error) {
      differences = error.what();
    }
    for (const OptimizerDescription &optimizer : program().optimizers())
      if (const Value *source = differences.empty() ? dict.find(std::string(optimizer.name)) : nullptr) {
        check_optimizer_kind(optimizer, *source, own);
        check_optimizer_groups(program(), optimizer, *source);
        if (const std::string lines = type_difference(optimizer, own) + option_differences(optimizer, *source); !lines.empty())
          options += concat({lines, "\n  optimizer: ", optimizer.name, " (", optimizer.type, ")"});
      }
    // Options may decide what an optimizer keeps, and so the fingerprint.
    if (!options.empty())
      throw ValueError(
          concat({"the checkpoint is of optimizers with other options than program '", program().name(), "' was compiled with",
                  options, "\n  options but lr are constants of a compiled program: build it with ",
                  "those of the checkpoint, or go on with the compiled ones by ", kIgnore}));
    if (!is_other)
      return;
    const bool has_optimizers = std::ranges::all_of(
        program().optimizers(), [&](const OptimizerDescription &optimizer) { return dict.contains(std::string(optimizer.name)); });
    const std::string remedy = has_optimizers ? concat({"\n  names and shapes are the same: ", kIgnore, " takes it"})
                                              : "\n  begin with the checkpoint's weights alone: --weights=FILE --key=model";
    const std::string other = origin_text(program(), *own);
    throw StateDictError(concat({(differences.empty() ? concat({other, origin_differences(program(), dict, *own), remedy})
                                                      : concat({differences, "\n  ", other})),
                                 "\n  fingerprint found:    ", shown(*text),
                                 "\n  fingerprint expected: ", program().fingerprint()}));
  }

  /// What a checkpoint of this program has under "kiln"; null where it is of another one, by the caller's leave.
  const Value *own_entry(const Value::Dict &own, const std::string &key) const {
    const Value *found = own.find(key);
    if (!found && !ignore_fingerprint_)
      fail_half(concat({"'", key, "'\n  'kiln' of the checkpoint has no such entry"}));
    return found;
  }

  [[noreturn]] static void fail_half(const std::string &message) {
    throw KeyError(concat({message, "\n  ", kIgnore, " takes the rest, and leaves the model's own where something is missing"}));
  }

  void plan_generator(const Value::Dict &own) {
    const Value *found = program().generator() ? own_entry(own, "generator") : nullptr;
    if (!found)
      return;
    const auto *numbers = found->items();
    if (!numbers || numbers->size() != 2 || !(*numbers)[0].get_if<int64_t>() || !(*numbers)[1].get_if<int64_t>())
      throw TypeError(concat({"'generator' of the checkpoint is ", found->text(), ", expected [seed, offset]"}));
    const int64_t values[] = {*(*numbers)[0].get_if<int64_t>(), *(*numbers)[1].get_if<int64_t>()};
    updates_.push_back({*program().generator(), Tensor::from<int64_t>(values, {2})});
  }

  /// Those that are missing are None.
  void plan_gradients(const Value::Dict &own) {
    if (program().gradients().empty())
      return;
    const Value *found = own.find("gradients");
    StateDict gradients = found ? to_state_dict(*found, "'gradients' of the checkpoint") : StateDict();
    Tensor flags({static_cast<int64_t>(program().gradients().size())}, DType::Bool);
    for (const Gradient &gradient : program().gradients()) {
      const std::string name = name_of(program(), gradient.parameter);
      const Tensor *value = gradients.find(name);
      flags.data<bool>()[gradient.flag] = value != nullptr;
      updates_.push_back({gradient.state, value ? fitted(*value, gradient.state, "gradient of " + name) : Tensor()});
      gradients.erase(name);
    }
    check_all_taken(gradients, "gradients", "parameter with a gradient");
    updates_.push_back({*program().gradient_flags(), std::move(flags)});
  }

  void plan_buffers(const Value::Dict &own) {
    const StateDict needed = hidden_buffers(program(), parts_.states);
    const Value *found = needed.empty() ? own.find("buffers") : own_entry(own, "buffers");
    StateDict buffers = found ? to_state_dict(*found, "'buffers' of the checkpoint") : StateDict();
    for (const StateName &name : program().state_names()) {
      const Tensor *value = name.persistent ? nullptr : buffers.find(name.name);
      if (!value && needed.contains(name.name) && !ignore_fingerprint_)
        fail_half(concat({"'", name.name, "'\n  'buffers' of the checkpoint has no such entry"}));
      if (!value)
        continue;
      updates_.push_back({name.state, fitted(*value, name.state, std::string(name.name))});
      buffers.erase(std::string(name.name));
    }
    check_all_taken(buffers, "buffers", "buffer that is not persistent");
  }

  void check_all_taken(const StateDict &rest, const std::string &entry, const std::string &kind) const {
    if (!rest.empty() && !ignore_fingerprint_)
      fail_half(concat({in_quotes(rest.begin()->first), "\n  '", entry, "' of the checkpoint has it, but the program has no such ",
                        kind}));
  }

  Tensor fitted(const Tensor &value, uint32_t state, const std::string &what) const {
    const State &expected = program().states()[state];
    if (!value.defined() || !std::ranges::equal(value.sizes(), expected.sizes))
      throw StateDictError(
          concat({"size mismatch for ", what, ": copying a param with shape torch.Size(",
                  (value.defined() ? value.shape_text() : "undefined"),
                  ") from checkpoint, the shape in current model is torch.Size(", shape_text(expected.sizes), ")."}));
    return value.to(expected.dtype).contiguous();
  }

  ModelParts &parts_;
  const StateDict &targets_;
  const bool ignore_fingerprint_;
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
    Value::Dict own = describe_origin(program());
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
  CheckpointLoader loader(*parts_, targets, ignore_fingerprint);
  loader.plan(checkpoint);
  while_writing(*parts_, [&] { loader.apply(); });
}

} // namespace kiln::runtime
