// Reader of zip archives whose entries are stored, not compressed: the container of PyTorch's .pt files and NumPy's .npz. Internal.
//
// The archive is checked as a whole when it is opened: the central directory agrees with every local header, entries lie inside the
// file and don't overlap, names are unique. That an entry is not compressed and its CRC-32 are checked when its data is asked for:
// TorchScript's archives hold compressed code beside the tensors.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "file_io.h"

namespace kiln::runtime {

/// The CRC-32 that zip archives record for an entry.
uint32_t crc32(std::span<const std::byte> data);

struct ZipEntry {
  std::string name;
  std::size_t header = 0; // offset of the local header
  std::size_t offset = 0; // of the data
  std::size_t size = 0;   // in the archive
  uint32_t crc = 0;
  uint16_t method = 0; // of compression; 0: none
};

/// Whether the file begins as zip archives do.
bool is_zip(const MappedFile &file);
/// The name in the first local header, unchecked; empty where there is none.
std::string_view first_entry_name(const MappedFile &file);

class ZipArchive {
public:
  /// Throws FileError naming the offset and the rule.
  explicit ZipArchive(std::shared_ptr<MappedFile> file);

  const std::shared_ptr<MappedFile> &file() const { return file_; }
  /// In the order of the central directory.
  const std::vector<ZipEntry> &entries() const { return entries_; }
  /// Null when there is no such entry.
  const ZipEntry *find(std::string_view name) const;
  /// The entry's bytes. Throws FileError when they are compressed or their CRC-32 is not the recorded one.
  std::span<std::byte> data(const ZipEntry &entry) const;

private:
  struct Directory {
    std::size_t offset, size, end; // `end`: where the records after the directory begin
    uint64_t count;
  };
  Directory find_directory() const;
  void read_directory(const Directory &directory);
  void resolve_zip64(const std::string &name, std::size_t extra, std::size_t extra_bytes, std::span<uint64_t> values) const;
  void check_local_header(ZipEntry &entry, uint16_t flags, uint64_t plain_size, std::size_t directory_offset) const;
  void check_overlap() const;
  [[noreturn]] void fail(std::size_t offset, const std::string &rule) const;

  std::shared_ptr<MappedFile> file_;
  std::vector<ZipEntry> entries_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

} // namespace kiln::runtime
