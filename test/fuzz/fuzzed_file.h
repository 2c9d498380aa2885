// What the fuzzers of the file readers share: hostile bytes as a file, and a look at everything that a reader has accepted.
//
// A reader may do two things with any bytes: return tensors whose elements are all there, or throw runtime::Error. Whatever else it
// throws ends the fuzzer; a read out of bounds ends it too (AddressSanitizer).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "kiln/runtime/state_dict.h"
#include "kiln/runtime/tensor.h"
#include "kiln/runtime/value.h"

namespace kiln::fuzz {

/// A file in memory that holds `size` bytes, under a path that a reader can open.
class FuzzedFile {
public:
  FuzzedFile(const void *data, std::size_t size);
  ~FuzzedFile();
  FuzzedFile(const FuzzedFile &) = delete;
  FuzzedFile &operator=(const FuzzedFile &) = delete;
  const std::string &path() const { return path_; }

private:
  int descriptor_;
  std::string path_;
};

/// A path in a folder of this process's own, for what is written; removed when the process ends.
const std::string &scratch_path();

/// Reads each element. A tensor's elements lie in a part of the file, but a view (stride 0) may have more of them: then its storage
/// is read instead.
void touch(const runtime::Tensor &tensor);
void touch(const runtime::StateDict &tensors);
void touch(const runtime::Value &value);

/// Ends the fuzzer with a message unless `condition` holds.
inline void require(bool condition, const char *what) {
  if (condition)
    return;
  std::fprintf(stderr, "fuzz: %s\n", what);
  std::abort();
}

/// Ends the fuzzer unless both hold the same names, element types, sizes and bytes, in one order.
void require_equal(const runtime::StateDict &written, const runtime::StateDict &read);

} // namespace kiln::fuzz
