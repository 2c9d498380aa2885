// PyTorch's .pt files: a zip archive with a pickle and one entry a storage; and `load`, which tells file kinds apart.
//
//   <name>/data.pkl      the pickled object; its persistent ids name storages
//   <name>/data/<key>    the bytes of a storage
//   <name>/byteorder     "little" or "big"; absent in files of older versions, which are little-endian
#include <algorithm>

#include "concat.h"

#include "foreign_text.h"
#include "kiln/runtime/files.h"
#include "name_list.h"
#include "safetensors.h"
#include "torch_pickle.h"
#include "zip_archive.h"

namespace kiln::runtime {

namespace {

using pickle::Dict;
using pickle::Pickle;
using pickle::ValueId;

constexpr std::string_view kPickleName = "/data.pkl";
constexpr std::size_t kListed = 20; // keys that an error message lists at most

//===----------------------------------------------------------------------===//
// Storages
//===----------------------------------------------------------------------===//

class Storages {
public:
  Storages(const ZipArchive &archive, std::string prefix) : archive_(archive), prefix_(std::move(prefix)) {
    const ZipEntry *entry = archive.find(prefix_ + "byteorder");
    if (!entry)
      return;
    const auto bytes = archive.data(*entry);
    const std::string_view order(reinterpret_cast<const char *>(bytes.data()), bytes.size());
    if (order != "little" && order != "big")
      throw FileError(path(), in_quotes(entry->name), concat({"expected little or big, found ", in_quotes(order)}));
    swap_ = order == "big";
  }

  // The storage `key`; the same object each time, so that tensors which shared a storage share it again.
  std::shared_ptr<Storage> load(const std::string &key, DType dtype, int64_t numel) {
    const std::string name = prefix_ + "data/" + key, where = in_quotes(name);
    const ZipEntry *entry = archive_.find(name);
    if (!entry)
      throw FileError(path(), where, "a tensor refers to this entry, but it is not in the archive");
    uint64_t bytes;
    if (numel < 0 || __builtin_mul_overflow(static_cast<uint64_t>(numel), element_size(dtype), &bytes) || bytes != entry->size)
      throw FileError(
          path(), where,
          concat({"a storage of ", numel, " elements of ", runtime::name(dtype), " expected, found ", entry->size, " bytes"}));
    auto [place, added] = loaded_.try_emplace(key);
    if (!added) {
      if (place->second.dtype != dtype)
        throw FileError(
            path(), where,
            concat({"the storage is used as ", runtime::name(place->second.dtype), " and as ", runtime::name(dtype)}));
      return place->second.storage;
    }
    archive_.data(*entry); // checks the CRC
    place->second = {from_file(path(), where, [&] { return mapped_storage(archive_.file(), entry->offset, entry->size, dtype); }),
                     dtype};
    if (swap_)
      swap_byte_order(place->second.storage->data(), entry->size, element_size(dtype));
    return place->second.storage;
  }

private:
  const std::string &path() const { return archive_.file()->path(); }
  const ZipArchive &archive_;
  std::string prefix_;
  bool swap_ = false;
  std::map<std::string, pickle::StorageRef> loaded_;
};

//===----------------------------------------------------------------------===//
// From the pickle to a state_dict
//===----------------------------------------------------------------------===//

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

void read_versions(const Pickle &pickle, const Dict &dict, StateDict &result) {
  const auto *attributes = dict.attributes == pickle::kNoValue ? nullptr : std::get_if<Dict>(&pickle[dict.attributes]);
  const Dict *metadata = attributes ? find_dict(pickle, *attributes, "_metadata") : nullptr;
  if (!metadata)
    return;
  for (const auto &[module, facts] : metadata->items) {
    const std::string *path = key_text(pickle, module);
    const Dict *entries = std::get_if<Dict>(&pickle[facts]);
    if (!path || !entries)
      continue;
    for (const auto &[fact, value] : entries->items)
      if (const std::string *name = key_text(pickle, fact); name && *name == "version")
        if (const auto *version = std::get_if<int64_t>(&pickle[value]))
          result.set_module_version(*path, *version);
  }
}

StateDict state_dict_of(const std::string &path, const Pickle &pickle, const std::string &key) {
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
  read_versions(pickle, *dict, result);
  return result;
}

// What torch.save wrote before version 1.6: a pickle of this number comes first.
bool is_legacy(const MappedFile &file) {
  return file.size() >= 14 &&
         file.text(0, 14) == std::string_view("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 14);
}

} // namespace

pickle::Pickle read_torch_pickle(const std::shared_ptr<MappedFile> &file) {
  const std::string &path = file->path();
  if (is_legacy(*file))
    throw FileError(path, "",
                    "the file is in PyTorch's format from before version 1.6; load it with torch.load and save it again "
                    "with torch.save");
  if (!is_zip(*file))
    throw FileError(path, "offset 0", "no .pt file: it must begin with a zip archive's PK\\x03\\x04");
  refuse_numpy_archive(*file);
  const ZipArchive archive(file);
  const ZipEntry *data = nullptr;
  for (const ZipEntry &entry : archive.entries()) {
    const bool is_pickle = entry.name.ends_with(kPickleName) && entry.name.find('/') == entry.name.size() - kPickleName.size();
    if (is_pickle && data)
      throw FileError(path, in_quotes(entry.name), concat({"the archive has another pickle, ", in_quotes(data->name)}));
    if (is_pickle)
      data = &entry;
  }
  if (!data)
    throw FileError(path, "", "the archive has no data.pkl; it was not written by torch.save");
  const std::string prefix = data->name.substr(0, data->name.size() - kPickleName.size() + 1);

  Storages storages(archive, prefix);
  return pickle::read(path, data->name, archive.data(*data),
                      [&](const std::string &name, DType dtype, int64_t numel) { return storages.load(name, dtype, numel); });
}

StateDict load_torch(const std::string &path, const std::string &key) {
  return state_dict_of(path, read_torch_pickle(MappedFile::open(path)), key);
}

StateDict load(const std::string &path, const std::string &key) {
  const auto file = MappedFile::open(path);
  if (is_zip(*file) || is_legacy(*file))
    return state_dict_of(path, read_torch_pickle(file), key);
  if (file->size() >= 6 && file->text(0, 6) == "\x93NUMPY")
    throw FileError(path, "", "this is a NumPy array (.npy): one tensor without a name; expected a state_dict, a .pt or .safetensors file");
  if (!key.empty())
    throw FileError(path, concat({"'", key, "'"}), "only a .pt file holds a state_dict under a key; this is none");
  return read_safetensors(file);
}

} // namespace kiln::runtime
