// What files bring, as messages show it: Python's repr, with a bound.
#include "foreign_text.h"

#include <gtest/gtest.h>

namespace kiln::runtime {
namespace {

TEST(ForeignText, IsWrittenAsPythonDoes) {
  // print(repr(text)) of Python 3
  const std::pair<const char *, const char *> expected[] = {
      {"weight", "'weight'"},
      {"it's", "\"it's\""},
      {"a\"b", "'a\"b'"},
      {"it's \"b\"", "'it\\'s \"b\"'"},
      {"a\\n", "'a\\\\n'"},
      {"a\n\r\t", "'a\\n\\r\\t'"},
      {"\x1b]0;t\x07", "'\\x1b]0;t\\x07'"},
      {"a\xc2\x85"
       "b",
       "'a\\x85b'"},
      {"\xe2\x80\xae\xe2\x80\xa8\xe2\x80\x8b", "'\\u202e\\u2028\\u200b'"},
      {"\xef\xbb\xbf\xc3\xa9\xc2\xa0\xc2\xad", "'\\ufeff\xc3\xa9\\xa0\\xad'"},
      {"\xf3\xa0\x80\x81\xf0\x9f\x98\x80\xe3\x80\x80", "'\\U000e0001\xf0\x9f\x98\x80\\u3000'"},
  };
  for (const auto &[text, repr] : expected) {
    EXPECT_EQ(python_repr(text), repr);
    EXPECT_EQ(in_quotes(text), repr);
  }
}

TEST(ForeignText, BytesThatAreNoCharacterAreShownAsNumbers) {
  EXPECT_EQ(shown("a\x9b"), "a\\x9b");
  EXPECT_EQ(shown("\xe2\x80"), "\\xe2\\x80") << "cut off";
  EXPECT_EQ(shown("\xc0\x9b"), "\\xc0\\x9b") << "longer than need be";
  EXPECT_EQ(shown("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "half of a pair";
}

TEST(ForeignText, IsCutShort) {
  EXPECT_EQ(shown(std::string(200, 'x')), std::string(200, 'x'));
  EXPECT_EQ(in_quotes(std::string(1000, 'x')), "'" + std::string(200, 'x') + "...'");
  EXPECT_EQ(shown(std::string(199, 'x') + "\xc3\xa9"), std::string(199, 'x') + "...") << "not within a character";
  EXPECT_EQ(python_repr(std::string(1000, 'x')), "'" + std::string(1000, 'x') + "'");
}

TEST(ForeignText, CannotEndItsQuotation) {
  EXPECT_EQ(in_quotes("a', expected \"b"), "'a\\', expected \"b'");
  EXPECT_EQ(in_quotes("a\", \"b", '"'), "\"a\\\", \\\"b\"");
  EXPECT_EQ(shown("padding_mode='circular'"), "padding_mode='circular'") << "without marks around it";
}

} // namespace
} // namespace kiln::runtime
