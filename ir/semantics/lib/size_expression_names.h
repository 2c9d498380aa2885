// Which words name a symbol in a size expression.
#pragma once

#include <string_view>

namespace kiln::semantics {

inline constexpr std::string_view kFloorDivWord = "floordiv";

// Locale-free on purpose: text must read the same everywhere.
inline bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

inline bool is_symbol_name(std::string_view name) {
  if (name.empty() || !is_name_start(name[0]) || name == kFloorDivWord)
    return false;
  for (char c : name)
    if (!is_name_start(c) && !is_digit(c))
      return false;
  return true;
}

} // namespace kiln::semantics
