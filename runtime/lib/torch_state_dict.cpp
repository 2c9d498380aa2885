// From the pickle of a .pt file to a state_dict: the one that it is, one inside a checkpoint, or a TorchScript module's.
#include <algorithm>

#include "concat.h"

#include "foreign_text.h"
#include "kiln/runtime/files.h"
#include "name_list.h"
#include "torch_pickle.h"

namespace kiln::runtime {

namespace {

using pickle::Dict;
using pickle::Pickle;
using pickle::ValueId;

constexpr std::size_t kListed = 20; // keys that an error message lists at most

const std::string *key_text(const Pickle &pickle, ValueId key) { return std::get_if<std::string>(&pickle[key]); }

bool is_tensor(const Pickle &pickle, ValueId id) { return std::holds_alternative<std::unique_ptr<Tensor>>(pickle[id]); }

bool is_state_dict(const Pickle &pickle, const Dict &dict) {
  return std::ranges::all_of(dict.items,
                             [&](const auto &item) { return key_text(pickle, item.first) && is_tensor(pickle, item.second); });
}

// The value under `key`; the last one where a key was set twice, as in Python.
const Dict *find_dict(const Pickle &pickle, const Dict &dict, std::string_view key) {
  for (auto item = dict.items.rbegin(); item != dict.items.rend(); ++item)
    if (const std::string *text = key_text(pickle, item->first); text && *text == key)
      return std::get_if<Dict>(&pickle[item->second]);
  return nullptr;
}

// Follows "model.state" from `dict`. A key may itself contain dots, so each split is tried, the longest first part first.
const Dict *follow(const Pickle &pickle, const Dict &dict, std::string_view path) {
  for (std::size_t end = path.size(); end != path.npos && end > 0; end = path.rfind('.', end - 1)) {
    const Dict *next = find_dict(pickle, dict, path.substr(0, end));
    if (next && end < path.size())
      next = follow(pickle, *next, path.substr(end + 1));
    if (next)
      return next;
  }
  return nullptr;
}

// What may be picked from a checkpoint.
struct Choice {
  NameList dicts{kListed}; // "'model' (a state_dict of 4 tensors)", "'optimizer' (no state_dict)"
  std::string only_key;    // of the only state_dict; "" where there are several
};

Choice choice_of(const Pickle &pickle, const Dict &dict, const std::string &key) {
  Choice choice;
  std::size_t state_dicts = 0;
  for (const auto &[item_key, item] : dict.items) {
    const Dict *inner = std::get_if<Dict>(&pickle[item]);
    const std::string *name = key_text(pickle, item_key);
    if (!inner || !name)
      continue;
    if (choice.dicts.count() >= kListed) { // a dict may be in there many times: to look at each could take forever
      choice.dicts.add("");
      choice.only_key.clear();
      continue;
    }
    const std::string path = key + (key.empty() ? "" : ".") + *name;
    const bool fits = !inner->items.empty() && is_state_dict(pickle, *inner);
    if (fits)
      choice.only_key = state_dicts++ == 0 ? path : "";
    const std::size_t size = inner->items.size();
    choice.dicts.add(concat(
        {in_quotes(path), " (", (fits ? concat({"a state_dict of ", size, (size == 1 ? " tensor" : " tensors")}) : "no state_dict"), ")"}));
  }
  return choice;
}

void read_versions(const std::string &file, const Pickle &pickle, const Dict &dict, StateDict &result) {
  const auto *attributes = dict.attributes == pickle::kNoValue ? nullptr : std::get_if<Dict>(&pickle[dict.attributes]);
  const Dict *metadata = attributes ? find_dict(pickle, *attributes, "_metadata") : nullptr;
  if (!metadata)
    return;
  std::size_t budget = value_budget(pickle); // a dict may be that of many modules
  for (const auto &[module, facts] : metadata->items) {
    const std::string *path = key_text(pickle, module);
    const Dict *entries = std::get_if<Dict>(&pickle[facts]);
    if (!path || !entries)
      continue;
    if (entries->items.size() > budget)
      throw FileError(file, "", "the pickle repeats its values too often");
    budget -= entries->items.size();
    for (const auto &[fact, value] : entries->items)
      if (const std::string *name = key_text(pickle, fact); name && *name == "version")
        if (const auto *version = std::get_if<int64_t>(&pickle[value]))
          result.set_module_version(*path, *version);
  }
}

//===----------------------------------------------------------------------===//
// TorchScript
//===----------------------------------------------------------------------===//

// A module's tensors under the names of its state_dict: its own in the order of its attributes, then its submodules'. Which of them
// are parameters, buffers or just tensors only the code of its class says, so it is all of them.
class ScriptModule {
public:
  ScriptModule(const std::string &path, const Pickle &pickle) : path_(path), pickle_(pickle), budget_(value_budget(pickle)) {}

