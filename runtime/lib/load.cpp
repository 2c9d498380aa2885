// `load`: which of the formats a file is in, by its content.
#include "concat.h"

#include "foreign_text.h"
#include "kiln/runtime/files.h"
#include "npy.h"
#include "safetensors.h"
#include "torch_pickle.h"
#include "zip_archive.h"

namespace kiln::runtime {

namespace {

// Both .pt and .npz are zip archives: the pickle tells.
bool is_torch_archive(const std::shared_ptr<MappedFile> &file) {
  const ZipArchive archive(file);
  for (const ZipEntry &entry : archive.entries())
    if (is_torch_pickle_name(entry.name))
      return true;
  return !archive.entries().empty() && !archive.entries().front().name.ends_with(".npy");
}

} // namespace

StateDict load(const std::string &path, const std::string &key) {
  const auto file = MappedFile::open(path);
  if (is_legacy_torch_file(*file) || (is_zip(*file) && is_torch_archive(file)))
    return read_torch(file, key);
  if (file->size() >= 6 && file->text(0, 6) == "\x93NUMPY")
    throw FileError(path, "", "this is a NumPy array (.npy): one tensor without a name; expected a state_dict, a .pt or .safetensors file");
  if (!key.empty())
    throw FileError(path, in_quotes(key), "only a .pt file holds a state_dict under a key; this is none");
  return is_zip(*file) ? read_npz(file) : read_safetensors(file);
}

} // namespace kiln::runtime
