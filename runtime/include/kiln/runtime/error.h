// The exceptions of the runtime and of the DSL.
//
// One hierarchy: whoever catches kiln::runtime::Error catches every error that a user can cause. Where PyTorch has the error,
// `what()` begins with PyTorch's text; Kiln's additions (the place, expected and found, what to do) follow on lines of their own.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "kiln/runtime/export.h"

namespace kiln::runtime {

/// Base of all errors. Carries the return addresses of the call that failed, so that a tool that can read debug information can
/// name the user's source line; empty where nobody asked for them.
class KILN_API Error : public std::runtime_error {
public:
  explicit Error(const std::string &message) : std::runtime_error(message) {}
  std::vector<std::uintptr_t> frames;
};

/// A value, shape or dtype that does not fit (PyTorch's RuntimeError).
class KILN_API ValueError : public Error {
public:
  using Error::Error;
};
/// An index out of range (PyTorch's IndexError).
class KILN_API IndexError : public Error {
public:
  using Error::Error;
};
/// A name that is not there or is taken (PyTorch's KeyError, AttributeError).
class KILN_API KeyError : public Error {
public:
  using Error::Error;
};
/// A type that does not fit (PyTorch's TypeError).
class KILN_API TypeError : public Error {
public:
  using Error::Error;
};
/// A file that can't be read or written, or breaks a rule of its format. `path`, and `where` in it: a byte offset or a key.
class KILN_API FileError : public Error {
public:
  FileError(std::string path, std::string where, const std::string &rule)
      : Error(path + ": " + (where.empty() ? "" : where + ": ") + rule), path(std::move(path)),
        where(std::move(where)) {}
  std::string path, where;
};
/// state_dict does not fit the model; the message is PyTorch's, with all differences.
class KILN_API StateDictError : public Error {
public:
  using Error::Error;
};

} // namespace kiln::runtime
