// How many groups of a convolution share vectors.
#include "kiln/semantics/channel_groups.h"

#include <gtest/gtest.h>

namespace kiln::semantics {
namespace {

TEST(ChannelGroups, AsManyAsDivideAllAndFitTogether) {
  EXPECT_EQ(groups_together(32, 2, 2, 32), 16);
  EXPECT_EQ(groups_together(24, 2, 2, 32), 12); // 16 would fit, and leave 8
  EXPECT_EQ(groups_together(8, 6, 3, 32), 4);
  EXPECT_EQ(groups_together(5, 2, 3, 32), 5);
  EXPECT_EQ(groups_together(2, 16, 16, 32), 2);
  EXPECT_EQ(groups_together(32, 2, 2, 64), 32);
  EXPECT_EQ(groups_together(32, 2, 2, 1), 1);
}

TEST(ChannelGroups, OneWhereNoOtherNumberDividesThem) {
  EXPECT_EQ(groups_together(7, 6, 6, 32), 1);
  EXPECT_EQ(groups_together(1, 8, 8, 32), 1);
}

TEST(ChannelGroups, AllWhereEachChannelIsAGroup) {
  EXPECT_EQ(groups_together(37, 1, 1, 32), 37);
  EXPECT_EQ(groups_together(1, 1, 1, 32), 1);
}

TEST(ChannelGroups, OneOfManyChannels) {
  EXPECT_EQ(groups_together(4, 17, 4, 64), 1);
  EXPECT_EQ(groups_together(4, 4, 17, 64), 1);
  EXPECT_EQ(groups_together(4, 1, 9, 64), 1); // a lane's channels would be in nine vectors
  EXPECT_EQ(groups_together(4, 1, 8, 64), 4);
  EXPECT_EQ(groups_together(4, 9, 1, 64), 4);
}

} // namespace
} // namespace kiln::semantics
