// Text that a file brings, as messages show it. Internal.
#pragma once

#include <string>
#include <string_view>

namespace kiln::runtime {

/// The text on one line and cut short: control characters as Python writes them ('\n', '\x1b'), which a terminal would obey.
std::string shown(std::string_view text);

} // namespace kiln::runtime
