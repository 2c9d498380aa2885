// Implements what is and what is no UTF-8.
#include "utf8.h"

namespace kiln::runtime {

Utf8Character utf8_character(std::string_view text, std::size_t begin) {
  const auto lead = static_cast<unsigned char>(text[begin]);
  const std::size_t length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (length == 0)
    return {0, false};
  for (std::size_t i = 1; i < length; ++i) {
    const auto byte = begin + i < text.size() ? static_cast<unsigned char>(text[begin + i]) : 0;
    unsigned least = 0x80, most = 0xbf;
    if (i == 1) {
      least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : least;
      most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : most;
    }
    if (byte < least || byte > most)
      return {i, false};
  }
  return {length, true};
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto [valid, is_whole] = utf8_character(text, i);
    if (!is_whole)
      return false;
    i += valid;
  }
  return true;
}

} // namespace kiln::runtime
