// From traces with numbers to one function with symbols.
//
// A function is recorded with several sets of stand-in numbers for its named dimensions. What is the same number in all of them
// is a constant; what differs must be an expression of known sizes that gives all the numbers (size_matcher.h). Sizes of 0 and 1
// are cases of their own in PyTorch (squeeze, broadcasting): runs with them that do something else than the compiled function
// become conditions of a call.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "recorder.h"

namespace kiln::detail {

/// A run with one named dimension of size 0 or 1.
struct EdgeRun {
  std::string dimension;
  int64_t size = 0;
  std::optional<Trace> trace; // empty when the model's code threw:
  std::string error;
  semantics::Frames frames;
};

struct MergedFunction {
  semantics::RecordedFunction function;
  std::vector<ModuleCall> calls;
  std::vector<std::vector<std::vector<semantics::DimExpr>>> call_shapes; // of each call, of each output
  std::vector<semantics::DimExpr> call_multiply_adds;                    // own operations of each call
  std::vector<GradientAtEnd> gradients;
  std::vector<std::size_t> special_sizes;                                // conditions for sizes that work in PyTorch
};

/// The function that `traces` are runs of, the first three with large sizes. Throws, with the frames of the first operation where
/// they disagree.
MergedFunction merge_traces(const std::vector<Trace> &traces, const std::vector<EdgeRun> &edges);

} // namespace kiln::detail
