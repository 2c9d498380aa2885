// `load`: which of the formats a file is in, by its content.
#include "concat.h"

#include "foreign_text.h"
#include "kiln/runtime/files.h"
#include "npy.h"
#include "safetensors.h"
#include "torch_pickle.h"
#include "zip_archive.h"

namespace kiln::runtime {

StateDict load(const std::string &path, const std::string &key) {
  const auto file = MappedFile::open(path);
  // Both .pt and .npz are zip archives. The first entry tells, before the whole archive is checked by its reader.
  const std::string_view first = first_entry_name(*file);
  if (is_legacy_torch_file(*file) || (!first.empty() && !first.ends_with(".npy")))
    return read_torch(file, key);
  if (file->size() >= 6 && file->text(0, 6) == "\x93NUMPY")
    throw FileError(path, "", "this is a NumPy array (.npy): one tensor without a name; expected a state_dict, a .pt or .safetensors file");
  if (!key.empty())
    throw FileError(path, in_quotes(key), "only a .pt file holds a state_dict under a key; this is none");
  return is_zip(*file) ? read_npz(file) : read_safetensors(file);
}

} // namespace kiln::runtime
