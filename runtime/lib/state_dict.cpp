// StateDict and loading one into another by PyTorch's rules.
//
// The text and its order follow `torch.nn.Module.load_state_dict`: missing names, unexpected names, then size mismatches. PyTorch
// walks the module tree and, at each module, lists the names below it that no child claims; here the walk is a sort by the position
// of the module at which a name stops fitting.
#include "kiln/runtime/state_dict.h"

#include <algorithm>
#include <set>

#include "concat.h"
#include "foreign_text.h"
#include "kiln/runtime/spelling.h"

namespace kiln::runtime {

//===----------------------------------------------------------------------===//
// StateDict
//===----------------------------------------------------------------------===//

StateDict::StateDict(std::initializer_list<value_type> entries) {
  for (const value_type &entry : entries)
    insert(entry.first, entry.second);
}

void StateDict::insert(std::string name, Tensor tensor) {
  auto [place, added] = index_.try_emplace(name, entries_.size());
  if (added)
    entries_.emplace_back(std::move(name), std::move(tensor));
  else
    entries_[place->second].second = std::move(tensor);
}

const Tensor *StateDict::find(std::string_view name) const {
  auto found = index_.find(name);
  return found == index_.end() ? nullptr : &entries_[found->second].second;
}

const Tensor &StateDict::at(std::string_view name) const {
  if (const Tensor *tensor = find(name))
    return *tensor;
  std::vector<std::string_view> names;
  for (const value_type &entry : entries_)
    names.push_back(entry.first);
  throw KeyError(concat({"'", name, "' is not ", place_, suggestion(name, names)}));
}

bool StateDict::erase(std::string_view name) {
  auto found = index_.find(name);
  if (found == index_.end())
    return false;
  const std::size_t place = found->second;
  index_.erase(found);
  entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(place));
  for (auto &[key, index] : index_)
    index -= index > place;
  return true;
}

void StateDict::clear() {
  entries_.clear();
  index_.clear();
  versions_.clear();
}

std::vector<std::string> StateDict::keys() const {
  std::vector<std::string> names;
  names.reserve(entries_.size());
  for (const value_type &entry : entries_)
    names.push_back(entry.first);
  return names;
}

std::optional<int64_t> StateDict::module_version(std::string_view module_path) const {
  auto found = versions_.find(module_path);
  return found == versions_.end() ? std::nullopt : std::optional(found->second);
}

void StateDict::set_module_version(std::string module_path, int64_t version) { versions_[std::move(module_path)] = version; }

//===----------------------------------------------------------------------===//
// IncompatibleKeys
//===----------------------------------------------------------------------===//

namespace {

std::string python_list(const std::vector<std::string> &names) {
  std::string text = "[";
  for (const std::string &name : names)
    text += (text.size() > 1 ? ", " : "") + python_repr(name);
  return text + "]";
}

} // namespace

std::string IncompatibleKeys::text() const {
  if (empty())
    return "<All keys matched successfully>";
  return concat(
      {"_IncompatibleKeys(missing_keys=", python_list(missing_keys), ", unexpected_keys=", python_list(unexpected_keys), ")"});
}

//===----------------------------------------------------------------------===//
// copy_state_dict
//===----------------------------------------------------------------------===//

