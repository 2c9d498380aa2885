// Near names: what counts as a slip, and what is another word.
#include "kiln/runtime/spelling.h"

#include <gtest/gtest.h>

namespace kiln::runtime {
namespace {

TEST(Spelling, OnlyWordsThatAreAlike) {
  const std::vector<std::string_view> options = {"--epochs", "--batch-size", "--learning-rate", "--seed", "--save"};
  EXPECT_EQ(nearest("--epoch", options), "--epochs");
  EXPECT_EQ(nearest("--batchsize", options), "--batch-size");
  EXPECT_EQ(nearest("--learning_rate", options), "--learning-rate");
  EXPECT_EQ(nearest("--lr", options), "--learning-rate") << "initials";
  EXPECT_EQ(nearest("--bs", options), "--batch-size");
  EXPECT_EQ(nearest("--threads", options), "");
  EXPECT_EQ(nearest("--x", options), "");
  EXPECT_EQ(nearest("z", {"x", "y"}), "") << "no letter is the same";
  EXPECT_EQ(nearest("image", {"x", "images"}), "images");
  EXPECT_EQ(nearest("", {"a"}), "");
  EXPECT_EQ(nearest("x", {"y", "x1"}), "x1");
  EXPECT_EQ(nearest("x1", {"y", "x"}), "x");
  EXPECT_EQ(nearest("z", {"y", "x1"}), "");
  EXPECT_EQ(nearest("--to", {"-o"}), "") << "a short option is no slip of a long one";
  EXPECT_EQ(nearest("--th", {"-h", "--threads"}), "");
  EXPECT_EQ(nearest("-oo", {"-o"}), "-o");
  EXPECT_EQ(suggestion("pedrict", {"predict", "train_step"}), "; did you mean 'predict'?");
  EXPECT_EQ(suggestion("train", {"predict", "train_step"}), "");
  EXPECT_EQ(suggestion("weight", {"weigh\x1b"}), "; did you mean 'weigh\\x1b'?");
}

// A file's names may have any length; the table of the distance would have as many columns.
TEST(Spelling, LongNamesCostNothing) {
  const std::string name = "head." + std::string(10'000'000, 'w'), other = name + "x";
  EXPECT_EQ(nearest("head.weight", {name, "head.wieght"}), "head.wieght");
  EXPECT_EQ(nearest(name, {other, "head.weight"}), "");
}

} // namespace
} // namespace kiln::runtime
