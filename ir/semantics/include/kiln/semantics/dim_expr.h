// Sizes as expressions in named symbols: "batch", "2 * batch + 1", "batch floordiv 2",
// "max(batch - 3, 0)".
//
// An expression is kept as a canonical polynomial with integer coefficients over atoms (a symbol,
// `e floordiv n` for a positive constant n, or `max(e, 0)`), so two expressions that are equal as
// polynomials compare equal. Constants are the special case without atoms: shape functions are
// written once, for static and symbolic shapes. Symbols are sizes and so never negative, which
// some simplifications count on.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kiln/runtime/export.h"

namespace kiln::semantics {

class KILN_API DimExpr {
public:
  /// The constant `value`. Implicit: sizes are written as numbers.
  DimExpr(int64_t value = 0);
  /// The symbol `name`: a letter or underscore, then letters, digits, underscores. Throws
  /// ValueError otherwise.
  static DimExpr symbol(std::string_view name);
  /// Reads what `text()` prints. Throws ValueError naming the column.
  static DimExpr parse(std::string_view text);

  bool is_constant() const;
  /// The value of a constant expression; empty otherwise.
  std::optional<int64_t> constant() const;
  /// The name when the expression is one symbol alone; empty otherwise.
  std::optional<std::string> as_symbol() const;

  DimExpr operator+(const DimExpr &other) const;
  DimExpr operator-(const DimExpr &other) const;
  DimExpr operator*(const DimExpr &other) const;
  /// Rounds toward minus infinity. Throws ValueError unless `divisor` > 0. Folds where every
  /// coefficient divides.
  DimExpr floordiv(int64_t divisor) const;
  /// max(*this, 0): what a clamped position of a slice is. Folds where the sign is known.
  DimExpr at_least_zero() const;
  static DimExpr maximum(const DimExpr &a, const DimExpr &b);
  static DimExpr minimum(const DimExpr &a, const DimExpr &b);
  /// The remainder: *this - divisor * floordiv(divisor), never negative.
  DimExpr mod(int64_t divisor) const;
  /// The exact quotient when `other` divides this expression as a polynomial (what `view(-1, ...)`
  /// needs); empty otherwise.
  std::optional<DimExpr> divide_exactly(const DimExpr &other) const;

  /// Structural (polynomial) equality: false means "not known to be equal".
  bool operator==(const DimExpr &other) const;
  /// An arbitrary total order, for use as a key.
  bool operator<(const DimExpr &other) const;

  /// Whether it can be shown that no values of the symbols make this negative; false means "not
  /// known".
  bool is_never_negative() const;

  /// Value for given symbol values. Throws KeyError for a missing symbol, ValueError on overflow.
  int64_t evaluate(const std::map<std::string, int64_t> &symbols) const;
  /// Symbols in it, sorted, each once.
  std::vector<std::string> symbols() const;
  /// Canonical text, e.g. "2 * batch * heads + 3"; the same for equal expressions. `parse(text())`
  /// is the identity.
  std::string text() const;

  /// Read access for code that builds the expression as IR or machine code: sum over terms of
  /// coefficient * product of atoms.
  struct Atom;
  struct Term {
    int64_t coefficient;
    std::vector<Atom> atoms; // sorted; repeated for powers
  };
  const std::vector<Term> &terms() const { return terms_; }

private:
  std::vector<Term> terms_; // sorted, no zero coefficient; empty is 0
};

struct DimExpr::Atom {
  enum class Kind : uint8_t {
    Symbol,
    FloorDiv,    // *operand floordiv divisor
    AtLeastZero, // max(*operand, 0)
  };
  Kind kind = Kind::Symbol;
  std::string symbol;
  std::shared_ptr<const DimExpr> operand;
  int64_t divisor = 0;
};

inline DimExpr operator+(int64_t left, const DimExpr &right) { return DimExpr(left) + right; }
inline DimExpr operator-(int64_t left, const DimExpr &right) { return DimExpr(left) - right; }
inline DimExpr operator*(int64_t left, const DimExpr &right) { return DimExpr(left) * right; }

} // namespace kiln::semantics
