// PyTorch's .pt files: a zip archive with a pickle and one entry a storage.
//
//   <name>/data.pkl      the pickled object; its persistent ids name storages
//   <name>/data/<key>    the bytes of a storage
//   <name>/byteorder     "little" or "big"; absent in files of older versions, which are little-endian
//
// torch.jit.save writes the same, with code beside it that is not looked at.
#include <map>

#include "concat.h"

#include "foreign_text.h"
#include "torch_pickle.h"
#include "zip_archive.h"

namespace kiln::runtime {

namespace {

constexpr std::string_view kPickleName = "/data.pkl";

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
    auto [place, added] = loaded_.try_emplace(key);
    if (added)
      archive_.data(*entry); // checks that it is not compressed, and its CRC
    uint64_t bytes;
    if (numel < 0 || __builtin_mul_overflow(static_cast<uint64_t>(numel), element_size(dtype), &bytes) || bytes != entry->size)
      throw FileError(
          path(), where,
          concat({"a storage of ", numel, " elements of ", runtime::name(dtype), " expected, found ", entry->size, " bytes"}));
    if (!added) {
      if (place->second.dtype != dtype)
        throw FileError(
            path(), where,
            concat({"the storage is used as ", runtime::name(place->second.dtype), " and as ", runtime::name(dtype)}));
      return place->second.storage;
    }
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

} // namespace

pickle::Pickle read_torch_pickle(const std::shared_ptr<MappedFile> &file) {
  const std::string &path = file->path();
  if (is_legacy_torch_file(*file))
    return read_legacy_torch_pickle(*file);
  if (!is_zip(*file))
    throw FileError(path, "offset 0", "no .pt file: it must begin with a zip archive's PK\\x03\\x04");
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

} // namespace kiln::runtime