namespace {

std::string_view parent_of(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return dot == name.npos ? std::string_view() : name.substr(0, dot);
}

// Positions of modules in pre-order, by path.
using ModulePositions = std::map<std::string, std::size_t, std::less<>>;

// The modules that the names of `targets` speak of, each before its children, siblings in the order in which they first appear.
std::vector<std::string> module_paths_of(const StateDict &targets) {
  std::map<std::string, std::vector<std::string>, std::less<>> children;
  std::set<std::string, std::less<>> seen{""};
  for (const auto &[name, tensor] : targets)
    for (std::size_t dot = name.find('.'); dot != name.npos; dot = name.find('.', dot + 1)) {
      std::string path = name.substr(0, dot);
      if (seen.insert(path).second)
        children[std::string(parent_of(path))].push_back(std::move(path));
    }
  std::vector<std::string> order, stack{""};
  while (!stack.empty()) {
    std::string path = std::move(stack.back());
    stack.pop_back();
    auto found = children.find(path);
    order.push_back(std::move(path));
    if (found != children.end())
      stack.insert(stack.end(), found->second.rbegin(), found->second.rend());
  }
  return order;
}

// Position of the deepest module of which `name` is part: PyTorch's walk stops there and reports the name.
std::size_t deepest_module(std::string_view name, const ModulePositions &positions) {
  std::size_t deepest = 0;
  for (std::size_t dot = name.find('.'); dot != name.npos; dot = name.find('.', dot + 1)) {
    auto found = positions.find(name.substr(0, dot));
    if (found == positions.end())
      break;
    deepest = found->second;
  }
  return deepest;
}

std::vector<std::string> unexpected_keys(const StateDict &targets, const StateDict &source,
                                         std::span<const std::string> module_paths) {
  std::vector<std::string> names;
  for (const auto &[name, tensor] : source)
    if (!targets.contains(name))
      names.push_back(name);
  if (names.empty())
    return names;
  std::vector<std::string> derived;
  if (module_paths.empty()) {
    derived = module_paths_of(targets);
    module_paths = derived;
  }
  ModulePositions positions;
  for (std::size_t i = 0; i < module_paths.size(); ++i)
    positions.emplace(module_paths[i], i);
  using Place = std::pair<std::size_t, std::size_t>; // of the module, then in the source
  std::vector<Place> places;
  for (std::size_t i = 0; i < names.size(); ++i)
    places.emplace_back(deepest_module(names[i], positions), i);
  std::ranges::sort(places);
  std::vector<std::string> sorted;
  for (const Place &place : places)
    sorted.push_back(std::move(names[place.second]));
  return sorted;
}

// BatchNorm got num_batches_tracked with its version 2; what was saved before, or without versions, may lack it.
bool may_be_missing(const std::string &name, const StateDict &targets, const StateDict &source) {
  constexpr std::string_view kBuffer = "num_batches_tracked";
  if (!name.ends_with(kBuffer))
    return false;
  const std::string prefix = name.substr(0, name.size() - kBuffer.size());
  if (!(prefix.empty() || prefix.ends_with('.')) || !targets.contains(prefix + "running_mean"))
    return false;
  return source.module_version(parent_of(name)).value_or(0) < 2;
}

std::string quoted_list(const std::vector<std::string> &names) {
  std::string text;
  for (const std::string &name : names)
    text += (text.empty() ? "" : ", ") + in_quotes(name, '"');
  return text;
}

// What wraps a model puts the name of its own member before those of the model's tensors.
struct Wrapper {
  std::string_view prefix, names;
};
constexpr Wrapper kWrappers[] = {{"module.", "DataParallel and DistributedDataParallel"}, {"_orig_mod.", "torch.compile"}};

// What to do where the source has all that is missing under names with one module more in front; "" elsewhere.
std::string advice(const IncompatibleKeys &keys, const StateDict &source) {
  if (keys.missing_keys.empty() || keys.unexpected_keys.empty())
    return "";
  const std::string &first = keys.unexpected_keys.front();
  const std::string prefix = first.substr(0, first.find('.') + 1);
  const auto is_below = [&](const std::string &name) { return name.starts_with(prefix); };
  const auto is_there = [&](const std::string &name) { return source.contains(prefix + name); };
  if (prefix.empty() || !std::ranges::all_of(keys.unexpected_keys, is_below) || !std::ranges::all_of(keys.missing_keys, is_there))
    return "";
  const auto *wrapper = std::ranges::find(kWrappers, prefix, &Wrapper::prefix);
  return concat({"\n  without ", in_quotes(prefix), " in front the unexpected keys are the missing ones; ",
                 (wrapper == std::end(kWrappers)
                      ? "take it off before the file is saved"
                      : concat({wrapper->names, " put it there: save the model inside, torch.save(model.", prefix, "state_dict(), ...)"}))});
}

} // namespace

IncompatibleKeys copy_state_dict(const std::string &model_type, const StateDict &targets, const StateDict &source, bool strict,
                                 std::span<const std::string> module_paths) {
  IncompatibleKeys keys;
  std::vector<std::pair<const Tensor *, Tensor>> copies;
  std::vector<std::string> mismatches;
  for (const auto &[name, target] : targets) {
    const Tensor *found = source.find(name);
    if (!found) {
      if (!may_be_missing(name, targets, source))
        keys.missing_keys.push_back(name);
      continue;
    }
    Tensor value = *found;
    if (!value.defined()) {
      mismatches.push_back(concat({"While copying the parameter named \"", name,
                                   "\", expected torch.Tensor or Tensor-like object from checkpoint but received an undefined "
                                   "tensor"}));
      continue;
    }
    // A scalar was a vector of one element before PyTorch 0.4.
    if (target.dim() == 0 && value.dim() == 1 && value.size(0) == 1)
      value = value.select(0, 0);
    if (std::ranges::equal(value.sizes(), target.sizes()))
      copies.emplace_back(&target, std::move(value));
    else
      mismatches.push_back(concat({"size mismatch for ", name, ": copying a param with shape torch.Size(", value.shape_text(),
                                   ") from checkpoint, the shape in current model is torch.Size(", target.shape_text(), ")."}));
  }
  keys.unexpected_keys = unexpected_keys(targets, source, module_paths);

  std::string errors;
  if (strict && !keys.missing_keys.empty())
    errors += concat({"\n\tMissing key(s) in state_dict: ", quoted_list(keys.missing_keys), ". "});
  if (strict && !keys.unexpected_keys.empty())
    errors += concat({"\n\tUnexpected key(s) in state_dict: ", quoted_list(keys.unexpected_keys), ". "});
  for (const std::string &mismatch : mismatches)
    errors += "\n\t" + mismatch;
  if (!errors.empty())
    throw StateDictError(
        concat({"Error(s) in loading state_dict for ", model_type, ":", errors, (strict ? advice(keys, source) : "")}));

  for (const auto &[target, value] : copies)
    target->copy_(value);
  return keys;
}

} // namespace kiln::runtime
