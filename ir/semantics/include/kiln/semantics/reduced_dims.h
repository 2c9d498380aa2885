// Which dimensions a sum or a mean runs over.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kiln/runtime/export.h"

namespace kiln::semantics {

/// For each of `rank` dimensions whether `dims` reduces it: no `dims` means all of them, as in PyTorch.
/// A tensor without dimensions counts as having one, which may be named; there is nothing to reduce in
/// it, so the result is empty. Throws wrap_dim's IndexError, and ValueError for a dimension named twice.
KILN_API std::vector<bool> reduced_dims(int64_t rank, std::span<const int64_t> dims);

} // namespace kiln::semantics
