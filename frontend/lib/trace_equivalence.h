// Whether two recordings compute the same, though they are not the same list of operations.
#pragma once

#include "trace_merge.h"

namespace kiln::detail {

/// Whether `general` with the numbers of `special` for its symbols gives the outputs, with the same sizes, and leaves the state
/// and the gradients that `special` does. Sure when true; false may mean that it could not be shown.
bool same_computation(const MergedFunction &general, const Trace &special);

} // namespace kiln::detail
