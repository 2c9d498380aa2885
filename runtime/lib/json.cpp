// JSON, as far as a file's header needs it.
#include "json.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "utf8.h"

namespace kiln::runtime {

namespace {

constexpr int kEnd = -1; // no byte

void append_utf8(std::string &text, uint32_t code) {
  if (code < 0x80) {
    text += static_cast<char>(code);
    return;
  }
  const int following = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  const uint32_t marks[] = {0xc0, 0xe0, 0xf0};
  text += static_cast<char>(marks[following - 1] | code >> (6 * following));
  for (int i = following - 1; i >= 0; --i)
    text += static_cast<char>(0x80 | (code >> (6 * i) & 0x3f));
}

bool is_digit(int byte) { return byte >= '0' && byte <= '9'; }

class Parser {
public:
  Parser(std::string_view text, JsonEvents &events) : text_(text), events_(events) {}

  void run() {
    for (int first = token();;) {
      if (first == '{' || first == '[') {
        open(first);
        first = token();
        if (first != closing()) {
          if (in_object_.back())
            first = member(first);
          continue;
        }
        close();
      } else {
        scalar(first);
      }
      // A value is done, and with it perhaps what it is the last of.
      while (!in_object_.empty() && (first = token()) == closing())
        close();
      if (in_object_.empty())
        break;
      if (first != ',')
        fail(first);
      first = token();
      if (in_object_.back())
        first = member(first);
    }
    if (const int next = token(); next != kEnd)
      fail(next);
  }

private:
  int peek() const { return at_ < text_.size() ? static_cast<unsigned char>(text_[at_]) : kEnd; }

  /// The first byte of the next token, which is read.
  int token() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r')
      ++at_;
    const int byte = peek();
    if (byte != kEnd)
      ++at_;
    return byte;
  }

  /// The token that begins with `first` may not stand here: refused at its last byte, or where it goes wrong itself.
  [[noreturn]] void fail(int first) {
    if (first == kEnd)
      events_.error(at_);
    else if (first == '"')
      string();
    else if (first == '-' || is_digit(first))
      number(first);
    else
      literal(first);
    events_.error(at_ - 1);
  }

  //===--------------------------------------------------------------------===//
  // Containers
  //===--------------------------------------------------------------------===//

  int closing() const { return in_object_.back() ? '}' : ']'; }
  void open(int first) {
    in_object_.push_back(first == '{');
    in_object_.back() ? events_.start_object() : events_.start_array();
  }
  void close() {
    in_object_.back() ? events_.end_object() : events_.end_array();
    in_object_.pop_back();
  }

  /// Reads a key and its colon; returns the first byte of its value.
  int member(int first) {
    if (first != '"')
      fail(first);
    events_.key(string());
    if (const int colon = token(); colon != ':')
      fail(colon);
    return token();
  }

  //===--------------------------------------------------------------------===//
  // Scalars; the first byte is read
  //===--------------------------------------------------------------------===//

  void scalar(int first) {
    if (first == '"')
      events_.string(string());
    else if (first == '-' || is_digit(first))
      number_value(first);
    else if (literal(first))
      events_.other(first == 'n' ? "null" : "a boolean");
    else
      fail(first);
  }

  /// Reads true, false or null; false for what can't be one of them.
  bool literal(int first) {
    const std::string_view rest = first == 't' ? "rue" : first == 'f' ? "alse" : first == 'n' ? "ull" : "";
    for (const char letter : rest) {
      if (peek() != letter)
        events_.error(at_);
      ++at_;
    }
    return !rest.empty();
  }

  void digits() {
    if (!is_digit(peek()))
      events_.error(at_);
    while (is_digit(peek()))
      ++at_;
  }

  /// Reads a number; returns its text.
  std::string_view number(int first) {
    const std::size_t begin = at_ - 1;
    if (first == '-' && peek() != '0')
      digits();
    else if (first == '-')
      ++at_;
    else if (first != '0' && is_digit(peek()))
      digits();
    if (peek() == '.') {
      ++at_;
      digits();
    }
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-')
        ++at_;
      digits();
    }
    return text_.substr(begin, at_ - begin);
  }

  void number_value(int first) {
    const std::string_view text = number(first);
    const char *end = text.data() + text.size();
    int64_t negative = 0;
    uint64_t value = 0;
    const auto result = first == '-' ? std::from_chars(text.data(), end, negative) : std::from_chars(text.data(), end, value);
    if (result.ec != std::errc() || result.ptr != end) {
      if (!std::isfinite(std::strtod(std::string(text).c_str(), nullptr)))
        events_.error(at_ - 1);
      events_.other("a number that is no 64-bit integer");
    } else if (first == '-') {
      events_.other("a negative number");
    } else {
      events_.number(value);
    }
  }

  /// Reads four hexadecimal digits.
  uint32_t code_unit() {
    uint32_t code = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const int byte = peek(), letter = byte | 0x20;
      if (!is_digit(byte) && (letter < 'a' || letter > 'f'))
        events_.error(at_);
      code = code << 4 | static_cast<uint32_t>(is_digit(byte) ? byte - '0' : letter - 'a' + 10);
    }
    return code;
  }

  /// Reads what follows a backslash.
  void escape(std::string &result) {
    static constexpr std::string_view kLetters = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
    const int byte = peek();
    if (const std::size_t place = byte == kEnd ? kLetters.npos : kLetters.find(static_cast<char>(byte)); place != kLetters.npos) {
      result += kMeanings[place];
      ++at_;
      return;
    }
    if (byte != 'u')
      events_.error(at_);
    ++at_;
    uint32_t code = code_unit();
    if (code >= 0xd800 && code < 0xdc00) { // the first half of a pair
      for (const char expected : {'\\', 'u'}) {
        if (peek() != expected)
          events_.error(at_);
        ++at_;
      }
      const uint32_t second = code_unit();
      if (second < 0xdc00 || second > 0xdfff)
        events_.error(at_ - 1);
      code = 0x10000 + ((code - 0xd800) << 10) + (second - 0xdc00);
    } else if (code >= 0xdc00 && code <= 0xdfff) {
      events_.error(at_ - 1);
    }
    append_utf8(result, code);
  }

  std::string string() {
    std::string result;
    for (;;) {
      const int byte = peek();
      if (byte == '"') {
        ++at_;
        return result;
      }
      if (byte < 0x20) // the end, too
        events_.error(at_);
      if (byte == '\\') {
        ++at_;
        escape(result);
        continue;
      }
      const auto [valid, is_whole] = utf8_character(text_, at_);
      if (!is_whole)
        events_.error(at_ + valid);
      result.append(text_, at_, valid);
      at_ += valid;
    }
  }

  std::string_view text_;
  JsonEvents &events_;
  std::size_t at_ = 0;
  std::vector<bool> in_object_; // by level
};

} // namespace

void parse_json(std::string_view text, JsonEvents &events) { Parser(text, events).run(); }

bool append_json_string(std::string &json, std::string_view text) {
  static constexpr std::string_view kSpecial = "\"\\\b\f\n\r\t", kLetters = "\"\\bfnrt";
  json += '"';
  for (std::size_t i = 0; i < text.size();) {
    const auto [valid, is_whole] = utf8_character(text, i);
    if (!is_whole)
      return false;
    if (const std::size_t place = kSpecial.find(text[i]); place != kSpecial.npos) {
      json += '\\';
      json += kLetters[place];
    } else if (static_cast<unsigned char>(text[i]) < 0x20) {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(text[i]));
      json += code;
    } else {
      json.append(text, i, valid);
    }
    i += valid;
  }
  json += '"';
  return true;
}

} // namespace kiln::runtime
