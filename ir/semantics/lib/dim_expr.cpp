// Arithmetic of size expressions: canonical polynomials over symbols and floor divisions.
//
// Canonical form. The terms of a polynomial are sorted by degree, highest first, then by their
// atoms (graded lexicographic order, an admissible monomial order, so the first term of a product
// is the product of the first terms: exact division needs that). The constant comes last. A floor
// division is kept only for what does not divide: `(4 * b + 3) floordiv 2` is `2 * b + 1`, and
// `(6 * b + 5) floordiv 4` is `b + (b + 2) floordiv 2`. All arithmetic on coefficients is checked:
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
  if (auto order = a.divisor <=> b.divisor; order != 0)
    return order;
  if (a.divisor == 0)
    return a.symbol.compare(b.symbol) <=> 0;
  if (a.numerator == b.numerator)
    return std::strong_ordering::equal;
  return compare(a.numerator->terms(), b.numerator->terms());
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
  std::sort(terms.begin(), terms.end(),
            [](const Term &a, const Term &b) { return compare(a.atoms, b.atoms) < 0; });
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
      if (atom.divisor == 0)
        names.push_back(atom.symbol);
      else
        collect_symbols(atom.numerator->terms(), names);
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
  result.terms_.push_back({1, {Atom{std::string(name), nullptr, 0}}});
  return result;
}

bool DimExpr::is_constant() const {
  return terms_.empty() || (terms_.size() == 1 && terms_[0].atoms.empty());
}

std::optional<int64_t> DimExpr::constant() const {
  if (terms_.empty())
    return 0;
  return is_constant() ? std::optional(terms_[0].coefficient) : std::nullopt;
}

std::optional<std::string> DimExpr::as_symbol() const {
  if (terms_.size() != 1 || terms_[0].coefficient != 1 || terms_[0].atoms.size() != 1 ||
      terms_[0].atoms[0].divisor != 0)
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
      terms.push_back(
          {checked_multiply(a.coefficient, b.coefficient), multiply_atoms(a.atoms, b.atoms)});
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
  if (remainder.terms_.size() == (has_constant ? 2u : 1u) && first.coefficient == 1 &&
      first.atoms.size() == 1 && first.atoms[0].divisor != 0) {
    const Atom &inner = first.atoms[0];
    int64_t nested_divisor = 0, shift = 0;
    if (!__builtin_mul_overflow(inner.divisor, divisor, &nested_divisor) &&
        !__builtin_mul_overflow(has_constant ? remainder.terms_.back().coefficient : 0,
                                inner.divisor, &shift))
      return quotient + (*inner.numerator + shift).floordiv(nested_divisor);
  }
  DimExpr division;
  division.terms_.push_back(
      {1, {Atom{"", std::make_shared<const DimExpr>(std::move(remainder)), divisor}}});
  return quotient + division;
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
      if ((lead.coefficient == -1 && term.coefficient == INT64_MIN) ||
          term.coefficient % lead.coefficient != 0 ||
          !std::includes(term.atoms.begin(), term.atoms.end(), lead.atoms.begin(), lead.atoms.end(),
                         atom_less))
        return std::nullopt;
      DimExpr step;
      Term &step_term = step.terms_.emplace_back(Term{term.coefficient / lead.coefficient, {}});
      std::set_difference(term.atoms.begin(), term.atoms.end(), lead.atoms.begin(),
                          lead.atoms.end(), std::back_inserter(step_term.atoms), atom_less);
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
      if (atom.divisor != 0) {
        value = floor_divide(atom.numerator->evaluate(symbols), atom.divisor);
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
