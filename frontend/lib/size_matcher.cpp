// Finding out which expression of the named dimensions a number was computed by.
//
// Two runs give an expression of one form, and the other runs, whose numbers have other remainders and other orders of magnitude,
// show whether it is the right one. Forms are tried from the simplest: a size of the function, its multiples, products of two,
// one plus a number, quotients and remainders, sums of two. What fits in the runs with large numbers only may have been clamped
// in the others: slices do that.
#include "size_matcher.h"

#include <algorithm>
#include <cstdlib>

#include "kiln/runtime/error.h"

namespace kiln::detail {

using semantics::DimExpr;

namespace {

/// Divisors that are tried without a hint.
constexpr int64_t kLargestDivisor = 64;
/// Sizes of a function of which sums and products are tried.
constexpr std::size_t kMaxCombined = 16;
/// Runs at the beginning in which sizes are too large to be clamped.
constexpr std::size_t kLargeRuns = 3;

struct Affine {
  int64_t factor, offset;
};

// What `numbers` is of `values` in these runs.
std::optional<Affine> affine(const Numbers &numbers, const Numbers &values, const std::vector<std::size_t> &runs) {
  const int64_t step = values[runs[0]] - values[runs[1]], difference = numbers[runs[0]] - numbers[runs[1]];
  if (step == 0 || difference == 0 || difference % step != 0)
    return std::nullopt;
  Affine result{difference / step, 0};
  int64_t product = 0;
  if (__builtin_mul_overflow(result.factor, values[runs[0]], &product) ||
      __builtin_sub_overflow(numbers[runs[0]], product, &result.offset))
    return std::nullopt;
  for (std::size_t run : runs)
    if (__builtin_mul_overflow(result.factor, values[run], &product) || numbers[run] - result.offset != product)
      return std::nullopt;
  return result;
}

bool equal_in(const Numbers &a, const Numbers &b, const std::vector<std::size_t> &runs) {
  return std::all_of(runs.begin(), runs.end(), [&](std::size_t run) { return a[run] == b[run]; });
}

} // namespace

SizeMatcher::SizeMatcher(std::vector<Symbols> runs, std::size_t required)
    : runs_(std::move(runs)), required_(required), dropped_(runs_.size(), false) {
  if (!runs_.empty())
    for (const auto &[name, value] : runs_.front())
      add(DimExpr::symbol(name));
}

std::optional<Numbers> SizeMatcher::values(const DimExpr &size) const {
  Numbers values;
  try {
    for (const Symbols &symbols : runs_)
      values.push_back(size.evaluate(symbols));
  } catch (const runtime::ValueError &) {
    return std::nullopt;
  }
  return values;
}

void SizeMatcher::add(const DimExpr &size) {
  if (size.is_constant() || std::any_of(candidates_.begin(), candidates_.end(),
                                        [&](const Candidate &candidate) { return candidate.expression == size; }))
    return;
  if (std::optional<Numbers> numbers = values(size))
    candidates_.push_back({size, std::move(*numbers)});
}

std::vector<DimExpr> SizeMatcher::candidates() const {
  std::vector<DimExpr> expressions;
  for (const Candidate &candidate : candidates_)
    expressions.push_back(candidate.expression);
  return expressions;
}

std::optional<DimExpr> SizeMatcher::match(const Numbers &numbers) const {
  Runs required, all;
  for (std::size_t run = 0; run < runs_.size(); ++run) {
    if (run < required_)
      required.push_back(run);
    if (!dropped_[run])
      all.push_back(run);
  }
  for (const Runs &runs : {all, required}) {
    if (std::optional<DimExpr> found = find(numbers, runs))
      return found;
    if (std::optional<DimExpr> found = find_clamped(numbers, runs))
      return found;
    if (all.size() == required.size())
      break;
  }
  return std::nullopt;
}

std::vector<SizeMatcher::Candidate> SizeMatcher::products() const {
  std::vector<Candidate> products;
  const std::size_t count = std::min(candidates_.size(), kMaxCombined);
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      const Candidate &a = candidates_[i], &b = candidates_[j];
      Numbers values(runs_.size());
      bool fits = true;
      for (std::size_t run = 0; run < runs_.size(); ++run)
        fits = !__builtin_mul_overflow(a.values[run], b.values[run], &values[run]) && fits;
      if (fits)
        products.push_back({a.expression * b.expression, std::move(values)});
    }
  return products;
}

