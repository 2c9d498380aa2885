// Values on a command line: tensors from files and generators, and tensors described in text.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "kiln/runtime/export.h"
#include "kiln/runtime/program.h"
#include "kiln/runtime/tensor.h"

namespace kiln::runtime {

/// A command line that is wrong in itself; exit code 2.
class UsageError : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// The tensor that `text` (FILE[:TENSOR], zeros:SIZES, random:SIZES) stands for. `position` seeds `random`; the dtype of the two
/// generators is the argument's. Throws UsageError for text that makes no sense, Error for files.
KILN_API Tensor read_input(const std::string &text, const Argument &argument, std::size_t position);

/// "output: float32 [32, 10], min -1.5, max 2, mean 0.25\n  0.5, 1, ...\n".
KILN_API std::string describe(std::string_view name, const Tensor &tensor);

} // namespace kiln::runtime
