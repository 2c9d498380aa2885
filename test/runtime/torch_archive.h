// A writer of .pt files for tests: pickles from mnemonics, archives from entries, each part open to damage.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "test_files.h"

namespace kiln::runtime {

/// The CRC-32 of zip, a bit at a time: independent of the reader's tables.
inline uint32_t slow_crc32(const std::string &data) {
  uint32_t crc = 0xffffffff;
  for (unsigned char byte : data) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0);
  }
  return ~crc;
}

struct ArchiveEntry {
  std::string name, data;
};

/// A zip archive of stored entries, and where its parts begin.
struct Archive {
  std::string bytes;
  std::vector<std::size_t> local, central; // offsets of the headers
  std::size_t end = 0;                     // of the end record

  explicit Archive(const std::vector<ArchiveEntry> &entries) {
    auto facts = [](const ArchiveEntry &entry) {
      const auto size = static_cast<uint32_t>(entry.data.size());
      return bytes_of<uint16_t>(0) + bytes_of<uint16_t>(0) + bytes_of<uint32_t>(0) + bytes_of(slow_crc32(entry.data)) +
             bytes_of(size) + bytes_of(size) + bytes_of(static_cast<uint16_t>(entry.name.size())) + bytes_of<uint16_t>(0);
    };
    for (const ArchiveEntry &entry : entries) {
      local.push_back(bytes.size());
      bytes += "PK\x03\x04" + bytes_of<uint16_t>(20) + facts(entry) + entry.name + entry.data;
    }
    const std::size_t directory = bytes.size();
    for (std::size_t i = 0; i < entries.size(); ++i) {
      central.push_back(bytes.size());
      bytes += "PK\x01\x02" + bytes_of<uint16_t>(20) + bytes_of<uint16_t>(20) + facts(entries[i]) + bytes_of<uint16_t>(0) +
               bytes_of<uint16_t>(0) + bytes_of<uint16_t>(0) + bytes_of<uint32_t>(0) + bytes_of(static_cast<uint32_t>(local[i])) +
               entries[i].name;
    }
    end = bytes.size();
    const auto count = static_cast<uint16_t>(entries.size());
    bytes += "PK\x05\x06" + bytes_of<uint16_t>(0) + bytes_of<uint16_t>(0) + bytes_of(count) + bytes_of(count) +
             bytes_of(static_cast<uint32_t>(end - directory)) + bytes_of(static_cast<uint32_t>(directory)) +
             bytes_of<uint16_t>(0);
  }

  template <class T> Archive &set(std::size_t offset, T value) {
    std::memcpy(bytes.data() + offset, &value, sizeof(T));
    return *this;
  }
};

// Pieces of pickles, named after the instructions.
namespace op {
inline std::string text(const std::string &value) { return "X" + bytes_of(static_cast<uint32_t>(value.size())) + value; }
inline std::string integer(int32_t value) { return "J" + bytes_of(value); }
inline std::string global(const std::string &module, const std::string &name) { return "c" + module + "\n" + name + "\n"; }
inline std::string tuple(const std::string &items) { return "(" + items + "t"; }
inline std::string dict(const std::string &items) { return "}(" + items + "u"; }
inline const std::string ordered_dict = global("collections", "OrderedDict") + ")R";
inline std::string storage(const std::string &type, const std::string &key, int32_t numel) {
  return tuple(text("storage") + global("torch", type) + text(key) + text("cpu") + integer(numel)) + "Q";
}
inline std::string sizes(const std::vector<int32_t> &values) {
  std::string items;
  for (int32_t value : values)
    items += integer(value);
  return tuple(items);
}
/// A call of _rebuild_tensor_v2.
inline std::string tensor(const std::string &storage, int32_t offset, const std::vector<int32_t> &size,
                          const std::vector<int32_t> &stride) {
  return global("torch._utils", "_rebuild_tensor_v2") +
         tuple(storage + integer(offset) + sizes(size) + sizes(stride) + "\x89" + ordered_dict) + "R";
}
} // namespace op

/// An archive as torch.save writes it: `body` is the pickle without protocol and stop; storage "0" has 16 bytes of zeros.
inline Archive torch_archive(const std::string &body, std::vector<ArchiveEntry> more = {}) {
  std::vector<ArchiveEntry> entries{{"m/data.pkl", "\x80\x02" + body + "."}, {"m/data/0", std::string(16, '\0')}};
  entries.insert(entries.end(), more.begin(), more.end());
  return Archive(entries);
}

} // namespace kiln::runtime
