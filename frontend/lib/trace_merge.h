// From traces with numbers to one function with symbols.
//
// A function is recorded with two sets of stand-in numbers for its named dimensions. What is the same number in both traces is a
// constant; what differs must be an expression of known sizes that gives both numbers. A third trace checks the result.
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "recorder.h"

namespace kiln::detail {

/// Finds expressions of named dimensions for pairs of numbers.
class SizeMatcher {
public:
  SizeMatcher(std::map<std::string, int64_t> first, std::map<std::string, int64_t> second);
  /// An expression that is `first` and `second` in the two runs, simple ones preferred; empty when there is none.
  std::optional<semantics::DimExpr> match(int64_t first, int64_t second) const;
  /// Makes a size that occurs in the function a candidate.
  void add(const semantics::DimExpr &size);

private:
  struct Candidate {
    semantics::DimExpr expression;
    int64_t first, second;
  };
  std::map<std::string, int64_t> first_, second_;
  std::vector<Candidate> candidates_;
  std::map<std::pair<int64_t, int64_t>, std::size_t> known_; // numbers -> candidate
};

struct MergedFunction {
  semantics::RecordedFunction function;
  std::map<std::string, int64_t> symbols; // numbers of the first run, for messages
  std::vector<ModuleCall> calls;
  std::vector<std::vector<std::vector<semantics::DimExpr>>> call_shapes; // of each call, of each output
  std::vector<semantics::DimExpr> call_multiply_adds;                    // own operations of each call
  std::vector<GradientAtEnd> gradients;
};

/// Throws, with the frames of the first operation where the traces disagree.
MergedFunction merge_traces(const Trace &first, const Trace &second);
/// Throws unless `third` is what `merged` says for its numbers.
void check_trace(const MergedFunction &merged, const Trace &third);

} // namespace kiln::detail
