// Implements FuzzedFile (a memfd, named through /proc) and the looks at what was read.
#include "fuzzed_file.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <sys/mman.h>
#include <unistd.h>

namespace kiln::fuzz {

FuzzedFile::FuzzedFile(const void *data, std::size_t size) : descriptor_(memfd_create("fuzzed", MFD_CLOEXEC)) {
  require(descriptor_ >= 0, "memfd_create failed");
  for (std::size_t done = 0; done < size;) {
    const ssize_t count = ::write(descriptor_, static_cast<const char *>(data) + done, size - done);
    require(count > 0, "writing to the memfd failed");
    done += static_cast<std::size_t>(count);
  }
  path_ = "/proc/self/fd/" + std::to_string(descriptor_);
}

FuzzedFile::~FuzzedFile() { ::close(descriptor_); }

const std::string &scratch_path() {
  struct Scratch {
    // In memory where that is possible: writers flush to the disk.
    std::filesystem::path folder =
        (std::filesystem::exists("/dev/shm") ? std::filesystem::path("/dev/shm") : std::filesystem::temp_directory_path()) /
        ("kiln-fuzz-" + std::to_string(::getpid()));
    std::string file = (folder / "written").string();
    Scratch() { std::filesystem::create_directories(folder); }
    ~Scratch() {
      std::error_code ignored;
      std::filesystem::remove_all(folder, ignored);
    }
  };
  static const Scratch scratch;
  return scratch.file;
}

namespace {

/// A sum that the optimiser can't leave out.
volatile unsigned char read_bytes;

void read(const std::byte *data, std::size_t size) {
  unsigned char sum = 0;
  for (std::size_t i = 0; i < size; ++i)
    sum += static_cast<unsigned char>(data[i]);
  read_bytes = sum;
}

} // namespace

void touch(const runtime::Tensor &tensor) {
  if (tensor.numel() == 0)
    return;
  const auto &storage = *tensor.storage();
  if (tensor.nbytes() > storage.bytes()) {
    read(storage.data(), storage.bytes());
    return;
  }
  const runtime::Tensor values = tensor.contiguous();
  read(static_cast<const std::byte *>(values.data()), values.nbytes());
}

void touch(const runtime::StateDict &tensors) {
  for (const auto &[name, tensor] : tensors)
    touch(tensor);
}

void touch(const runtime::Value &value) {
  if (const auto *tensor = value.get_if<runtime::Tensor>()) {
    touch(*tensor);
  } else if (const auto *items = value.items()) {
    for (const runtime::Value &item : *items)
      touch(item);
  } else if (const auto *dict = value.get_if<runtime::Value::Dict>()) {
    for (const runtime::Value::Item &item : *dict)
      touch(item.value);
  }
}

void require_equal(const runtime::StateDict &written, const runtime::StateDict &read) {
  require(written.size() == read.size(), "another number of tensors comes back than was written");
  auto other = read.begin();
  for (const auto &[name, tensor] : written) {
    require(name == other->first, "another name comes back than was written");
    require(tensor.dtype() == other->second.dtype() && std::ranges::equal(tensor.sizes(), other->second.sizes()),
            "a tensor of another type or size comes back than was written");
    const runtime::Tensor left = tensor.contiguous(), right = other->second.contiguous();
    require(left.nbytes() == 0 || std::memcmp(left.data(), right.data(), left.nbytes()) == 0,
            "other bytes come back than were written");
    ++other;
  }
}

} // namespace kiln::fuzz
