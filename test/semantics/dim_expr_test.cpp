// Size expressions: canonical form, arithmetic, evaluation, text.
#include <gtest/gtest.h>

#include <limits>

#include "kiln/runtime/error.h"
#include "kiln/semantics/dim_expr.h"

namespace kiln::semantics {

namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max(),
                  kMin = std::numeric_limits<int64_t>::min();
const DimExpr a = DimExpr::symbol("a"), b = DimExpr::symbol("b"), c = DimExpr::symbol("c");

// The message of the ValueError that `body` throws.
template <class Body> std::string error_of(Body body) {
  try {
    body();
  } catch (const runtime::ValueError &error) {
    return error.what();
  }
  return "no error";
}

TEST(DimExpr, ConstantsAndSymbols) {
  EXPECT_EQ(DimExpr().constant(), 0);
  EXPECT_EQ(DimExpr(7).constant(), 7);
  EXPECT_TRUE(DimExpr(7).is_constant());
  EXPECT_EQ(DimExpr(7).as_symbol(), std::nullopt);
  EXPECT_FALSE(a.is_constant());
  EXPECT_EQ(a.constant(), std::nullopt);
  EXPECT_EQ(a.as_symbol(), "a");
  EXPECT_EQ((a + 1).as_symbol(), std::nullopt);
  EXPECT_EQ((a * 2).as_symbol(), std::nullopt);
  EXPECT_EQ((a - a).constant(), 0);
  for (const char *name : {"", "1a", "a-b", "a b", "floordiv", "\xc3\xa4"})
    EXPECT_THROW(DimExpr::symbol(name), runtime::ValueError) << name;
}

TEST(DimExpr, EqualPolynomialsAreEqual) {
  EXPECT_EQ((a + b) * (a - b), a * a - b * b);
  EXPECT_EQ((a + 1) * (a + 1), a * a + 2 * a + 1);
  EXPECT_EQ(a * b * c, c * a * b);
  EXPECT_EQ(2 * a + 3 - a - a, 3);
  EXPECT_FALSE(a == b);
  EXPECT_FALSE(a == 1);
  EXPECT_FALSE(a < a);
  EXPECT_NE(a < b, b < a);
}

TEST(DimExpr, MaximaAreKeptAgainstZero) {
  const DimExpr last = (a - 3).at_least_zero();
  EXPECT_EQ(last.text(), "max(a - 3, 0)");
  EXPECT_EQ((3 - a).at_least_zero(), last - a + 3);
  EXPECT_EQ(last - (3 - a).at_least_zero(), a - 3) << "the positive part less the negative part";
  EXPECT_EQ((2 * a - 6).at_least_zero(), 2 * last);
  EXPECT_EQ(DimExpr::minimum(a, 5), a - (a - 5).at_least_zero());
  EXPECT_EQ(DimExpr::minimum(5, a), DimExpr::minimum(a, 5));
  EXPECT_EQ(DimExpr::maximum(a, b), DimExpr::maximum(b, a));
  EXPECT_EQ((a + b).at_least_zero(), a + b) << "sizes are never negative";
  EXPECT_EQ((-1 * a).at_least_zero(), 0);
  EXPECT_EQ(DimExpr(-4).at_least_zero(), 0);
  EXPECT_EQ(last.at_least_zero(), last);
  EXPECT_EQ(last.symbols(), std::vector<std::string>{"a"});
  for (int64_t size : {0, 1, 3, 4, 9}) {
    EXPECT_EQ(last.evaluate({{"a", size}}), std::max<int64_t>(size - 3, 0));
    EXPECT_EQ(DimExpr::minimum(a, 5).evaluate({{"a", size}}), std::min<int64_t>(size, 5));
    EXPECT_EQ(a.mod(4).evaluate({{"a", size}}), size % 4);
  }
}

TEST(DimExpr, SignsAreShownWhereTheyCanBe) {
  const DimExpr start = DimExpr::minimum(2, a), end = DimExpr::maximum(start, a - 2);
  for (const DimExpr &expression : {DimExpr(0), a, a * b + 3, (a - 3).at_least_zero(), a - (a - 3).at_least_zero(), start, end,
                                    end - start, a - end, a - a.floordiv(2), a.mod(3), a - a.mod(3), (a + 3).floordiv(4) * 4 - a})
    EXPECT_TRUE(expression.is_never_negative()) << expression.text();
  for (const DimExpr &expression : {DimExpr(-1), a - 1, a - b, (a - 3).at_least_zero() - 1, a.floordiv(2) - 1, 2 - a.mod(4),
                                    2 * (a - 1).at_least_zero() - a})
    EXPECT_FALSE(expression.is_never_negative()) << expression.text();
}

TEST(DimExpr, FloorDivisionFoldsWhatDivides) {
  EXPECT_EQ((4 * a + 6).floordiv(2), 2 * a + 3);
  EXPECT_EQ((2 * a + 3).floordiv(2), a + 1);
  EXPECT_EQ(DimExpr(-7).floordiv(2), -4);
  EXPECT_EQ(a.floordiv(1), a);
  EXPECT_EQ((3 * a + 1).floordiv(2), a + (a + 1).floordiv(2));
  EXPECT_EQ((6 * a + 5).floordiv(4), a + (a + 2).floordiv(2));
  EXPECT_EQ((a - 1).floordiv(2) + 1, (a + 1).floordiv(2));
  EXPECT_EQ(a.floordiv(2).floordiv(3), a.floordiv(6));
  EXPECT_EQ((a.floordiv(2) + 5).floordiv(3), (a + 10).floordiv(6));
  EXPECT_FALSE(a.floordiv(2) * 2 == a);
  EXPECT_THROW(a.floordiv(0), runtime::ValueError);
  EXPECT_THROW(a.floordiv(-2), runtime::ValueError);
}

// Every rewriting of floordiv keeps the value, negative ones too.
TEST(DimExpr, FloorDivisionKeepsTheValue) {
  auto floor_divide = [](int64_t x, int64_t d) { return x >= 0 ? x / d : -((-x + d - 1) / d); };
  for (int64_t p = -6; p <= 6; ++p)
    for (int64_t q = -6; q <= 6; ++q)
      for (int64_t d = 1; d <= 6; ++d) {
        const DimExpr once = (p * a + q).floordiv(d), twice = (once + q).floordiv(3);
        for (int64_t x = -7; x <= 7; ++x) {
          const int64_t expected = floor_divide(p * x + q, d);
          ASSERT_EQ(once.evaluate({{"a", x}}), expected) << once.text() << " at " << x;
          ASSERT_EQ(twice.evaluate({{"a", x}}), floor_divide(expected + q, 3))
              << twice.text() << " at " << x;
        }
        ASSERT_EQ(DimExpr::parse(twice.text()), twice) << twice.text();
      }
}

TEST(DimExpr, DividesExactly) {
  EXPECT_EQ((6 * a * b).divide_exactly(2 * a), 3 * b);
  EXPECT_EQ((a * a - b * b).divide_exactly(a + b), a - b);
  EXPECT_EQ((a * b + 2 * a).divide_exactly(b + 2), a);
  EXPECT_EQ(DimExpr(0).divide_exactly(a), 0);
  EXPECT_EQ(DimExpr(784).divide_exactly(28), 28);
  EXPECT_EQ((a.floordiv(2) * 6).divide_exactly(a.floordiv(2)), 6);
  EXPECT_EQ((3 * a).divide_exactly(2), std::nullopt);
  EXPECT_EQ((a + 1).divide_exactly(a), std::nullopt);
  EXPECT_EQ(a.divide_exactly(b), std::nullopt);
  EXPECT_EQ(a.divide_exactly(0), std::nullopt);
  EXPECT_EQ(DimExpr(0).divide_exactly(0), std::nullopt);
  EXPECT_EQ(DimExpr(kMin).divide_exactly(-1), std::nullopt);
}

TEST(DimExpr, Evaluates) {
  EXPECT_EQ((2 * a * b + a.floordiv(3) - 1).evaluate({{"a", 7}, {"b", 5}}), 71);
  EXPECT_THROW(a.evaluate({{"b", 1}}), runtime::KeyError);
  EXPECT_THROW((a * a).evaluate({{"a", int64_t{1} << 32}}), runtime::ValueError);
  EXPECT_THROW((a + b).evaluate({{"a", kMax}, {"b", 1}}), runtime::ValueError);
  EXPECT_THROW(DimExpr(kMax) + 1, runtime::ValueError);
  EXPECT_THROW(DimExpr(kMin) - 1, runtime::ValueError);
  EXPECT_THROW(kMax * a * 2, runtime::ValueError);
}

TEST(DimExpr, ListsSymbols) {
  EXPECT_EQ((b * a + (b + c).floordiv(2) + b).symbols(), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_TRUE(DimExpr(3).symbols().empty());
}

TEST(DimExpr, PrintsCanonicalText) {
  const DimExpr batch = DimExpr::symbol("batch"), heads = DimExpr::symbol("heads");
  EXPECT_EQ(DimExpr(0).text(), "0");
  EXPECT_EQ(DimExpr(-3).text(), "-3");
  EXPECT_EQ((2 * batch + 1).text(), "2 * batch + 1");
  EXPECT_EQ((3 + heads * batch * 2).text(), "2 * batch * heads + 3");
  EXPECT_EQ((batch * batch - batch - 1).text(), "batch * batch - batch - 1");
  EXPECT_EQ((1 - batch).text(), "-batch + 1");
  EXPECT_EQ(batch.floordiv(2).text(), "batch floordiv 2");
  EXPECT_EQ((batch + 1).floordiv(2).text(), "(batch + 1) floordiv 2");
  EXPECT_EQ((3 * batch.floordiv(2)).text(), "3 * (batch floordiv 2)");
  EXPECT_EQ((0 - batch.floordiv(2)).text(), "-(batch floordiv 2)");
  EXPECT_EQ((heads + batch.floordiv(2)).text(), "heads + batch floordiv 2");
  EXPECT_EQ((heads - batch.floordiv(2)).text(), "heads - (batch floordiv 2)");
  EXPECT_EQ((heads * batch.floordiv(2)).text(), "heads * (batch floordiv 2)");
}

TEST(DimExpr, ParsesWhatItPrints) {
  const DimExpr expressions[] = {0,
                                 kMax,
                                 kMin,
                                 kMin * a,
                                 a + kMin * b,
                                 1 - a,
                                 a * a * b - 3 * a * b + 2,
                                 (a * b + 7).floordiv(5) * (a - 1).floordiv(2) - a.floordiv(3),
                                 ((a + 1).floordiv(2) + b).floordiv(7),
                                 5 - (a * b - 7).at_least_zero() * (a - 3).at_least_zero().floordiv(2),
                                 ((a - 2).at_least_zero() - 2).at_least_zero(),
                                 -1 * (a - b).at_least_zero()};
  for (const DimExpr &expression : expressions)
    EXPECT_EQ(DimExpr::parse(expression.text()), expression) << expression.text();
}

TEST(DimExpr, Parses) {
  EXPECT_EQ(DimExpr::parse(" 2*a+ 3 "), 2 * a + 3);
  EXPECT_EQ(DimExpr::parse("-(a - b) * -2"), 2 * a - 2 * b);
  EXPECT_EQ(DimExpr::parse("a * b floordiv 2 * 3"), (a * b).floordiv(2) * 3);
  EXPECT_EQ(DimExpr::parse("a - 7 floordiv 2"), a - 3);
  EXPECT_EQ(DimExpr::parse("-7 floordiv 2"), -4);
  EXPECT_EQ(DimExpr::parse("--a"), a);
  EXPECT_EQ(DimExpr::parse("max(a - 3, 0)"), (a - 3).at_least_zero());
  EXPECT_EQ(DimExpr::parse("2 * min( 5,a+1 ) - 1"), 2 * DimExpr::minimum(5, a + 1) - 1);
  EXPECT_EQ(DimExpr::parse("max + min"), DimExpr::symbol("max") + DimExpr::symbol("min"));
}

TEST(DimExpr, ParseErrorsNameTheColumn) {
  auto parse_error = [](const std::string &text) {
    return error_of([&] { DimExpr::parse(text); });
  };
  EXPECT_EQ(parse_error(""), "size expression \"\", column 1: expected a number, a name or '('");
  EXPECT_EQ(parse_error("2 * * a"),
            "size expression \"2 * * a\", column 5: expected a number, a name or '('");
  EXPECT_EQ(parse_error("a b"),
            "size expression \"a b\", column 3: expected '+', '-', '*', 'floordiv' or the end");
  EXPECT_EQ(parse_error("(a + 1"), "size expression \"(a + 1\", column 7: expected ')'");
  EXPECT_EQ(
      parse_error("a floordiv b"),
      "size expression \"a floordiv b\", column 12: expected a positive number after floordiv");
  EXPECT_EQ(
      parse_error("a floordiv 0"),
      "size expression \"a floordiv 0\", column 12: floordiv needs a positive divisor, but got 0");
  EXPECT_EQ(parse_error("1 + floordiv"),
            "size expression \"1 + floordiv\", column 5: expected a number, a name or '('");
  EXPECT_EQ(parse_error("9223372036854775808"),
            "size expression \"9223372036854775808\", column 1: the number does not fit 64 bits");
  EXPECT_EQ(parse_error("9223372036854775807 + 1"),
            "size expression \"9223372036854775807 + 1\", column 21: size expression "
            "overflow: the value does not fit 64 bits");
  const std::string nested = std::string(300, '(') + "a" + std::string(300, ')');
  EXPECT_EQ(parse_error(nested),
            "size expression \"" + nested + "\", column 202: more than 200 nested parentheses");
  std::string many = "(a+1)"; // the number of terms is bounded, too
  for (char name = 'b'; name <= 'p'; ++name)
    many += std::string("*(") + name + "+1)";
  EXPECT_NE(parse_error(many).find("more than 4096 terms"), std::string::npos);
}

} // namespace

} // namespace kiln::semantics
