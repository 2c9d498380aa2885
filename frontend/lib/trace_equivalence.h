// Whether two recordings compute the same, though they are not the same list of operations.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "kiln/semantics/program.h"

namespace kiln::detail {

/// Whether `general` with these numbers for its symbols gives the outputs, with the same sizes, and leaves the state that
/// `special`, whose sizes are all numbers, does. Sure when true; false may mean that it could not be shown.
bool same_computation(const semantics::RecordedFunction &general, const std::map<std::string, int64_t> &symbols,
                      const semantics::RecordedFunction &special);

} // namespace kiln::detail
