// Cases recorded from PyTorch by make_cases.py and make_training_cases.py.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kiln/semantics/operation.h"

namespace kiln::semantics::test {

enum class Match {
  Exact,  // equal values (NaN equals NaN; the sign of zero counts)
  Close,  // relative error of each element
  Ulps,   // error within two units in the last place of the largest magnitude (of double: Scaled)
  Scaled, // error relative to the largest magnitude: sums cancel
};

struct RecordedCase {
  std::string name, operation;
  std::vector<Tensor> operands; // undefined: absent
  Attributes attributes;
  std::vector<Tensor> results;
  Match match = Match::Exact;
  std::string error_class, error; // PyTorch's text; empty when it computed
};

/// All cases of one op ("nn.linear"). Throws when the files are missing or broken.
std::vector<RecordedCase> recorded_cases(const std::string &operation);

/// Empty when `found` matches; else what differs first.
std::string difference(const Tensor &found, const Tensor &expected, Match match);

} // namespace kiln::semantics::test
