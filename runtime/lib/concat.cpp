// Text of pieces, for messages.
#include "concat.h"

#include <cstdio>

namespace kiln::runtime {

void Piece::append_to(std::string &text) const {
  switch (kind_) {
  case Kind::Text:
    text.append(text_, value_);
    return;
  case Kind::Signed:
    text += std::to_string(static_cast<int64_t>(value_));
    return;
  case Kind::Unsigned:
    text += std::to_string(value_);
    return;
  case Kind::Hexadecimal: {
    char digits[24];
    std::snprintf(digits, sizeof digits, "%0*llx", digits_, static_cast<unsigned long long>(value_));
    text += digits;
    return;
  }
  }
}

std::string concat(std::initializer_list<Piece> pieces) {
  std::string text;
  for (const Piece &piece : pieces)
    piece.append_to(text);
  return text;
}

} // namespace kiln::runtime
