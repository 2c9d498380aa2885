// Models on a device: what travels when, what runs where, and what is said when it can't.
#include "compiled_program.h"
#include "host_driver.h"
#include "host_kernels.h"
#include "kernel_cases.h"

#include "kiln/runtime/error.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

namespace kiln::test {
namespace {

using runtime::DType;
using runtime::Tensor;

// `predict` reads a packed weight, a bias, and a constant; `step` changes both states, and so runs on the processor.
constexpr const char *kProgram = R"(
nn.state @w parameter : tensor<40x24xf32> = dense<2.0>
nn.state @b parameter : tensor<40xf32> = dense<1.0>
nn.state_name "w" of @w
nn.state_name "b" of @b
func.func @predict(%x: tensor<?x24xf32, #nn.shape<batch, 24>> {nn.name = "x"})
    -> (tensor<?x40xf32, #nn.shape<batch, 40>> {nn.name = "y"}) attributes {nn.entry} {
  %w = nn.read @w : tensor<40x24xf32>
  %b = nn.read @b : tensor<40xf32>
  %0 = nn.linear %x, %w, %b : (tensor<?x24xf32, #nn.shape<batch, 24>>, tensor<40x24xf32>, tensor<40xf32>) -> tensor<?x40xf32, #nn.shape<batch, 40>>
  %c = nn.constant dense<[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0, 18.0, 19.0,
                          20.0, 21.0, 22.0, 23.0, 24.0, 25.0, 26.0, 27.0, 28.0, 29.0, 30.0, 31.0, 32.0, 33.0, 34.0, 35.0, 36.0, 37.0, 38.0, 39.0]> : tensor<40xf32>
  %2 = nn.add %0, %c : (tensor<?x40xf32, #nn.shape<batch, 40>>, tensor<40xf32>) -> tensor<?x40xf32, #nn.shape<batch, 40>>
  return %2 : tensor<?x40xf32, #nn.shape<batch, 40>>
}
func.func @step(%d: tensor<40xf32> {nn.name = "d"}) -> (tensor<40xf32> {nn.name = "b"}) attributes {nn.entry} {
  %b = nn.read @b : tensor<40xf32>
  %0 = nn.add %b, %d : tensor<40xf32>
  nn.write @b, %0 : tensor<40xf32>
  return %0 : tensor<40xf32>
})";

class CudaModelTest : public testing::Test {
protected:
  void SetUp() override {
    kiln_host_driver_reset();
    ASSERT_TRUE(program().ok()) << program().message();
  }
  static CompiledProgram &program() {
    static CompiledProgram instance(moduleText(kProgram), Optimize::Yes, /*embedWeights=*/true, cudaOnHost());
    return instance;
  }
  static runtime::Model model(const std::string &device = "") {
    runtime::ModelOptions options;
    options.device = device;
    return runtime::Model(runtime::Program::load(program().path()), options);
  }
  static std::string errorOf(const std::function<void()> &body) {
    try {
      body();
    } catch (const runtime::Error &error) {
      return error.what();
    }
    return "no error";
  }
  static void expectBegins(const std::string &text, const std::string &beginning) {
    EXPECT_EQ(text.substr(0, beginning.size()), beginning) << text;
  }
};

TEST_F(CudaModelTest, WeightsTravelOnceAVersion) {
  runtime::Model device = model();
  Tensor x = randomTensor({5, 24}, DType::Float32, 1);
  device.call("predict", {x});
  // The packed weight (two panels of 32 columns), the bias, the input; the constant came with the model.
  const uint64_t packed = 2 * 24 * 32 * 4, bias = 40 * 4, input = 5 * 24 * 4, constant = 40 * 4;
  EXPECT_EQ(kiln_host_driver_get_counts().bytes_to_device, packed + bias + input + constant);
  kiln_host_driver_reset();
  device.call("predict", {x});
  EXPECT_EQ(kiln_host_driver_get_counts().bytes_to_device, input);
  EXPECT_EQ(kiln_host_driver_get_counts().copies_to_host, 1u);
  device.call("step", {randomTensor({40}, DType::Float32, 2)}); // on the processor
  kiln_host_driver_reset();
  device.call("predict", {x});
  EXPECT_EQ(kiln_host_driver_get_counts().bytes_to_device, bias + input);
  device.update_state([&] { device.state(0).copy_(randomTensor({40, 24}, DType::Float32, 3)); });
  kiln_host_driver_reset();
  device.call("predict", {x});
  EXPECT_EQ(kiln_host_driver_get_counts().bytes_to_device, packed + bias + input);
}

TEST_F(CudaModelTest, SeesWhatOtherFunctionsWrote) {
  runtime::Model device = model(), processor = model("cpu");
  EXPECT_EQ(device.device(), "cuda:0");
  EXPECT_EQ(processor.device(), "cpu");
  for (uint32_t seed : {1u, 2u, 3u}) {
    Tensor x = randomTensor({9, 24}, DType::Float32, seed), d = randomTensor({40}, DType::Float32, seed + 10);
    EXPECT_LE(largestDifference(device.call("predict", {x})[0], processor.call("predict", {x})[0]), 1e-6);
    device.call("step", {d});
    processor.call("step", {d});
  }
  EXPECT_FALSE(device.program().functions()[device.program().function_index("step")].has_cuda());
}

TEST_F(CudaModelTest, InputsAndOutputsThatAreNotContiguous) {
  runtime::Model device = model(), processor = model("cpu");
  Tensor x = randomTensor({24, 6}, DType::Float32, 1).transpose(0, 1);
  EXPECT_LE(largestDifference(device.call("predict", {x})[0], processor.call("predict", {x})[0]), 1e-6);
}

TEST_F(CudaModelTest, CallsFromSeveralThreads) {
  runtime::Model device = model(), processor = model("cpu");
  Tensor x = randomTensor({3, 24}, DType::Float32, 1);
  const Tensor expected = processor.call("predict", {x})[0];
  std::vector<std::thread> threads;
  std::vector<double> differences(4, 1);
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      double worst = 0;
      for (int call = 0; call < 5; ++call)
        worst = std::max(worst, largestDifference(device.call("predict", {x})[0], expected));
      differences[i] = worst;
    });
  for (std::thread &thread : threads)
    thread.join();
  for (double difference : differences)
    EXPECT_LE(difference, 1e-6);
}

TEST_F(CudaModelTest, LaunchesAreMeasured) {
  runtime::Model device = model();
  const auto &function = device.program().functions()[device.program().function_index("predict")];
  std::vector<int64_t> nanoseconds(function.launches.size());
  runtime::CallOptions options;
  options.launch_nanoseconds = nanoseconds;
  Tensor x = randomTensor({3, 24}, DType::Float32, 1);
  device.call("predict", {x}, options);
  for (int64_t time : nanoseconds)
    EXPECT_GT(time, 0);
}

TEST_F(CudaModelTest, EverythingIsReleased) {
  {
    runtime::Model device = model();
    runtime::Context context(device);
    context.call("predict", {randomTensor({5, 24}, DType::Float32, 1)});
    EXPECT_GT(kiln_host_driver_get_counts().live_allocations, 0u);
  }
  const kiln_host_driver_counts counts = kiln_host_driver_get_counts();
  EXPECT_EQ(counts.live_allocations, 0u);
  EXPECT_EQ(counts.live_streams, 0u);
  EXPECT_EQ(counts.live_modules, 0u);
  EXPECT_EQ(counts.live_contexts, 0u);
}

TEST_F(CudaModelTest, Devices) {
  kiln_host_driver_set_devices(2, 8, 6); // runs code for 8.0
  EXPECT_EQ(model("cuda:1").device(), "cuda:1");
  expectBegins(errorOf([] { model("cuda:2"); }), "CUDA error: invalid device ordinal\n  device cuda:2 is asked for, and there are 2");
  kiln_host_driver_set_devices(1, 12, 0); // compiles PTX of 9.0
  EXPECT_EQ(model().device(), "cuda:0");
  kiln_host_driver_set_devices(1, 7, 5);
  const std::string text = errorOf([] { model(); });
  expectBegins(text, "CUDA error: no kernel image is available for execution on the device");
  EXPECT_NE(text.find("device Host is sm_75, and the code of program 'test' is for sm_80, sm_90, sm_90 and later"), std::string::npos) << text;
  EXPECT_NE(text.find("--target=cuda:sm_75"), std::string::npos) << text;
  kiln_host_driver_set_devices(0, 0, 0);
  expectBegins(errorOf([] { model(); }), "No CUDA GPUs are available");
  EXPECT_EQ(model("cpu").device(), "cpu");
}

TEST_F(CudaModelTest, NamesOfDevices) {
  expectBegins(errorOf([] { model("gpu"); }), "Expected one of cpu, cuda device type at start of device string: gpu\n  in ModelOptions::device");
  expectBegins(errorOf([] { model("cuda:x"); }), "Invalid device string: 'cuda:x'");
  setenv("KILN_DEVICE", "cpu", 1);
  EXPECT_EQ(model().device(), "cpu");
  EXPECT_EQ(model("cuda").device(), "cuda:0");
  setenv("KILN_DEVICE", "tpu", 1);
  const std::string text = errorOf([] { model(); });
  unsetenv("KILN_DEVICE");
  expectBegins(text, "Expected one of cpu, cuda device type at start of device string: tpu\n  in KILN_DEVICE");
}

TEST_F(CudaModelTest, ProgramsWithoutCudaCode) {
  CompiledProgram plain(moduleText(kProgram), Optimize::Yes);
  ASSERT_TRUE(plain.ok()) << plain.message();
  runtime::Program loaded = runtime::Program::load(plain.path());
  EXPECT_EQ(loaded.cuda(), nullptr);
  EXPECT_EQ(runtime::Model(loaded).device(), "cpu");
  runtime::ModelOptions options;
  options.device = "cuda";
  EXPECT_NE(errorOf([&] { runtime::Model model(loaded, options); }).find("holds no code for CUDA"), std::string::npos);
}

TEST_F(CudaModelTest, WhatFailsOnTheDeviceIsAnError) {
  runtime::Model device = model();
  Tensor x = randomTensor({5, 24}, DType::Float32, 1);
  const Tensor right = device.call("predict", {x})[0];
  kiln_host_driver_fail_launch(719);
  const std::string text = errorOf([&] { device.call("predict", {x}); });
  expectBegins(text, "CUDA error: unspecified launch failure (CUDA_ERROR_LAUNCH_FAILED, 719)\n  while running 'predict', kernel f32_packed_linear_24x40");
  EXPECT_EQ(largestDifference(device.call("predict", {x})[0], right), 0);
  kiln_host_driver_set_memory(1000);
  expectBegins(errorOf([&] { device.call("predict", {randomTensor({999, 24}, DType::Float32, 1)}); }), "CUDA out of memory. Tried to allocate ");
  kiln_host_driver_reset();
  EXPECT_EQ(largestDifference(device.call("predict", {x})[0], right), 0);
}

} // namespace
} // namespace kiln::test
