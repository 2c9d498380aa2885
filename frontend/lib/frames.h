// Return addresses of the running call.
#pragma once

#include "kiln/semantics/program.h"

namespace kiln::detail {

/// Return addresses, innermost first, up to a bound that covers deep module trees.
semantics::Frames capture_frames();

} // namespace kiln::detail
