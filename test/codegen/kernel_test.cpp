// Every kind of kernel against the interpreter: all instruction sets, batches from nothing to many tiles, one thread and several.
#include "compiled_program.h"
#include "kernel_cases.h"

#include <gtest/gtest.h>

#include <cstring>

namespace kiln::test {
namespace {

using runtime::Tensor;

class KernelTest : public testing::TestWithParam<KernelCase> {};

std::string firstLine(const std::string &text) { return text.substr(0, text.find('\n')); }

/// Calls `f` of a compiled program with every batch, on every instruction set, with one thread and several.
void compareWithInterpreter(CompiledProgram &program, const KernelCase &kernelCase) {
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

TEST_P(KernelTest, AgreesWithInterpreter) {
  const KernelCase &kernelCase = GetParam();
  std::string text = moduleText(kernelCase.text);
  CompiledProgram single(text, Optimize::No);
  ASSERT_TRUE(single.ok()) << single.message();
  {
    SCOPED_TRACE("every op a kernel");
    compareWithInterpreter(single, kernelCase);
  }
  // Most programs of one op are the same after optimisation; then there is nothing else to compare.
  CompiledProgram optimized(text, Optimize::Yes, /*embedWeights=*/true, {}, single.scheduleText());
  ASSERT_TRUE(optimized.ok()) << optimized.message();
  if (!optimized.isKnown()) {
    SCOPED_TRACE("optimized");
    compareWithInterpreter(optimized, kernelCase);
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, KernelTest, testing::ValuesIn(kernelCases()),
                         [](const testing::TestParamInfo<KernelCase> &info) { return info.param.name; });

} // namespace
} // namespace kiln::test
