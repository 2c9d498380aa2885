// A few random programs at every run of the tests; tools/random-programs.sh draws as many others as there is time for.
#include "agreement.h"
#include "recipes.h"

#include <gtest/gtest.h>

namespace kiln::random {
namespace {

class RandomProgramTest : public testing::TestWithParam<uint64_t> {
protected:
  static void TearDownTestSuite() { EXPECT_GT(2 * withValues, programs) << "most programs gave nothing to compare"; }
  static inline int programs = 0, withValues = 0;
};

TEST_P(RandomProgramTest, AgreesWithInterpreter) {
  Agreement agreement = check(caseOf(randomProgram(GetParam(), 12), GetParam()));
  ++programs;
  withValues += agreement.compared > 0;
  EXPECT_EQ(agreement.fault, Fault::None) << agreement.message << "\nbuild/bin/random_programs --count=1 --seed=" << GetParam()
                                          << " reduces it";
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomProgramTest, testing::Range<uint64_t>(1, 81));

/// What most programs would be if inference refused what the recipes draw: nothing.
TEST(RandomProgramsTest, AreNotEmpty) {
  size_t operations = 0, gradients = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    const semantics::RecordedProgram program = randomProgram(seed, 12).program;
    for (const semantics::RecordedOperation &operation : program.functions[0].operations) {
      operations += operation.name != "nn.read";
      gradients += operation.name == "nn.backward";
    }
  }
  EXPECT_GT(operations, 1000u);
  EXPECT_GT(gradients, 50u);
}

TEST(RandomProgramsTest, AreTheSameFromTheSameSeed) {
  std::string message;
  for (uint64_t seed : {1, 2, 3}) {
    std::string text = textOf(randomProgram(seed, 12).program, message);
    EXPECT_FALSE(text.empty()) << message;
    EXPECT_EQ(text, textOf(randomProgram(seed, 12).program, message));
  }
}

} // namespace
} // namespace kiln::random
