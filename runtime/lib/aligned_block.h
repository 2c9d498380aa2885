// Scratch memory that grows when needed and is never given back before its owner goes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "kiln/runtime/error.h"

namespace kiln::runtime {

/// Alignment of arenas, state and prepared values: a cache line and the widest vector register.
inline constexpr std::size_t kAlignment = 64;

/// `bytes` rounded up so that what follows is aligned again.
constexpr std::size_t aligned(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

class AlignedBlock {
public:
  AlignedBlock() = default;
  ~AlignedBlock() { std::free(data_); }
  AlignedBlock(const AlignedBlock &) = delete;
  AlignedBlock &operator=(const AlignedBlock &) = delete;

  /// At least `bytes` aligned bytes; what was there before is lost when the block grows. `owner` is for the message of an Error.
  std::byte *reserve(std::size_t bytes, std::string_view owner) {
    if (bytes > bytes_) {
      std::free(std::exchange(data_, nullptr));
      bytes_ = 0;
      if (bytes <= static_cast<std::size_t>(PTRDIFF_MAX)) // beyond that, rounding up could wrap around
        data_ = static_cast<std::byte *>(std::aligned_alloc(kAlignment, aligned(bytes)));
      if (data_ == nullptr)
        throw Error(std::string(owner) + ": can't allocate " + std::to_string(bytes) + " bytes of scratch memory");
      bytes_ = aligned(bytes);
    }
    return data_;
  }

private:
  std::byte *data_ = nullptr;
  std::size_t bytes_ = 0;
};

} // namespace kiln::runtime
