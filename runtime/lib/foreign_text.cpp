// Text that a file brings, as messages show it.
#include "foreign_text.h"

#include <cstdio>

namespace kiln::runtime {

std::string shown(std::string_view text) {
  constexpr std::size_t kLongest = 200;
  std::size_t end = text.size();
  if (end > kLongest)
    for (end = kLongest; (text[end] & 0xc0) == 0x80 && end > kLongest - 4;) // not within a character of UTF-8
      --end;
  std::string result;
  for (std::size_t i = 0; i < end; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F are control characters too, of two bytes.
    const auto next = static_cast<unsigned char>(i + 1 < end ? text[i + 1] : 0);
    const bool is_wide_control = byte == 0xc2 && next >= 0x80 && next < 0xa0;
    if (byte == '\n' || byte == '\r' || byte == '\t') {
      result += byte == '\n' ? "\\n" : byte == '\r' ? "\\r" : "\\t";
    } else if (byte < 0x20 || byte == 0x7f || is_wide_control) {
      char code[8];
      std::snprintf(code, sizeof code, "\\x%02x", static_cast<unsigned>(is_wide_control ? next : byte));
      result += code;
      i += is_wide_control;
    } else {
      result += text[i];
    }
  }
  return end < text.size() ? result + "..." : result;
}

} // namespace kiln::runtime
