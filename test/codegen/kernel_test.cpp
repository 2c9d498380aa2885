// Every kind of kernel against the interpreter: all instruction sets, batches from nothing to many tiles, one thread and several.
#include "compiled_program.h"
#include "kernel_cases.h"

#include <gtest/gtest.h>

#include <cstring>

namespace kiln::test {
namespace {

using runtime::Tensor;

class KernelTest : public testing::TestWithParam<std::tuple<KernelCase, Optimize>> {};

bool sameBits(const Tensor &a, const Tensor &b) {
  return a.nbytes() == b.nbytes() && (a.nbytes() == 0 || std::memcmp(a.data(), b.data(), a.nbytes()) == 0);
}

std::string firstLine(const std::string &text) { return text.substr(0, text.find('\n')); }

TEST_P(KernelTest, AgreesWithInterpreter) {
  auto [kernelCase, optimize] = GetParam();
  CompiledProgram program(moduleText(kernelCase.text), optimize);
  ASSERT_TRUE(program.ok()) << program.message();
  program.randomizeStates();
  bool hasBatch = kernelCase.text.find("batch") != std::string::npos;
  for (int64_t batch : hasBatch ? std::vector<int64_t>{0, 1, 2, 3, 5, 31, 257} : std::vector<int64_t>{1}) {
    std::vector<Tensor> inputs;
    for (const InputCase &input : kernelCase.inputs) {
      std::vector<int64_t> sizes = input.sizes;
      std::replace(sizes.begin(), sizes.end(), kBatch, batch);
      inputs.push_back(randomTensor(sizes, input.dtype, 7 + inputs.size(), input.limit));
    }
    std::vector<Tensor> expected;
    std::string refused; // what the interpreter refuses, compiled code refuses with the same words
    try {
      expected = program.interpret("f", inputs);
    } catch (const runtime::Error &error) {
      refused = firstLine(error.what());
    }
    for (const std::string &set : runnableInstructionSets()) {
      SCOPED_TRACE("batch " + std::to_string(batch) + ", " + set);
      if (!refused.empty()) {
        try {
          program.model(set, 1).call("f", inputs);
          ADD_FAILURE() << "accepted what the interpreter refuses: " << refused;
        } catch (const runtime::Error &error) {
          EXPECT_EQ(firstLine(error.what()), refused);
        }
        continue;
      }
      std::vector<Tensor> one = program.model(set, 1).call("f", inputs), many = program.model(set, 3).call("f", inputs);
      ASSERT_EQ(one.size(), expected.size());
      for (size_t i = 0; i < one.size(); ++i) {
        EXPECT_EQ(runtime::shape_text(one[i].sizes()), runtime::shape_text(expected[i].sizes()));
        EXPECT_LE(largestDifference(one[i], expected[i]), kernelCase.tolerance) << "output " << i;
        EXPECT_TRUE(sameBits(one[i], many[i])) << "output " << i << " depends on the number of threads";
      }
    }
  }
}

std::string testName(const testing::TestParamInfo<KernelTest::ParamType> &info) {
  return std::get<0>(info.param).name + (std::get<1>(info.param) == Optimize::Yes ? "_optimized" : "_single");
}

INSTANTIATE_TEST_SUITE_P(Kernels, KernelTest,
                         testing::Combine(testing::ValuesIn(kernelCases()), testing::Values(Optimize::No, Optimize::Yes)),
                         testName);

} // namespace
} // namespace kiln::test
