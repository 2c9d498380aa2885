// PyTorch's .pt files from before version 1.6, which torch.save still writes with _use_new_zipfile_serialization=False: pickles and
// storages one after another.
//
//   three pickles: a magic number, the format's version, facts about the machine that wrote it
//   the pickled object; its persistent ids name storages, or parts of them
//   a pickle of the storages' keys
//   of each storage in that order: the number of its elements in 8 bytes, the elements, both little-endian wherever it was written
//
// How large a storage is, the object says; where it lies, only what comes after it. So storages are allocated while the object is
// read, together within the file's size, and filled afterwards.
#include <map>

#include "concat.h"

#include "foreign_text.h"
#include "torch_pickle.h"

namespace kiln::runtime {

namespace {

using pickle::Pickle;

constexpr std::string_view kMagicPickle("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);
constexpr int64_t kVersion = 1001;

class LegacyReader {
public:
  explicit LegacyReader(const MappedFile &file) : file_(file), position_(kMagicPickle.size()) {}

  Pickle read() {
    const Pickle version = next_pickle(nullptr);
    const auto *number = std::get_if<int64_t>(&version[version.root]);
    if (!number || *number != kVersion)
      fail(concat({"the format's version must be ", kVersion}));
    const Pickle facts = next_pickle(nullptr);
    if (!std::holds_alternative<pickle::Dict>(facts[facts.root]))
      fail(concat({"the facts about the writer must be a dict, found ", pickle::type_name(facts[facts.root])}));
    Pickle object = next_pickle([&](const std::string &key, DType dtype, int64_t numel) { return allocate(key, dtype, numel); });
    const Pickle keys = next_pickle(nullptr);
    fill(keys);
    at_ = position_;
    if (position_ != file_.size())
      fail("expected nothing after the last storage");
    return object;
  }

private:
  struct Place {
    pickle::StorageRef storage;
    bool filled = false;
  };

  [[noreturn]] void fail(const std::string &rule) const { throw FileError(file_.path(), concat({"offset ", at_}), rule); }

  Pickle next_pickle(const pickle::StorageLoader &load_storage) {
    at_ = position_;
    Pickle result = pickle::read_at(file_.path(), file_.bytes(), position_, load_storage ? load_storage : refuse_storages_);
    position_ += result.bytes;
    return result;
  }

  std::shared_ptr<Storage> allocate(const std::string &key, DType dtype, int64_t numel) {
    if (const auto found = places_.find(key); found != places_.end()) {
      const pickle::StorageRef &known = found->second.storage;
      if (known.dtype != dtype || known.numel != numel)
        fail(concat({"the storage ", in_quotes(key), " is used as ", known.numel, " elements of ", name(known.dtype), " and as ", numel,
                     " of ", name(dtype)}));
      return known.storage;
    }
    uint64_t bytes;
    if (numel < 0 || __builtin_mul_overflow(static_cast<uint64_t>(numel), element_size(dtype), &bytes) ||
        bytes > file_.size() - allocated_)
      fail(concat({"a storage of ", numel, " elements of ", name(dtype), " does not fit the file's ", file_.size(), " bytes"}));
    allocated_ += bytes;
    return places_.try_emplace(key, Place{{Storage::allocate(bytes), dtype, 0, numel}}).first->second.storage.storage;
  }

  void fill(const Pickle &keys) {
    const auto *list = std::get_if<pickle::List>(&keys[keys.root]);
    if (!list)
      fail(concat({"the storages' keys must be a list, found ", pickle::type_name(keys[keys.root])}));
    for (pickle::ValueId item : list->items) {
      const auto *key = std::get_if<std::string>(&keys[item]);
      const auto found = key ? places_.find(*key) : places_.end();
      if (found == places_.end() || found->second.filled)
        fail(concat({"the storage ", key ? in_quotes(*key) : std::string("without a name"), " is not one that a tensor refers to, or is there twice"}));
      fill(*key, found->second);
    }
    for (const auto &[key, place] : places_)
      if (!place.filled)
        fail(concat({"a tensor refers to the storage ", in_quotes(key), ", but it is not in the file"}));
  }

  void fill(const std::string &key, Place &place) {
    at_ = position_;
    if (file_.size() - position_ < sizeof(int64_t))
      fail(concat({"the file ends before the storage ", in_quotes(key), "; it is truncated"}));
    const auto numel = file_.number<int64_t>(position_);
    if (numel != place.storage.numel)
      fail(concat({"the storage ", in_quotes(key), " has ", numel, " elements, but its tensors expect ", place.storage.numel}));
    position_ += sizeof(int64_t);
    const std::span<std::byte> elements(place.storage.storage->data(), place.storage.storage->bytes());
    if (file_.size() - position_ < elements.size())
      fail(concat({"the file ends in the storage ", in_quotes(key), " of ", elements.size(), " bytes; it is truncated"}));
    read_elements(file_, position_, elements, place.storage.dtype);
    position_ += elements.size();
    place.filled = true;
  }

  const MappedFile &file_;
  std::size_t position_, at_ = 0; // `at_`: what an error names
  std::map<std::string, Place> places_;
  std::size_t allocated_ = 0;
  const pickle::StorageLoader refuse_storages_ = [this](const std::string &, DType, int64_t) -> std::shared_ptr<Storage> {
    fail("a storage is named before the object");
  };
};

} // namespace

bool is_legacy_torch_file(const MappedFile &file) {
  return file.size() >= kMagicPickle.size() && file.text(0, kMagicPickle.size()) == kMagicPickle;
}

Pickle read_legacy_torch_pickle(const MappedFile &file) { return LegacyReader(file).read(); }

} // namespace kiln::runtime
