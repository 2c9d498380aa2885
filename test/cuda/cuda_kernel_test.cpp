// The emitted CUDA source, run on the host through the runtime and a driver whose device is the host, against the interpreter: every
// kernel that there is, batches from nothing to many tiles, blocks and threads in several orders.
#include "compiled_program.h"
#include "cuda_cases.h"
#include "host_driver.h"
#include "host_kernels.h"
#include "kiln/runtime/error.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>

namespace kiln::test {
namespace {

using runtime::Tensor;

/// Calls `function` of a program on the device with each of `batches`, and compares with the interpreter.
void compare(CompiledProgram &program, const std::string &function, const std::vector<InputCase> &inputCases,
             const std::vector<int64_t> &batches, double tolerance) {
  runtime::Model model = program.model("v2", 1);
  ASSERT_EQ(model.device(), "cuda:0");
  ASSERT_TRUE(model.program().functions()[model.program().function_index(function)].has_cuda());
  for (int64_t batch : batches) {
    SCOPED_TRACE("batch " + std::to_string(batch));
    std::vector<Tensor> inputs;
    for (const InputCase &input : inputCases) {
      std::vector<int64_t> sizes = input.sizes;
      std::replace(sizes.begin(), sizes.end(), kBatch, batch);
      inputs.push_back(randomTensor(sizes, input.dtype, 7 + inputs.size(), input.limit));
    }
    std::vector<Tensor> expected, first;
    try {
      expected = program.interpret(function, inputs);
    } catch (const runtime::Error &) { // sizes that do not fit an element's type
      EXPECT_THROW(model.call(function, inputs), runtime::Error);
      continue;
    }
    for (unsigned order : {0u, 1u, 2u}) {
      kiln_host_driver_set_order(order);
      std::vector<Tensor> results = model.call(function, inputs);
      kiln_host_driver_set_order(0);
      ASSERT_EQ(results.size(), expected.size());
      for (size_t i = 0; i < results.size(); ++i) {
        EXPECT_EQ(runtime::shape_text(results[i].sizes()), runtime::shape_text(expected[i].sizes()));
        EXPECT_LE(largestDifference(results[i], expected[i]), tolerance) << "output " << i;
        if (order != 0) {
          EXPECT_TRUE(sameBits(results[i], first[i])) << "output " << i << " depends on the order of threads";
        }
      }
      if (order == 0)
        first = results;
    }
  }
}

class CudaKernelTest : public testing::TestWithParam<KernelCase> {};

TEST_P(CudaKernelTest, AgreesWithInterpreter) {
  const KernelCase &kernelCase = GetParam();
  kiln_host_driver_reset();
  CompiledProgram program(moduleText(kernelCase.text), Optimize::Yes, /*embedWeights=*/true, cudaOnHost());
  ASSERT_TRUE(program.ok()) << program.message();
  program.randomizeStates();
  bool hasBatch = kernelCase.text.find("batch") != std::string::npos;
  compare(program, "f", kernelCase.inputs, hasBatch ? std::vector<int64_t>{0, 1, 3, 8, 9, 64, 131} : std::vector<int64_t>{1},
          kernelCase.tolerance);
}

INSTANTIATE_TEST_SUITE_P(Kernels, CudaKernelTest, testing::ValuesIn(cudaCases()),
                         [](const testing::TestParamInfo<KernelCase> &info) { return info.param.name; });

/// The models of the PyTorch documents that this back end is for, as `kiln build` records them.
TEST(CudaModelsTest, ShallowAndDeepMLP) {
  for (const char *name : {"shallow_mlp", "deep_mlp"}) {
    SCOPED_TRACE(name);
    kiln_host_driver_reset();
    CompiledProgram program(recordedModel(name), Optimize::Yes, /*embedWeights=*/true, cudaOnHost());
    ASSERT_TRUE(program.ok()) << program.message();
    program.randomizeStates();
    compare(program, "predict", {{{kBatch, 784}}}, {0, 1, 5, 70}, 2e-6);
  }
}

TEST(CudaSourceTest, WhatHasCodeIsWhatTheCasesSay) {
  std::set<std::string> expected, found;
  for (const KernelCase &kernelCase : cudaCases())
    expected.insert(kernelCase.name);
  for (const KernelCase &kernelCase : kernelCases()) {
    std::string message;
    if (succeeded(cudaProgramOf(moduleText(kernelCase.text), message)))
      found.insert(kernelCase.name);
    else
      EXPECT_NE(message.find("can't run on CUDA: "), std::string::npos) << kernelCase.name << ": " << message;
  }
  for (const KernelCase &kernelCase : kernelCases())
    EXPECT_EQ(found.contains(kernelCase.name), expected.contains(kernelCase.name)) << kernelCase.name;
}

} // namespace
} // namespace kiln::test
