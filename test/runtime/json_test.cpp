// JSON of headers: what the grammar takes, where it refuses, and how text is quoted.
#include <gtest/gtest.h>

#include <stdexcept>

#include "../../runtime/lib/json.h"

namespace kiln::runtime {
namespace {

/// The events as text; of a refusal only its place, "@4".
class Recorder final : public JsonEvents {
public:
  std::string text;
  void start_object() override { text += "{"; }
  void key(std::string key) override { text += key + ":"; }
  void end_object() override { text += "}"; }
  void start_array() override { text += "["; }
  void end_array() override { text += "]"; }
  void string(std::string value) override { text += "'" + value + "' "; }
  void number(uint64_t value) override { text += std::to_string(value) + " "; }
  void other(const char *what) override { text += std::string(what) + " "; }
  void error(std::size_t position) override { throw std::out_of_range("@" + std::to_string(position)); }
};

std::string events(std::string_view json) {
  Recorder recorder;
  try {
    parse_json(json, recorder);
  } catch (const std::out_of_range &refusal) {
    return refusal.what();
  }
  return recorder.text;
}

TEST(JsonTest, ReadsValuesInTheirOrder) {
  EXPECT_EQ(events("{}"), "{}");
  EXPECT_EQ(events(" [ ] \n"), "[]");
  EXPECT_EQ(events(R"({"a":{"b":[1,2,[]],"c":"d"},"e":0})"), "{a:{b:[1 2 []]c:'d' }e:0 }");
  EXPECT_EQ(events("[18446744073709551615,true,false,null]"), "[18446744073709551615 a boolean a boolean null ]");
  EXPECT_EQ(events("[-1,-0,1.5,1e3,18446744073709551616]"),
            "[a negative number a negative number a number that is no 64-bit integer a number that is no 64-bit integer "
            "a number that is no 64-bit integer ]");
  EXPECT_EQ(events(std::string(100'000, '[') + std::string(100'000, ']')), std::string(100'000, '[') + std::string(100'000, ']'));
}

TEST(JsonTest, ReadsText) {
  EXPECT_EQ(events(R"("\"\\\/\b\f\n\r\t")"), "'\"\\/\b\f\n\r\t' ");
  EXPECT_EQ(events(R"("\u0041\u00e9\u20AC\ud83d\ude00")"), "'A\u00e9\u20ac\U0001f600' ");
  EXPECT_EQ(events("\"\u00e9\u20ac\U0001f600\U0010ffff\x7f\""), "'\u00e9\u20ac\U0001f600\U0010ffff\x7f' ");
}

TEST(JsonTest, RefusesAtTheByteThatIsWrong) {
  const std::pair<const char *, const char *> cases[] = {
      {"", "@0"},           {"{", "@1"},           {"[1,", "@3"},         {"{,", "@1"},           {"{\"a\" 1}", "@5"},
      {"{\"a\":}", "@5"},   {"{\"a\":1,}", "@7"},  {"[1,]", "@3"},        {"[1 2]", "@3"},        {"[1 23]", "@4"},
      {"[}", "@1"},         {"{]", "@1"},          {"[1}", "@2"},         {"1 1", "@2"},          {"{} x", "@3"},
      {"[tru]", "@4"},      {"nul", "@3"},         {"[1 true]", "@6"},    {"[1 \"ab\"]", "@6"},   {"x", "@0"},
      {"+1", "@0"},         {"[01]", "@2"},        {"-", "@1"},           {"-x", "@1"},           {"1.", "@2"},
      {"[1.x]", "@3"},      {"1e", "@2"},          {"1e+", "@3"},         {"[1e999]", "@5"},      {"// x", "@0"},
      {"'a'", "@0"},        {"\"a", "@2"},         {"\"a\n\"", "@2"},     {"\"\\x\"", "@2"},      {"\"\\", "@2"},
      {"\"\\u12g4\"", "@5"}, {"\"\\ud800\"", "@7"}, {"\"\\ud800x", "@7"},  {"\"\\ud800\\n", "@8"}, {"\"\\ud800\\u0041\"", "@12"},
      {"\"\\udc00\"", "@6"}, {"\"\xff\"", "@1"},    {"\"\xc3\"", "@2"},    {"\"\xc0\x80\"", "@1"}, {"\"\xe0\x80\x80\"", "@2"},
      {"\"\xed\xa0\x80\"", "@2"}, {"\"\xf4\x90\x80\x80\"", "@2"}, {"\"\xf5\"", "@1"}, {"\"\xe2\x82", "@3"}, {"\"\x80\"", "@1"},
  };
  for (const auto &[json, place] : cases)
    EXPECT_EQ(events(json), place) << json;
}

TEST(JsonTest, QuotesText) {
  std::string json;
  ASSERT_TRUE(append_json_string(json, "a\"\\/\b\f\n\r\t\x01\x1f\x7f\u00e9\U0001f600"));
  EXPECT_EQ(json, "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\u00e9\U0001f600\"");
  EXPECT_FALSE(append_json_string(json, "\xff"));
  EXPECT_FALSE(append_json_string(json, "\xed\xa0\x80"));
}

} // namespace
} // namespace kiln::runtime
