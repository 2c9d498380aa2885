// Text of pieces, for messages. Internal.
//
// One call with an array of plain pieces: `a + std::to_string(n) + b` is a call, a temporary and a place to clean up for each
// piece, and messages are a good part of the code that every executable holds.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace kiln::runtime {

/// Text, which must outlive the piece, or an integer.
class Piece {
public:
  Piece(std::string_view text) : text_(text.data()), value_(text.size()), kind_(Kind::Text) {}
  Piece(const std::string &text) : Piece(std::string_view(text)) {}
  Piece(const char *text) : Piece(std::string_view(text)) {}
  template <std::signed_integral T>
  requires(!std::same_as<T, char>) Piece(T value)
      : value_(static_cast<uint64_t>(static_cast<int64_t>(value))), kind_(Kind::Signed) {}
  template <std::unsigned_integral T>
  requires(!std::same_as<T, bool>) Piece(T value) : value_(value), kind_(Kind::Unsigned) {}

  /// Hexadecimal digits, as many as said at least.
  static Piece hex(uint64_t value, int digits) {
    Piece piece(value);
    piece.kind_ = Kind::Hexadecimal;
    piece.digits_ = digits;
    return piece;
  }

  void append_to(std::string &text) const;

private:
  enum class Kind { Text, Signed, Unsigned, Hexadecimal };

  const char *text_ = nullptr;
  uint64_t value_; // the length of a text
  Kind kind_;
  int digits_ = 0;
};

/// The pieces one after another: concat({"is ", 3, ", and there are ", 2}).
std::string concat(std::initializer_list<Piece> pieces);

} // namespace kiln::runtime
