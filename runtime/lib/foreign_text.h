// Text that a file brings, as messages show it. Internal.
//
// A file's names reach a terminal, which obeys control characters, and stand beside text of ours, which they must not look like.
// So what can't be printed is written as Python's repr writes it, and a quotation mark, where the text is between two, too.
#pragma once

#include <string>
#include <string_view>

namespace kiln::runtime {

/// The text on one line and cut short, without quotation marks: '\n', '\x1b', '\u202e'; a backslash is two.
std::string shown(std::string_view text);

/// Likewise, between quotation marks: those that Python would take ('a', "it's"), or this one always.
std::string in_quotes(std::string_view text);
std::string in_quotes(std::string_view text, char mark);

/// The whole text as Python's repr prints it.
std::string python_repr(std::string_view text);

} // namespace kiln::runtime
