// Arithmetic of size expressions: canonical polynomials over symbols, floor divisions and maxima.
//
// Canonical form. The terms of a polynomial are sorted by degree, highest first, then by their
// atoms (graded lexicographic order, an admissible monomial order, so the first term of a product
// is the product of the first terms: exact division needs that). The constant comes last. A floor
// division is kept only for what does not divide: `(4 * b + 3) floordiv 2` is `2 * b + 1`, and
// `(6 * b + 5) floordiv 4` is `b + (b + 2) floordiv 2`. A maximum with zero is of an expression whose
// first coefficient is positive and whose coefficients have no common divisor: max(-e, 0) is
// max(e, 0) - e. All arithmetic on coefficients is checked:
// sizes never wrap silently. Text in and out is in dim_expr_text.cpp.
#include "kiln/semantics/dim_expr.h"

#include <algorithm>
#include <numeric>

#include "checked_arithmetic.h"
#include "kiln/runtime/error.h"
#include "size_expression_names.h"

namespace kiln::semantics {

using runtime::KeyError;
using runtime::ValueError;

namespace {

using Atom = DimExpr::Atom;
using Term = DimExpr::Term;

// Real shapes have a handful of terms; a product of hostile text such as (a + b) * (a + b) * ...
// must not eat the memory.
constexpr std::size_t kMaxTerms = 4096;

std::strong_ordering compare(const std::vector<Term> &a, const std::vector<Term> &b);

std::strong_ordering compare(const Atom &a, const Atom &b) {
  if (auto order = a.kind <=> b.kind; order != 0)
    return order;
  if (a.kind == Atom::Kind::Symbol)
    return a.symbol.compare(b.symbol) <=> 0;
  if (auto order = a.divisor <=> b.divisor; order != 0)
    return order;
  if (a.operand == b.operand)
    return std::strong_ordering::equal;
  return compare(a.operand->terms(), b.operand->terms());
}

// Order of monomials as printed: higher degree first, then by atoms.
std::strong_ordering compare(const std::vector<Atom> &a, const std::vector<Atom> &b) {
  if (auto order = b.size() <=> a.size(); order != 0)
    return order;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (auto order = compare(a[i], b[i]); order != 0)
      return order;
  return std::strong_ordering::equal;
}

std::strong_ordering compare(const std::vector<Term> &a, const std::vector<Term> &b) {
  if (auto order = a.size() <=> b.size(); order != 0)
    return order;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (auto order = compare(a[i].atoms, b[i].atoms); order != 0)
      return order;
    if (auto order = a[i].coefficient <=> b[i].coefficient; order != 0)
      return order;
  }
  return std::strong_ordering::equal;
}

bool atom_less(const Atom &a, const Atom &b) { return compare(a, b) < 0; }

std::vector<Atom> multiply_atoms(const std::vector<Atom> &a, const std::vector<Atom> &b) {
  std::vector<Atom> product;
  product.reserve(a.size() + b.size());
  std::merge(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(product), atom_less);
  return product;
}

// Sorts, adds equal monomials up and drops zeros.
std::vector<Term> canonical(std::vector<Term> terms) {
  std::sort(terms.begin(), terms.end(), [](const Term &a, const Term &b) { return compare(a.atoms, b.atoms) < 0; });
  std::vector<Term> result;
  for (Term &term : terms) {
    if (!result.empty() && compare(result.back().atoms, term.atoms) == 0)
      result.back().coefficient = checked_add(result.back().coefficient, term.coefficient);
    else
      result.push_back(std::move(term));
    if (result.back().coefficient == 0)
      result.pop_back();
  }
  return result;
}

void collect_symbols(const std::vector<Term> &terms, std::vector<std::string> &names) {
  for (const Term &term : terms)
    for (const Atom &atom : term.atoms) {
      if (atom.kind == Atom::Kind::Symbol)
        names.push_back(atom.symbol);
      else
        collect_symbols(atom.operand->terms(), names);
    }
}

} // namespace

