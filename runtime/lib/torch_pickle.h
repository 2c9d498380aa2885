// The pickle of a .pt file: what load_torch and load_torch_value have in common. Internal.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "file_io.h"
#include "kiln/runtime/error.h"
#include "kiln/runtime/state_dict.h"
#include "unpickler.h"

namespace kiln::runtime {

/// Reads the pickle of a .pt file, in an archive or in the older format, with the storages that tensors refer to. Throws FileError.
pickle::Pickle read_torch_pickle(const std::shared_ptr<MappedFile> &file);

/// What load_torch does.
StateDict read_torch(const std::shared_ptr<MappedFile> &file, const std::string &key);

/// Whether a file is in the format that torch.save wrote before version 1.6.
bool is_legacy_torch_file(const MappedFile &file);

/// Reads such a file. Its tensors are copies: their bytes lie there on any address. Throws FileError.
pickle::Pickle read_legacy_torch_pickle(const MappedFile &file);

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

/// How large a tree may be built from a pickle, in values and bytes of text. A value takes a byte of the pickle at least, a text as
/// many as it has, unless they repeat earlier ones; honest pickles repeat names.
inline std::size_t value_budget(const pickle::Pickle &pickle) { return pickle.bytes * 16 + (1 << 16); }

} // namespace kiln::runtime
