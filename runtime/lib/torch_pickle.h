// The pickle of a .pt file: what load_torch and load_torch_value have in common. Internal.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "file_io.h"
#include "kiln/runtime/error.h"
#include "unpickler.h"

namespace kiln::runtime {

/// Checks the archive and reads its pickle, with the storages that tensors refer to. Throws FileError.
pickle::Pickle read_torch_pickle(const std::shared_ptr<MappedFile> &file);

/// A state_dict is expected, and the file has some of them inside: the message lists their keys.
class CheckpointGiven : public FileError {
public:
  CheckpointGiven(std::string path, std::string where, const std::string &rule, std::string key)
      : FileError(std::move(path), std::move(where), rule), key(std::move(key)) {}
  /// Of the only state_dict; empty where there are several.
  std::string key;
};

/// How deep values may be nested in files, read or written; far more than any checkpoint's.
inline constexpr int kMaxValueDepth = 100;

} // namespace kiln::runtime
