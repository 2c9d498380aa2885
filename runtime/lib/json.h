// JSON, as far as a file's header needs it: read as a stream of events, and quoted text. Internal.
//
// No library's: a header is an object of strings and integers, and what a library does beyond that would be a tenth of every
// executable.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kiln::runtime {

/// What parse_json reads, in its order. A member may throw to end the reading.
class JsonEvents {
public:
  virtual void start_object() = 0;
  virtual void key(std::string text) = 0;
  virtual void end_object() = 0;
  virtual void start_array() = 0;
  virtual void end_array() = 0;
  virtual void string(std::string text) = 0;
  /// An integer of 0 or more that fits.
  virtual void number(uint64_t value) = 0;
  /// Any other value: "a negative number", "a number that is no 64-bit integer", "a boolean", "null".
  virtual void other(const char *what) = 0;
  /// The text breaks JSON's grammar, or is no UTF-8, at this byte. The last event: must throw.
  [[noreturn]] virtual void error(std::size_t position) = 0;

protected:
  ~JsonEvents() = default;
};

/// Reads one value by RFC 8259, strictly, and nothing behind it but white space. Nesting takes a bit of memory a level, no stack.
void parse_json(std::string_view text, JsonEvents &events);

/// Appends the text in quotation marks, with the fewest escapes. False when it is not UTF-8.
[[nodiscard]] bool append_json_string(std::string &json, std::string_view text);

} // namespace kiln::runtime
