// Values as Python prints them.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace kiln::detail {

/// repr(float): the shortest text that reads back, "1e-05", "0.1", "1.0".
std::string float_text(double value);
/// "True" or "False".
inline std::string bool_text(bool value) { return value ? "True" : "False"; }
/// repr(tuple): "(1, 28, 28)", "(3,)", "()".
std::string tuple_text(std::span<const int64_t> values);

} // namespace kiln::detail
