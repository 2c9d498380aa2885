// Integer divisions by zero in the model's code, as errors.
//
// Functions are recorded with empty dimensions too, and C++ code that divides by such a size raises a signal where Python raises an
// exception. That must not end the compiler: the size is one that the function can't be called with.
#pragma once

#include <functional>

namespace kiln::detail {

/// Runs `action`; false when an integer division by zero ended it. Destructors between the division and here have not run then.
bool without_division_by_zero(const std::function<void()> &action);

} // namespace kiln::detail
