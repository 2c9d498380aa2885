// Text that a file brings, as messages show it.
#include "foreign_text.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>

#include "utf8.h"

namespace kiln::runtime {

namespace {

constexpr std::size_t kLongest = 200; // bytes

struct Character {
  uint32_t code;
  std::size_t bytes; // 0: what begins here is no character of UTF-8
};

Character first_character(std::string_view text) {
  const uint32_t lead = static_cast<unsigned char>(text[0]);
  const auto [bytes, is_whole] = utf8_character(text, 0);
  if (!is_whole)
    return {lead, 0};
  uint32_t code = bytes == 1 ? lead : lead & (0x7fu >> bytes);
  for (std::size_t i = 1; i < bytes; ++i)
    code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3f);
  return {code, bytes};
}

struct Range {
  uint32_t first, last;
};

/// Characters that Python's repr does not print: of control, of format, separators other than the space, and private ones.
constexpr Range kUnprinted[] = {
    {0x00, 0x1f},       {0x7f, 0xa0},        {0xad, 0xad},       {0x600, 0x605},     {0x61c, 0x61c},     {0x6dd, 0x6dd},
    {0x70f, 0x70f},     {0x890, 0x891},      {0x8e2, 0x8e2},     {0x1680, 0x1680},   {0x180e, 0x180e},   {0x2000, 0x200f},
    {0x2028, 0x202f},   {0x205f, 0x206f},    {0x3000, 0x3000},   {0xe000, 0xf8ff},   {0xfeff, 0xfeff},   {0xfff0, 0xfffb},
    {0xfffe, 0xffff},   {0x110bd, 0x110bd},  {0x110cd, 0x110cd}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},
    {0xe0000, 0xe00ff}, {0xf0000, 0x10ffff},
};

bool is_printed(uint32_t code) {
  return std::ranges::none_of(kUnprinted, [&](Range range) { return code >= range.first && code <= range.last; });
}

std::string escaped(std::string_view text, char mark) {
  std::string result;
  while (!text.empty()) {
    const Character character = first_character(text);
    const std::string_view bytes = text.substr(0, std::max<std::size_t>(character.bytes, 1));
    text.remove_prefix(bytes.size());
    if (character.bytes > 0 && is_printed(character.code)) {
      if (bytes == "\\" || (mark && bytes[0] == mark))
        result += '\\';
      result += bytes;
    } else if (bytes == "\n" || bytes == "\r" || bytes == "\t") {
      result += bytes == "\n" ? "\\n" : bytes == "\r" ? "\\r" : "\\t";
    } else {
      const char *format = character.code < 0x100 ? "\\x%02x" : character.code < 0x10000 ? "\\u%04x" : "\\U%08x";
      char code[16];
      std::snprintf(code, sizeof code, format, static_cast<unsigned>(character.code));
      result += code;
    }
  }
  return result;
}

std::string cut(std::string_view text, char mark) {
  if (text.size() <= kLongest)
    return escaped(text, mark);
  std::size_t end = kLongest;
  while ((text[end] & 0xc0) == 0x80 && end > kLongest - 4) // not within a character of UTF-8
    --end;
  return escaped(text.substr(0, end), mark) + "...";
}

char mark_of(std::string_view text) { return text.find('\'') != text.npos && text.find('"') == text.npos ? '"' : '\''; }

} // namespace

std::string shown(std::string_view text) { return cut(text, '\0'); }

std::string in_quotes(std::string_view text, char mark) { return mark + cut(text, mark) + mark; }

std::string in_quotes(std::string_view text) { return in_quotes(text, mark_of(text)); }

std::string python_repr(std::string_view text) {
  const char mark = mark_of(text);
  return mark + escaped(text, mark) + mark;
}

} // namespace kiln::runtime