DimExpr::DimExpr(int64_t value) {
  if (value != 0)
    terms_.push_back({value, {}});
}

DimExpr DimExpr::symbol(std::string_view name) {
  if (!is_symbol_name(name))
    throw ValueError("'" + std::string(name) +
                     "' is no name for a dimension: it must be a letter or underscore, then "
                     "letters, digits and underscores, and "
                     "not the word floordiv");
  DimExpr result;
  result.terms_.push_back({1, {Atom{Atom::Kind::Symbol, std::string(name), nullptr, 0}}});
  return result;
}

bool DimExpr::is_constant() const { return terms_.empty() || (terms_.size() == 1 && terms_[0].atoms.empty()); }

std::optional<int64_t> DimExpr::constant() const {
  if (terms_.empty())
    return 0;
  return is_constant() ? std::optional(terms_[0].coefficient) : std::nullopt;
}

std::optional<std::string> DimExpr::as_symbol() const {
  if (terms_.size() != 1 || terms_[0].coefficient != 1 || terms_[0].atoms.size() != 1 ||
      terms_[0].atoms[0].kind != Atom::Kind::Symbol)
    return std::nullopt;
  return terms_[0].atoms[0].symbol;
}

DimExpr DimExpr::operator+(const DimExpr &other) const {
  std::vector<Term> terms = terms_;
  terms.insert(terms.end(), other.terms_.begin(), other.terms_.end());
  DimExpr result;
  result.terms_ = canonical(std::move(terms));
  return result;
}

DimExpr DimExpr::operator-(const DimExpr &other) const {
  std::vector<Term> terms = terms_;
  for (const Term &term : other.terms_)
    terms.push_back({checked_subtract(0, term.coefficient), term.atoms});
  DimExpr result;
  result.terms_ = canonical(std::move(terms));
  return result;
}

DimExpr DimExpr::operator*(const DimExpr &other) const {
  if (terms_.size() * other.terms_.size() > kMaxTerms)
    throw ValueError("size expression has more than " + std::to_string(kMaxTerms) + " terms");
  std::vector<Term> terms;
  terms.reserve(terms_.size() * other.terms_.size());
  for (const Term &a : terms_)
    for (const Term &b : other.terms_)
      terms.push_back({checked_multiply(a.coefficient, b.coefficient), multiply_atoms(a.atoms, b.atoms)});
  DimExpr result;
  result.terms_ = canonical(std::move(terms));
  return result;
}

DimExpr DimExpr::floordiv(int64_t divisor) const {
  if (divisor <= 0)
    throw ValueError("floordiv needs a positive divisor, but got " + std::to_string(divisor));
  if (divisor == 1)
    return *this;
  // Write each coefficient as divisor * q + r with 0 <= r < divisor: floor((divisor * q + r) /
  // divisor) = q + floor(r / divisor).
  DimExpr quotient, remainder;
  int64_t common = divisor;
  for (const Term &term : terms_) {
    int64_t q = floor_divide(term.coefficient, divisor), r = term.coefficient - q * divisor;
    if (q != 0)
      quotient.terms_.push_back({q, term.atoms});
    if (r != 0)
      remainder.terms_.push_back({r, term.atoms});
    if (!term.atoms.empty())
      common = std::gcd(common, r);
  }
  if (remainder.is_constant()) // below divisor
    return quotient;
  // floor((g * e + c) / (g * n)) = floor((e + floor(c / g)) / n) for integer e.
  if (common > 1) {
    std::vector<Term> reduced;
    for (Term &term : remainder.terms_) {
      term.coefficient = floor_divide(term.coefficient, common);
      if (term.coefficient != 0)
        reduced.push_back(std::move(term));
    }
    remainder.terms_ = std::move(reduced);
    divisor /= common;
    if (divisor == 1)
      return quotient + remainder;
  }
  // floor((floor(e / m) + c) / n) = floor((e + c * m) / (m * n)).
  const Term &first = remainder.terms_.front();
  const bool has_constant = remainder.terms_.back().atoms.empty();
  if (remainder.terms_.size() == (has_constant ? 2u : 1u) && first.coefficient == 1 && first.atoms.size() == 1 &&
      first.atoms[0].kind == Atom::Kind::FloorDiv) {
    const Atom &inner = first.atoms[0];
    int64_t nested_divisor = 0, shift = 0;
    if (!__builtin_mul_overflow(inner.divisor, divisor, &nested_divisor) &&
        !__builtin_mul_overflow(has_constant ? remainder.terms_.back().coefficient : 0, inner.divisor, &shift))
      return quotient + (*inner.operand + shift).floordiv(nested_divisor);
  }
  DimExpr division;
  division.terms_.push_back(
      {1, {Atom{Atom::Kind::FloorDiv, "", std::make_shared<const DimExpr>(std::move(remainder)), divisor}}});
  return quotient + division;
}

