// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. Internal.
#pragma once

#include <cstddef>
#include <string_view>

namespace kiln::runtime {

/// How many of the bytes from `begin` on are the valid beginning of a character, and whether that is all of it.
struct Utf8Character {
  std::size_t valid;
  bool is_whole;
};
Utf8Character utf8_character(std::string_view text, std::size_t begin);

bool is_utf8(std::string_view text);

} // namespace kiln::runtime
