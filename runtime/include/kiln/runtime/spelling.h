// Near names: what somebody may have meant by a word that is not there.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kiln/runtime/export.h"

namespace kiln::runtime {

/// The name nearest to `word`, or "" when none is like it: few letters differ and some are the same, or the word is the initials of
/// the name's parts ("--lr" of "--learning-rate").
KILN_API std::string_view nearest(std::string_view word, const std::vector<std::string_view> &names);

/// "; did you mean 'x'?" or "".
KILN_API std::string suggestion(std::string_view word, const std::vector<std::string_view> &names);

} // namespace kiln::runtime