DimExpr DimExpr::at_least_zero() const {
  if (is_never_negative())
    return *this;
  const DimExpr negated = DimExpr(0) - *this;
  if (negated.is_never_negative())
    return 0;
  if (terms_.front().coefficient < 0)
    return negated.at_least_zero() + *this;
  int64_t common = 0;
  for (const Term &term : terms_)
    common = std::gcd(common, term.coefficient);
  auto operand = std::make_shared<DimExpr>(*this);
  for (Term &term : operand->terms_)
    term.coefficient /= common;
  DimExpr result;
  result.terms_.push_back({common, {Atom{Atom::Kind::AtLeastZero, "", std::move(operand), 0}}});
  return result;
}

DimExpr DimExpr::maximum(const DimExpr &a, const DimExpr &b) { return a + (b - a).at_least_zero(); }
DimExpr DimExpr::minimum(const DimExpr &a, const DimExpr &b) { return a - (a - b).at_least_zero(); }
DimExpr DimExpr::mod(int64_t divisor) const { return *this - floordiv(divisor) * divisor; }

//===----------------------------------------------------------------------===//
// Signs
//===----------------------------------------------------------------------===//

namespace {

// How deep maxima are nested in an atom.
int nesting(const Atom &atom) {
  if (!atom.operand)
    return 0;
  int deepest = 0;
  for (const Term &term : atom.operand->terms())
    for (const Atom &inner : term.atoms)
      deepest = std::max(deepest, nesting(inner));
  return deepest + 1;
}

DimExpr as_expression(const Atom &atom) {
  switch (atom.kind) {
  case Atom::Kind::Symbol:
    return DimExpr::symbol(atom.symbol);
  case Atom::Kind::FloorDiv:
    return atom.operand->floordiv(atom.divisor);
  case Atom::Kind::AtLeastZero:
    break;
  }
  return atom.operand->at_least_zero();
}

DimExpr with(const DimExpr &expression, const Atom &atom, const DimExpr &replacement) {
  DimExpr result;
  for (const Term &term : expression.terms()) {
    DimExpr product = term.coefficient;
    for (const Atom &factor : term.atoms)
      product = product * (compare(factor, atom) == 0 ? replacement : as_expression(factor));
    result = result + product;
  }
  return result;
}

// A maximum is one of two values, and a floor division lies between two: whatever is true for both
// is true. `depth` bounds the work; what it cuts off counts as unknown.
bool never_negative(const DimExpr &expression, int depth) {
  const Atom *deepest = nullptr;
  bool obvious = true;
  for (const Term &term : expression.terms()) {
    obvious = obvious && term.coefficient >= 0;
    for (const Atom &atom : term.atoms) {
      if (atom.kind == Atom::Kind::FloorDiv && !never_negative(*atom.operand, depth - 1))
        obvious = false;
      if (atom.kind != Atom::Kind::Symbol && (!deepest || nesting(atom) > nesting(*deepest)))
        deepest = &atom;
    }
  }
  if (obvious || !deepest || depth <= 0)
    return obvious;
  int64_t coefficient = 0;
  bool linear = true;
  for (const Term &term : expression.terms())
    if (std::any_of(term.atoms.begin(), term.atoms.end(), [&](const Atom &atom) { return compare(atom, *deepest) == 0; })) {
      linear = term.atoms.size() == 1;
      coefficient = term.coefficient;
      if (!linear)
        break;
    }
  if (deepest->kind == Atom::Kind::AtLeastZero) {
    const auto with_value = [&](const DimExpr &value) { return never_negative(with(expression, *deepest, value), depth - 1); };
    // No smaller than either, so either will do where more of it makes the sum larger.
    return linear && coefficient > 0 ? with_value(0) || with_value(*deepest->operand)
                                     : with_value(0) && with_value(*deepest->operand);
  }
  // Between (operand - divisor + 1) / divisor and operand / divisor.
  if (!linear)
    return false;
  const DimExpr rest = with(expression, *deepest, 0);
  const DimExpr bound = coefficient < 0 ? *deepest->operand : *deepest->operand - (deepest->divisor - 1);
  return never_negative(rest * deepest->divisor + bound * coefficient, depth - 1);
}

} // namespace

