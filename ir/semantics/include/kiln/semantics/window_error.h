// The error of a window that fits its input nowhere.
#pragma once

#include "kiln/runtime/error.h"

namespace kiln::semantics {

/// Sizes are too small for one window of a convolution or pooling. With larger sizes there would be
/// no error: a recorder, which does not know how small the sizes of a call may be, tries such.
class KILN_API WindowError : public runtime::ValueError {
public:
  using ValueError::ValueError;
};

} // namespace kiln::semantics
