// Files as the readers and writers of this room use them: mapped for reading, replaced as a whole for writing. Internal.
//
// Also: how a range of a mapped file becomes a tensor's storage, and little-endian numbers.
#pragma once

#include <bit>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "kiln/runtime/error.h"
#include "kiln/runtime/tensor.h"

namespace kiln::runtime {

static_assert(std::endian::native == std::endian::little, "files are mapped as they are: the machine must be little-endian");

/// A whole regular file, mapped copy-on-write: what is written to the memory stays in the program.
class MappedFile {
public:
  /// Throws FileError when the file can't be opened, isn't a regular file, or can't be mapped.
  static std::shared_ptr<MappedFile> open(const std::string &path);
  ~MappedFile();
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;

  const std::string &path() const { return path_; }
  std::size_t size() const { return size_; }
  std::span<std::byte> bytes() const { return {data_, size_}; }
  /// A part as text. The caller has checked the bounds.
  std::string_view text(std::size_t offset, std::size_t count) const {
    return {reinterpret_cast<const char *>(data_) + offset, count};
  }
  /// A little-endian number. The caller has checked the bounds.
  template <class T> T number(std::size_t offset) const {
    T value;
    std::memcpy(&value, data_ + offset, sizeof(T));
    return value;
  }

private:
  MappedFile(std::string path, std::byte *data, std::size_t size) : path_(std::move(path)), data_(data), size_(size) {}
  std::string path_;
  std::byte *data_;
  std::size_t size_;
};

/// Runs `make`, which builds a tensor from what a file says about it; what it refuses becomes a FileError at `where` of the file.
template <class Make> auto from_file(const std::string &path, const std::string &where, Make make) {
  try {
    return make();
  } catch (const FileError &) {
    throw;
  } catch (const Error &error) {
    throw FileError(path, where, error.what());
  }
}

/// Copies elements of type `dtype` at `offset` of the file. The caller has checked the bounds. Booleans come out as 0 and 1: any other
/// byte is true, and no C++ bool may hold it.
void read_elements(const MappedFile &file, std::size_t offset, std::span<std::byte> elements, DType dtype);

/// Storage for elements of type `dtype` at `offset` of the file: the mapped memory itself, or a copy when it is not aligned for the
/// type; booleans as read_elements has them. The caller has checked the bounds.
std::shared_ptr<Storage> mapped_storage(const std::shared_ptr<MappedFile> &file, std::size_t offset, std::size_t bytes,
                                        DType dtype);

/// Reverses the bytes of each element of `item_bytes`.
void swap_byte_order(std::byte *data, std::size_t bytes, std::size_t item_bytes);

/// A file that appears under its name only when it is complete: written beside it, flushed to the disk, renamed.
class AtomicFile {
public:
  /// Throws FileError when the folder can't be written to, or `path` is there and isn't a regular file.
  explicit AtomicFile(const std::string &path);
  /// Removes the temporary file unless `commit` has been called.
  ~AtomicFile();
  AtomicFile(const AtomicFile &) = delete;
  AtomicFile &operator=(const AtomicFile &) = delete;

  void write(const void *data, std::size_t bytes);
  void write(std::string_view text) { write(text.data(), text.size()); }
  /// Flushes and renames.
  void commit();

private:
  [[noreturn]] void fail(const std::string &action) const;
  std::string path_, target_, temporary_;
  int descriptor_ = -1;
};

} // namespace kiln::runtime