bool DimExpr::is_never_negative() const {
  constexpr int kMaxSteps = 6;
  try {
    return never_negative(*this, kMaxSteps);
  } catch (const ValueError &) { // a coefficient overflowed: not known
    return false;
  }
}

std::optional<DimExpr> DimExpr::divide_exactly(const DimExpr &other) const {
  if (other.terms_.empty())
    return std::nullopt;
  const Term &lead = other.terms_.front();
  DimExpr rest = *this, quotient;
  // Long division: in an admissible order the first term of the rest must be a multiple of the
  // divisor's first term.
  try {
    while (!rest.terms_.empty()) {
      const Term &term = rest.terms_.front();
      if ((lead.coefficient == -1 && term.coefficient == INT64_MIN) || term.coefficient % lead.coefficient != 0 ||
          !std::includes(term.atoms.begin(), term.atoms.end(), lead.atoms.begin(), lead.atoms.end(), atom_less))
        return std::nullopt;
      DimExpr step;
      Term &step_term = step.terms_.emplace_back(Term{term.coefficient / lead.coefficient, {}});
      std::set_difference(term.atoms.begin(), term.atoms.end(), lead.atoms.begin(), lead.atoms.end(),
                          std::back_inserter(step_term.atoms), atom_less);
      rest = rest - step * other;
      quotient = quotient + step;
    }
  } catch (const ValueError &) { // an intermediate coefficient overflowed: not known to divide
    return std::nullopt;
  }
  return quotient;
}

bool DimExpr::operator==(const DimExpr &other) const { return compare(terms_, other.terms_) == 0; }

bool DimExpr::operator<(const DimExpr &other) const { return compare(terms_, other.terms_) < 0; }

int64_t DimExpr::evaluate(const std::map<std::string, int64_t> &symbols) const {
  int64_t sum = 0;
  for (const Term &term : terms_) {
    int64_t product = term.coefficient;
    for (const Atom &atom : term.atoms) {
      int64_t value = 0;
      if (atom.kind == Atom::Kind::FloorDiv) {
        value = floor_divide(atom.operand->evaluate(symbols), atom.divisor);
      } else if (atom.kind == Atom::Kind::AtLeastZero) {
        value = std::max<int64_t>(atom.operand->evaluate(symbols), 0);
      } else if (auto found = symbols.find(atom.symbol); found != symbols.end()) {
        value = found->second;
      } else {
        throw KeyError("dimension '" + atom.symbol + "' has no value; it occurs in " + text());
      }
      product = checked_multiply(product, value);
    }
    sum = checked_add(sum, product);
  }
  return sum;
}

std::vector<std::string> DimExpr::symbols() const {
  std::vector<std::string> names;
  collect_symbols(terms_, names);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

} // namespace kiln::semantics
