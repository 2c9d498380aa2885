// Finding out which expression of the named dimensions a number was computed by.
//
// While recording, a named dimension is a stand-in number that differs from run to run. What the model's code computes from it
// arrives as one number a run; SizeMatcher finds the expression that gives them all.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kiln/semantics/dim_expr.h"

namespace kiln::detail {

/// What one size was in each run.
using Numbers = std::vector<int64_t>;

class SizeMatcher {
public:
  /// Numbers of the named dimensions in one run.
  using Symbols = std::map<std::string, int64_t>;

  /// A match holds in the first `required` runs, the first three of them with large numbers, and if possible in the others.
  SizeMatcher(std::vector<Symbols> runs, std::size_t required);
  /// The simplest expression with these values; empty when there is none.
  std::optional<semantics::DimExpr> match(const Numbers &numbers) const;
  /// Makes a size that occurs in the function a candidate.
  void add(const semantics::DimExpr &size);
  /// No longer tries to match a run that is not required.
  void drop(std::size_t run) { dropped_[run] = true; }
  bool is_dropped(std::size_t run) const { return dropped_[run]; }
  /// The sizes that occur in the function, in order.
  std::vector<semantics::DimExpr> candidates() const;
  /// The values of `size` in all runs; empty when they don't fit 64 bits.
  std::optional<Numbers> values(const semantics::DimExpr &size) const;

private:
  struct Candidate {
    semantics::DimExpr expression;
    Numbers values;
  };
  using Runs = std::vector<std::size_t>;

  std::optional<semantics::DimExpr> find(const Numbers &numbers, const Runs &runs) const;
  std::optional<semantics::DimExpr> find_clamped(const Numbers &numbers, const Runs &runs) const;
  std::vector<Candidate> products() const;
  std::vector<Candidate> quotients(const Numbers &numbers) const;

  std::vector<Symbols> runs_;
  std::size_t required_;
  std::vector<bool> dropped_;
  std::vector<Candidate> candidates_;
};

} // namespace kiln::detail
