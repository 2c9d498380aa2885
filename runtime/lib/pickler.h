// A writer of the pickles that torch.save makes. Internal.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kiln/runtime/value.h"

namespace kiln::runtime::pickle {

/// A pickle and the storages that its tensors refer to: storage i under the key "i".
struct Pickled {
  std::string bytes;
  std::vector<std::shared_ptr<Storage>> storages;
};

/// Writes `value` by protocol 2. Throws ValueError for what no .pt file can hold: an undefined tensor, a storage used with two
/// dtypes, text that is not UTF-8, values nested too deep.
Pickled write(const Value &value);

} // namespace kiln::runtime::pickle
