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
  EXPECT_EQ(suggestion("pedrict", {"predict", "train_step"}), "; did you mean 'predict'?");
  EXPECT_EQ(suggestion("train", {"predict", "train_step"}), "");
}

} // namespace
} // namespace kiln::runtime
