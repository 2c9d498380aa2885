// Writer of zip archives as torch.save makes them: stored entries, the data of each aligned. Internal.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "file_io.h"

namespace kiln::runtime {

class ZipWriter {
public:
  /// `file` gets the archive from its first byte on, and is committed by the caller.
  explicit ZipWriter(AtomicFile &file) : file_(file) {}

  /// Writes an entry whose data begins at a multiple of kDataAlignment.
  void add(const std::string &name, std::span<const std::byte> data);
  void add(const std::string &name, std::string_view text) { add(name, std::as_bytes(std::span(text))); }
  /// Writes the central directory. Nothing may be added after it.
  void finish();

  /// PyTorch's; a mapped file's tensors are aligned in memory then.
  static constexpr uint64_t kDataAlignment = 64;

private:
  struct Entry {
    std::string name;
    uint64_t header, size;
    uint32_t crc;
  };
  void write(std::string_view bytes);

  AtomicFile &file_;
  uint64_t position_ = 0;
  std::vector<Entry> entries_;
};

} // namespace kiln::runtime