  StateDict state_dict() {
    add(std::get<pickle::Object>(pickle_[pickle_.root]), "", 0);
    return std::move(result_);
  }

private:
  [[noreturn]] void fail(const std::string &where, const std::string &rule) const { throw FileError(path_, where, rule); }

  // An object may contain itself, or the same one twice at each level: depth and size are bounded.
  void add(const pickle::Object &module, const std::string &prefix, int depth) {
    if (depth > kMaxValueDepth)
      fail("", concat({"modules are nested more than ", kMaxValueDepth, " deep"}));
    if (module.attributes == pickle::kNoValue)
      return;
    const auto &attributes = std::get<Dict>(pickle_[module.attributes]).items;
    spend(attributes.size() + 1);
    for (const auto &[key, value] : attributes)
      if (const auto *tensor = std::get_if<std::unique_ptr<Tensor>>(&pickle_[value])) {
        const std::string name = full_name(prefix, key);
        if (result_.contains(name))
          fail(in_quotes(name), "the attribute is there twice");
        result_.insert(name, **tensor);
      }
    for (const auto &[key, value] : attributes)
      if (const auto *inner = std::get_if<pickle::Object>(&pickle_[value]))
        add(*inner, full_name(prefix, key) + ".", depth + 1);
  }

  std::string full_name(const std::string &prefix, ValueId key) {
    const std::string *name = key_text(pickle_, key);
    if (!name)
      fail("", concat({"an attribute's name is of type ", pickle::type_name(pickle_[key]), ", expected str"}));
    spend(prefix.size() + name->size());
    return prefix + *name;
  }

  void spend(std::size_t cost) {
    if (cost > budget_)
      fail("", "the pickle repeats its values too often");
    budget_ -= cost;
  }

  const std::string &path_;
  const Pickle &pickle_;
  std::size_t budget_;
  StateDict result_;
};

StateDict state_dict_of(const std::string &path, const Pickle &pickle, const std::string &key) {
  if (std::holds_alternative<pickle::Object>(pickle[pickle.root])) {
    if (!key.empty())
      throw FileError(path, in_quotes(key), "a TorchScript module holds no state_dict under a key");
    return ScriptModule(path, pickle).state_dict();
  }
  const Dict *dict = std::get_if<Dict>(&pickle[pickle.root]);
  if (!dict)
    throw FileError(path, "",
                    concat({"expected a state_dict (a dict of tensors), found ", pickle::type_name(pickle[pickle.root])}));
  if (!key.empty()) {
    const Dict *picked = follow(pickle, *dict, key);
    if (!picked) {
      const NameList dicts = choice_of(pickle, *dict, "").dicts;
      throw FileError(path, concat({"'", key, "'"}),
                      dicts.count() == 0 ? "there is no dict under this key; the file holds none"
                                         : "there is no dict under this key; there are: " + dicts.text());
    }
    dict = picked;
  }
  if (!is_state_dict(pickle, *dict))
    if (const Choice choice = choice_of(pickle, *dict, key); choice.dicts.count() != 0)
      throw CheckpointGiven(
          path, key.empty() ? "" : concat({"'", key, "'"}),
          concat({"this is a checkpoint ", (key.empty() && find_dict(pickle, *dict, "kiln") ? "of kiln train " : ""),
                  "with a state_dict inside, not a state_dict; pick one by its key: ", choice.dicts.text()}),
          choice.only_key);
  StateDict result;
  for (const auto &[item_key, item] : dict->items) {
    const std::string *name = key_text(pickle, item_key);
    if (!name)
      throw FileError(path, "",
                      concat({"a key of the state_dict is of type ", pickle::type_name(pickle[item_key]), ", expected str"}));
    const auto *tensor = std::get_if<std::unique_ptr<Tensor>>(&pickle[item]);
    if (!tensor)
      throw FileError(path, in_quotes(*name), concat({"expected a tensor, found ", pickle::type_name(pickle[item])}));
    if (result.contains(*name))
      throw FileError(path, in_quotes(*name), "the key appears twice");
    result.insert(*name, **tensor);
  }
  read_versions(path, pickle, *dict, result);
  return result;
}

} // namespace

StateDict read_torch(const std::shared_ptr<MappedFile> &file, const std::string &key) {
  return state_dict_of(file->path(), read_torch_pickle(file), key);
}

StateDict load_torch(const std::string &path, const std::string &key) { return read_torch(MappedFile::open(path), key); }

} // namespace kiln::runtime
