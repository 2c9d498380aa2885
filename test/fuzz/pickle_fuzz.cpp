// libFuzzer target: any bytes as the pickle of a .pt file whose archive is right.
//
// The checksums of an archive stop nearly every change of a whole .pt file before its pickle is read; here the archive is made
// around the bytes, with four storages of 64 bytes for the pickle to refer to. What is accepted is written and read again.
#include <string>

#include "fuzzed_file.h"
#include "kiln/runtime/error.h"
#include "kiln/runtime/files.h"
#include "zip_archive.h"

namespace {

/// A zip archive of stored entries, as small as the format allows. (PKWARE's APPNOTE 6.3, sections 4.3.7, 4.3.12, 4.3.16.)
class Archive {
public:
  void add(const std::string &name, const std::string &data) {
    std::string about; // what the local header and the directory say alike
    number(about, 20, 2); // the version that is needed to read it
    number(about, 0, 8);  // flags, method: stored; time and date
    number(about, kiln::runtime::crc32(std::as_bytes(std::span(data))), 4);
    number(about, data.size(), 4);
    number(about, data.size(), 4);
    number(about, name.size(), 2);
    number(about, 0, 2); // bytes of extra fields
    directory_ += "PK\1\2";
    number(directory_, 20, 2);
    directory_ += about;
    number(directory_, 0, 10); // comment, disk, attributes
    number(directory_, bytes_.size(), 4);
    directory_ += name;
    bytes_ += "PK\3\4" + about + name + data;
    ++entries_;
  }

  std::string finish() {
    const std::size_t offset = bytes_.size();
    bytes_ += directory_ + "PK\5\6";
    number(bytes_, 0, 4); // disks
    number(bytes_, entries_, 2);
    number(bytes_, entries_, 2);
    number(bytes_, directory_.size(), 4);
    number(bytes_, offset, 4);
    number(bytes_, 0, 2); // bytes of the comment
    return std::move(bytes_);
  }

private:
  static void number(std::string &to, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i, value >>= 8)
      to += static_cast<char>(value & 0xff);
  }
  std::string bytes_, directory_;
  uint64_t entries_ = 0;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, std::size_t size) {
  using namespace kiln;
  Archive archive;
  archive.add("archive/data.pkl", std::string(reinterpret_cast<const char *>(data), size));
  archive.add("archive/byteorder", "little");
  for (const char *name : {"archive/data/0", "archive/data/1", "archive/data/2", "archive/data/3"})
    archive.add(name, std::string(64, '\1')); // ones are valid booleans, and no special floats
  const std::string bytes = archive.finish();
  const fuzz::FuzzedFile file(bytes.data(), bytes.size());

  try {
    fuzz::touch(runtime::load_torch(file.path()));
  } catch (const runtime::Error &) {
  }
  runtime::Value value;
  try {
    value = runtime::load_torch_value(file.path());
  } catch (const runtime::Error &) {
    return 0;
  }
  fuzz::touch(value);
  const std::string text = value.text();
  runtime::save_torch(fuzz::scratch_path(), value);
  fuzz::require(runtime::load_torch_value(fuzz::scratch_path()).text() == text, "another value comes back than was written");
  return 0;
}
