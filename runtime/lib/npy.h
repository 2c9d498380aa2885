// An array in NumPy's .npy format within a file: the file itself, or an entry of an archive. Internal.
#pragma once

#include <memory>
#include <string_view>

#include "file_io.h"
#include "kiln/runtime/tensor.h"

namespace kiln::runtime {

/// Reads the array of `size` bytes at `begin`, which lie inside the file. Errors name the offset in it, and `entry` unless it is empty.
/// Throws FileError.
Tensor read_npy(const std::shared_ptr<MappedFile> &file, std::string_view entry, std::size_t begin, std::size_t size);

} // namespace kiln::runtime
