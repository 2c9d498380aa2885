// NumPy's arrays within a mapped file: the file itself, or entries of an archive. Internal.
#pragma once

#include <memory>
#include <string_view>

#include "file_io.h"
#include "kiln/runtime/state_dict.h"
#include "kiln/runtime/tensor.h"

namespace kiln::runtime {

/// Reads the array of `size` bytes at `begin`, which lie inside the file. Errors name the offset in it, and `entry` unless it is empty.
/// Throws FileError.
Tensor read_npy(const std::shared_ptr<MappedFile> &file, std::string_view entry, std::size_t begin, std::size_t size);

/// What load_npz does.
StateDict read_npz(const std::shared_ptr<MappedFile> &file);

} // namespace kiln::runtime
