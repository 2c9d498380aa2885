// The programs that every kind of kernel is tested with.
#pragma once

#include "kiln/runtime/dtype.h"

#include <ostream>
#include <string>
#include <vector>

namespace kiln::test {

/// Size of a dimension that stands for the batch.
constexpr int64_t kBatch = -1;

struct InputCase {
  std::vector<int64_t> sizes; // kBatch is replaced
  runtime::DType dtype = runtime::DType::Float32;
  int64_t limit = 10; // of integers
};

/// A program with one function `f`.
struct KernelCase {
  std::string name;
  std::string text; // the module's body
  std::vector<InputCase> inputs;
  double tolerance = 2e-6; // relative to the largest value
};

/// Test output names a case, not its bytes.
inline void PrintTo(const KernelCase &kernelCase, std::ostream *stream) { *stream << kernelCase.name; }

/// All cases, in the order of their names' first use.
const std::vector<KernelCase> &kernelCases();

/// The body as a module called `test`.
std::string moduleText(const std::string &body);

/// "tensor<?x7xf32, #nn.shape<batch, 7>>" for "batch, 7".
std::string tensorText(const std::string &sizes, const std::string &element = "f32");

/// A function of its arguments' types (%x0, %x1, ...), its body, its results' types and what it returns.
std::string functionText(const std::vector<std::string> &inputs, const std::string &body, const std::string &results,
                         const std::string &returned = "%y");

/// Cases of what training adds: comparisons, losses, gradients, optimizers.
void addTrainingCases(std::vector<KernelCase> &cases);

/// Cases of convolutions, pooling and their gradients.
void addWindowCases(std::vector<KernelCase> &cases);

} // namespace kiln::test
