// NumPy's .npz format: a zip archive whose entries are .npy files.
#include "concat.h"

#include "foreign_text.h"
#include "kiln/runtime/files.h"
#include "npy.h"
#include "zip_archive.h"

namespace kiln::runtime {

namespace {

constexpr std::string_view kEnding = ".npy";

} // namespace

StateDict read_npz(const std::shared_ptr<MappedFile> &file) {
  const std::string &path = file->path();
  const ZipArchive archive(file);
  StateDict result;
  for (const ZipEntry &entry : archive.entries()) {
    if (!entry.name.ends_with(kEnding))
      throw FileError(path, in_quotes(entry.name), "no .npz file: expected the entries to be named NAME.npy");
    if (entry.method != 0)
      throw FileError(path, in_quotes(entry.name),
                      concat({"the array is compressed (method ", entry.method, "); save it with numpy.savez, not numpy.savez_compressed"}));
    archive.data(entry); // checks the CRC
    result.insert(entry.name.substr(0, entry.name.size() - kEnding.size()),
                  read_npy(archive.file(), entry.name, entry.offset, entry.size));
  }
  return result;
}

StateDict load_npz(const std::string &path) { return read_npz(MappedFile::open(path)); }

} // namespace kiln::runtime
