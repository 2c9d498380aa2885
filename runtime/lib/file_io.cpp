// Mapping files and replacing them.
#include "file_io.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "concat.h"

namespace kiln::runtime {

namespace {

std::string error_text(int error) { return std::generic_category().message(error); }

struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0)
      ::close(value);
  }
};

} // namespace

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

std::shared_ptr<MappedFile> MappedFile::open(const std::string &path) {
  // Without O_NONBLOCK, opening a named pipe would wait for a writer.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct stat status;
  if (file.value < 0 || ::fstat(file.value, &status) != 0)
    throw FileError(path, "", error_text(errno));
  if (S_ISDIR(status.st_mode))
    throw FileError(path, "", error_text(EISDIR));
  if (!S_ISREG(status.st_mode))
    throw FileError(path, "", "Not a regular file");
  const auto size = static_cast<std::size_t>(status.st_size);
  void *data = nullptr;
  if (size > 0) {
    data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file.value, 0);
    if (data == MAP_FAILED)
      throw FileError(path, "", "can't be mapped into memory: " + error_text(errno));
  }
  return std::shared_ptr<MappedFile>(new MappedFile(path, static_cast<std::byte *>(data), size));
}

MappedFile::~MappedFile() {
  if (size_ > 0)
    ::munmap(data_, size_);
}

/// Makes booleans of bytes that may be anything.
static void normalize_bools(std::span<std::byte> elements) {
  for (std::byte &value : elements)
    if (value > std::byte{1}) // in mapped memory a write makes a copy of the page, so only where it is needed
      value = std::byte{1};
}

void read_elements(const MappedFile &file, std::size_t offset, std::span<std::byte> elements, DType dtype) {
  if (elements.empty())
    return;
  std::memcpy(elements.data(), file.bytes().data() + offset, elements.size());
  if (dtype == DType::Bool)
    normalize_bools(elements);
}

std::shared_ptr<Storage> mapped_storage(const std::shared_ptr<MappedFile> &file, std::size_t offset, std::size_t bytes,
                                        DType dtype) {
  if (bytes == 0 || offset % element_size(dtype) != 0) {
    auto storage = Storage::allocate(bytes);
    read_elements(*file, offset, {storage->data(), bytes}, dtype);
    return storage;
  }
  auto storage = Storage::wrap(file->bytes().data() + offset, bytes, [file] {});
  if (dtype == DType::Bool)
    normalize_bools({storage->data(), bytes});
  return storage;
}

void swap_byte_order(std::byte *data, std::size_t bytes, std::size_t item_bytes) {
  if (item_bytes > 1)
    for (std::size_t i = 0; i + item_bytes <= bytes; i += item_bytes)
      std::reverse(data + i, data + i + item_bytes);
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

AtomicFile::AtomicFile(const std::string &path) : path_(path), target_(path) {
  namespace fs = std::filesystem;
  std::error_code error;
  // A link keeps pointing where it points; what it points to is replaced.
  if (fs::is_symlink(path, error))
    if (fs::path resolved = fs::canonical(path, error); !error)
      target_ = resolved.string();
  if (const fs::file_status status = fs::status(target_, error); fs::exists(status) && !fs::is_regular_file(status))
    throw FileError(path, "", fs::is_directory(status) ? error_text(EISDIR) : "Not a regular file");
  static std::atomic<unsigned> counter{0};
  for (int attempt = 0; attempt < 100 && descriptor_ < 0; ++attempt) {
    temporary_ = concat({target_, ".tmp-", ::getpid(), "-", counter++});
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0 && errno != EEXIST)
      break;
  }
  if (descriptor_ < 0)
    throw FileError(path, "", "can't be written: " + error_text(errno));
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
    ::unlink(temporary_.c_str());
  }
}

void AtomicFile::fail(const std::string &action) const {
  throw FileError(path_, "", concat({"can't be ", action, ": ", error_text(errno)}));
}

void AtomicFile::write(const void *data, std::size_t bytes) {
  const char *next = static_cast<const char *>(data);
  while (bytes > 0) {
    const ssize_t written = ::write(descriptor_, next, bytes);
    if (written < 0) {
      if (errno == EINTR)
        continue;
      fail("written");
    }
    next += written;
    bytes -= static_cast<std::size_t>(written);
  }
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0)
    fail("written");
  if (::rename(temporary_.c_str(), target_.c_str()) != 0)
    fail("replaced");
  ::close(descriptor_);
  descriptor_ = -1;
  // The new name is on the disk only when its folder is. Where folders can't be flushed, the file is complete all the same.
  const std::string folder = std::filesystem::path(target_).parent_path().string();
  const Descriptor directory{::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (directory.value >= 0)
    (void)::fsync(directory.value);
}

} // namespace kiln::runtime