// Candidates divided, rounded down or up, and the remainders.
std::vector<SizeMatcher::Candidate> SizeMatcher::quotients(const Numbers &numbers) const {
  std::vector<Candidate> quotients;
  auto divide = [&](const Candidate &candidate, int64_t divisor) {
    for (int64_t shift : {int64_t{0}, divisor - 1, int64_t{1}}) {
      const DimExpr quotient = (candidate.expression + shift).floordiv(divisor);
      if (std::optional<Numbers> values = this->values(quotient))
        quotients.push_back({quotient, std::move(*values)});
    }
    const DimExpr remainder = candidate.expression.mod(divisor);
    if (std::optional<Numbers> values = this->values(remainder))
      quotients.push_back({remainder, std::move(*values)});
  };
  for (std::size_t c = 0; c < std::min(candidates_.size(), kMaxCombined); ++c) {
    const Candidate &candidate = candidates_[c];
    for (int64_t divisor = 2; divisor <= kLargestDivisor; ++divisor)
      divide(candidate, divisor);
    // Other divisors show in the ratio of large numbers.
    if (numbers[1] <= 0 || candidate.values[1] / numbers[1] <= kLargestDivisor)
      continue;
    for (int64_t divisor = candidate.values[1] / (numbers[1] + 1); divisor <= candidate.values[1] / numbers[1] + 1; ++divisor)
      if (divisor > kLargestDivisor)
        divide(candidate, divisor);
  }
  return quotients;
}

std::optional<DimExpr> SizeMatcher::find(const Numbers &numbers, const Runs &runs) const {
  if (std::all_of(runs.begin(), runs.end(), [&](std::size_t run) { return numbers[run] == numbers[runs[0]]; }))
    return DimExpr(numbers[runs[0]]);
  if (runs.size() < 2)
    return std::nullopt;
  for (const Candidate &candidate : candidates_)
    if (equal_in(numbers, candidate.values, runs))
      return candidate.expression;
  // Multiples before sums, then the sum with the smallest number.
  auto best_of = [&](const std::vector<Candidate> &list, bool multiples) -> std::optional<DimExpr> {
    const Candidate *best = nullptr;
    Affine form{};
    for (const Candidate &candidate : list)
      if (std::optional<Affine> fit = affine(numbers, candidate.values, runs))
        if ((!multiples || fit->offset == 0) && (!best || std::abs(fit->offset) < std::abs(form.offset))) {
          best = &candidate;
          form = *fit;
        }
    return best ? std::optional(best->expression * form.factor + form.offset) : std::nullopt;
  };
  if (auto found = best_of(candidates_, /*multiples=*/true))
    return found;
  const std::vector<Candidate> products = this->products();
  if (auto found = best_of(products, /*multiples=*/true))
    return found;
  if (auto found = best_of(candidates_, /*multiples=*/false))
    return found;
  if (auto found = best_of(products, /*multiples=*/false))
    return found;
  const std::vector<Candidate> quotients = this->quotients(numbers);
  if (auto found = best_of(quotients, /*multiples=*/false))
    return found;
  // Sums of two, and products with a quotient.
  std::vector<Candidate> singles(candidates_.begin(),
                                 candidates_.begin() + static_cast<std::ptrdiff_t>(std::min(candidates_.size(), kMaxCombined)));
  std::vector<Candidate> terms = singles;
  terms.insert(terms.end(), products.begin(), products.end());
  for (int64_t factor : {1, -1, 2, -2, 3, -3, 4, -4})
    for (const Candidate &first : terms) {
      Numbers rest = numbers;
      for (std::size_t run = 0; run < rest.size(); ++run)
        rest[run] -= factor * first.values[run];
      for (const std::vector<Candidate> *others :
           std::initializer_list<const std::vector<Candidate> *>{&singles, &products, &quotients})
        for (const Candidate &second : *others)
          if (std::optional<Affine> fit = affine(rest, second.values, runs); fit && std::abs(fit->factor) <= 4 * kLargestDivisor)
            return first.expression * factor + second.expression * fit->factor + fit->offset;
    }
  for (const Candidate &first : singles)
    for (const Candidate &second : quotients) {
      Numbers product(runs_.size());
      bool fits = true;
      for (std::size_t run = 0; run < product.size(); ++run)
        fits = !__builtin_mul_overflow(first.values[run], second.values[run], &product[run]) && fits;
      if (!fits)
        continue;
      if (std::optional<Affine> fit = affine(numbers, product, runs))
        return first.expression * second.expression * fit->factor + fit->offset;
    }
  return std::nullopt;
}

// max(e, 0), or the smaller or larger of e and another size, or of e and what the first run with small numbers shows.
std::optional<DimExpr> SizeMatcher::find_clamped(const Numbers &numbers, const Runs &runs) const {
  if (required_ <= kLargeRuns)
    return std::nullopt;
  Runs large(kLargeRuns);
  for (std::size_t run = 0; run < kLargeRuns; ++run)
    large[run] = run;
  const std::optional<DimExpr> unclamped = find(numbers, large);
  if (!unclamped)
    return std::nullopt;
  auto fitting = [&](const DimExpr &expression) {
    const std::optional<Numbers> values = this->values(expression);
    return values && equal_in(numbers, *values, runs);
  };
  std::vector<DimExpr> bounds{0, numbers[kLargeRuns]};
  for (const Candidate &candidate : candidates_)
    bounds.push_back(candidate.expression);
  for (const DimExpr &bound : bounds)
    for (const DimExpr &clamped : {DimExpr::maximum(*unclamped, bound), DimExpr::minimum(*unclamped, bound)})
      if (fitting(clamped))
        return clamped;
  return std::nullopt;
}

} // namespace kiln::detail
