// Size expressions as text: printing and parsing.
//
//   sum     := product (('+' | '-') product)*
//   product := factor ('*' factor | 'floordiv' number)*        left to right
//   factor  := '-' factor | number | name | '(' sum ')' | ('max' | 'min') '(' sum ',' sum ')'
#include <limits>

#include "checked_arithmetic.h"
#include "kiln/runtime/error.h"
#include "kiln/semantics/dim_expr.h"
#include "size_expression_names.h"

namespace kiln::semantics {

using runtime::ValueError;

//===----------------------------------------------------------------------===//
// Printing
//===----------------------------------------------------------------------===//

namespace {

std::string atom_text(const DimExpr::Atom &atom) {
  if (atom.kind == DimExpr::Atom::Kind::Symbol)
    return atom.symbol;
  if (atom.kind == DimExpr::Atom::Kind::AtLeastZero)
    return "max(" + atom.operand->text() + ", 0)";
  const bool bare = atom.operand->as_symbol().has_value();
  const std::string numerator = atom.operand->text();
  return (bare ? numerator : "(" + numerator + ")") + " floordiv " + std::to_string(atom.divisor);
}

// One term without its sign. `alone`: nothing to its left in the product, so a floordiv needs no
// parentheses.
std::string magnitude_text(const DimExpr::Term &term, bool alone) {
  const uint64_t magnitude =
      term.coefficient < 0 ? -static_cast<uint64_t>(term.coefficient) : term.coefficient;
  if (term.atoms.empty())
    return std::to_string(magnitude);
  std::string result;
  if (magnitude != 1)
    result = std::to_string(magnitude);
  for (const DimExpr::Atom &atom : term.atoms) {
    const bool parentheses =
        atom.kind == DimExpr::Atom::Kind::FloorDiv && !(alone && magnitude == 1 && term.atoms.size() == 1);
    if (!result.empty())
      result += " * ";
    result += parentheses ? "(" + atom_text(atom) + ")" : atom_text(atom);
  }
  return result;
}

} // namespace

std::string DimExpr::text() const {
  if (terms_.empty())
    return "0";
  std::string result;
  for (const Term &term : terms_) {
    const bool first = result.empty();
    const bool negative = term.coefficient < 0;
    // The one magnitude that is no int64 must stay next to its sign to be read back.
    if (!first && term.coefficient == std::numeric_limits<int64_t>::min())
      result += " + -";
    else if (first)
      result += negative ? "-" : "";
    else
      result += negative ? " - " : " + ";
    result += magnitude_text(term, /*alone=*/!negative);
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Parsing
//===----------------------------------------------------------------------===//

namespace {

class Parser {
public:
  explicit Parser(std::string_view text) : text_(text) {}

  DimExpr parse() {
    DimExpr result = parse_sum(0);
    if (skip_space(); position_ != text_.size())
      fail("expected '+', '-', '*', 'floordiv' or the end");
    return result;
  }

private:
  // Hostile text must not exhaust the stack.
  static constexpr int kMaxDepth = 200;

  [[noreturn]] void fail(const std::string &what) const {
    throw ValueError("size expression \"" + std::string(text_) + "\", column " +
                     std::to_string(position_ + 1) + ": " + what);
  }

  void skip_space() {
    while (position_ < text_.size() && (text_[position_] == ' ' || text_[position_] == '\t'))
      ++position_;
  }

  bool take(char c) {
    skip_space();
    if (position_ == text_.size() || text_[position_] != c)
      return false;
    ++position_;
    return true;
  }

  std::string_view peek_word() {
    skip_space();
    std::size_t end = position_;
    while (end < text_.size() &&
           (is_name_start(text_[end]) || (end > position_ && is_digit(text_[end]))))
      ++end;
    return text_.substr(position_, end - position_);
  }

  // Errors of the arithmetic (overflow, too many terms) are errors of the text here.
  template <class Compute> DimExpr compute(std::size_t column, Compute apply) {
    try {
      return apply();
    } catch (const ValueError &error) {
      position_ = column;
      fail(error.what());
    }
  }

  DimExpr parse_sum(int depth) {
    DimExpr result = parse_product(depth);
    while (true) {
      skip_space();
      const std::size_t column = position_;
      if (take('+')) {
        DimExpr right = parse_product(depth);
        result = compute(column, [&] { return result + right; });
      } else if (take('-')) {
        DimExpr right = parse_product(depth);
        result = compute(column, [&] { return result - right; });
      } else {
        return result;
      }
    }
  }

  DimExpr parse_product(int depth) {
    DimExpr result = parse_factor(depth);
    while (true) {
      skip_space();
      const std::size_t column = position_;
      if (take('*')) {
        DimExpr right = parse_factor(depth);
        result = compute(column, [&] { return result * right; });
      } else if (peek_word() == kFloorDivWord) {
        position_ += kFloorDivWord.size();
        skip_space();
        if (position_ == text_.size() || !is_digit(text_[position_]))
          fail("expected a positive number after floordiv");
        const std::size_t number_column = position_;
        const int64_t divisor = parse_number(/*negative=*/false);
        result = compute(number_column, [&] { return result.floordiv(divisor); });
      } else {
        return result;
      }
    }
  }

  DimExpr parse_factor(int depth) {
    bool negative = false;
    while (take('-'))
      negative = !negative;
    skip_space();
    const std::size_t column = position_;
    if (position_ < text_.size() && is_digit(text_[position_]))
      return parse_number(negative);
    DimExpr result;
    if (std::string_view word = peek_word(); !word.empty()) {
      if (word == kFloorDivWord)
        fail("expected a number, a name or '('");
      position_ += word.size();
      // No word is reserved for these: a name is never followed by a parenthesis.
      if ((word == "max" || word == "min") && take('('))
        result = parse_extremum(column, word == "max", depth);
      else
        result = DimExpr::symbol(word);
    } else if (take('(')) {
      if (depth == kMaxDepth)
        fail("more than " + std::to_string(kMaxDepth) + " nested parentheses");
      result = parse_sum(depth + 1);
      if (!take(')'))
        fail("expected ')'");
    } else {
      fail("expected a number, a name or '('");
    }
    return negative ? compute(column, [&] { return DimExpr(0) - result; }) : result;
  }

  // The two operands, after the opening parenthesis.
  DimExpr parse_extremum(std::size_t column, bool is_maximum, int depth) {
    if (depth == kMaxDepth)
      fail("more than " + std::to_string(kMaxDepth) + " nested parentheses");
    const DimExpr left = parse_sum(depth + 1);
    if (!take(','))
      fail("expected ','");
    const DimExpr right = parse_sum(depth + 1);
    if (!take(')'))
      fail("expected ')'");
    return compute(column, [&] {
      return is_maximum ? DimExpr::maximum(left, right) : DimExpr::minimum(left, right);
    });
  }

  int64_t parse_number(bool negative) {
    const std::size_t column = position_;
    int64_t value = 0; // kept negative or positive as asked: -2^63 has no positive counterpart
    bool overflow = false;
    for (; position_ < text_.size() && is_digit(text_[position_]); ++position_) {
      const int64_t digit = text_[position_] - '0';
      overflow |= __builtin_mul_overflow(value, int64_t{10}, &value);
      overflow |= __builtin_add_overflow(value, negative ? -digit : digit, &value);
    }
    if (overflow) {
      position_ = column;
      fail("the number does not fit 64 bits");
    }
    return value;
  }

  std::string_view text_;
  std::size_t position_ = 0;
};

} // namespace

DimExpr DimExpr::parse(std::string_view text) { return Parser(text).parse(); }

} // namespace kiln::semantics
