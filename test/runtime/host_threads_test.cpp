// A model under several threads: side by side, and with weights that change meanwhile.
#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "kiln/runtime/model.h"
#include "test_program.h"

namespace kiln::runtime {
namespace {

using test::TestProgram;

/// All weights `value`, all biases 0: then affine([1, 1]) is [2 value, 2 value, 2 value].
StateDict weights_of(float value) {
  const Tensor weight = Tensor::from<float>(std::vector<float>(6, value), {3, 2});
  return {{"head.weight", weight},
          {"head.bias", Tensor({3}, DType::Float32)},
          {"count", Tensor::scalar<int64_t>(0)},
          {"tied.weight", weight}};
}

/// The one value that all elements have; fails when there are two, that is, a mixture of old and new weights.
float only_value(const Tensor &tensor) {
  const float *data = tensor.data<float>();
  for (int64_t i = 1; i < tensor.numel(); ++i)
    EXPECT_EQ(data[i], data[0]);
  return data[0];
}

class HostThreads : public testing::Test {
protected:
  /// Runs body(i) on `count` threads.
  template <class Body> static void on_threads(int count, Body body) {
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i)
      threads.emplace_back([&body, i] { body(i); });
    for (std::thread &thread : threads)
      thread.join();
  }

  TestProgram test;
  Model model{test.program(), {2, nullptr}};
};

TEST_F(HostThreads, CallsSideBySide) {
  on_threads(4, [&](int thread) {
    const std::vector<float> row_values = {static_cast<float>(thread), 0};
    const Tensor x = Tensor::from<float>(row_values, {1, 2}).expand({1 + thread, 2});
    for (int i = 0; i < 300; ++i) {
      const Tensor y = model.call("affine", {x})[0];
      ASSERT_EQ(y.size(0), 1 + thread);
      for (int64_t row = 0; row <= thread; ++row)
        for (int64_t n = 0; n < 3; ++n)
          ASSERT_EQ(y.data<float>()[row * 3 + n], static_cast<float>(thread * (2 * n + 1)) + test.bias[n]);
    }
  });
}

TEST_F(HostThreads, WeightsChangeMeanwhile) {
  model.load_state_dict(weights_of(1));
  const Tensor x = Tensor::from<float>(std::vector<float>(16, 1), {8, 2});
  std::atomic<bool> loading = true;
  std::atomic<int> calls = 0;
  std::thread loader([&] {
    // A writer gets in although readers never pause; and they get on between two writes.
    for (int i = 2; i < 100; ++i) {
      for (const int before = calls; calls < before + 5;)
        std::this_thread::yield();
      model.load_state_dict(weights_of(static_cast<float>(i)));
      // What was loaded is what is seen from now on.
      EXPECT_EQ(only_value(model.call("affine", {x})[0]), static_cast<float>(2 * i));
    }
    loading = false;
  });
  on_threads(3, [&](int thread) {
    Context context(model);
    float last = 0;
    while (loading) {
      const float value = only_value(context.call(thread == 0 ? "doubled" : "affine", {x})[0]) / (thread == 0 ? 2 : 1);
      EXPECT_GE(value, last); // never back to older weights
      last = value;
      ++calls;
    }
  });
  loader.join();
}

TEST_F(HostThreads, WritingFunctionsRunAlone) {
  on_threads(4, [&](int thread) {
    const Tensor x({2, 2}, DType::Float32);
    for (int i = 0; i < 250; ++i) {
      model.call("increment", {});
      if (thread == 0)
        model.call("affine", {x});
    }
  });
  EXPECT_EQ(model.state_dict().at("count").item<int64_t>(), 5 + 4 * 250);
}

TEST_F(HostThreads, PreparedValuesAreComputedOnceForAll) {
  const int before = test::transposed_runs;
  const Tensor x({2, 2}, DType::Float32);
  on_threads(4, [&](int) { model.call("affine", {x}); });
  EXPECT_EQ(test::transposed_runs - before, 1);
}

TEST_F(HostThreads, TrainingAndServingAtOnce) {
  model.load_state_dict(weights_of(0));
  const Tensor x = Tensor::from<float>(std::vector<float>{1, 1}, {1, 2});
  std::atomic<bool> training = true;
  std::atomic<int> calls = 0;
  std::thread trainer([&] {
    for (int i = 1; i <= 200; ++i) {
      for (const int before = calls; calls < before + 3;)
        std::this_thread::yield();
      model.call("set_weight", {Tensor::from<float>(std::vector<float>(6, static_cast<float>(i)), {3, 2})});
    }
    training = false;
  });
  on_threads(2, [&](int) {
    float last = 0;
    while (training) {
      const float value = only_value(model.call("affine", {x})[0]);
      EXPECT_GE(value, last);
      last = value;
      ++calls;
    }
  });
  trainer.join();
  EXPECT_EQ(only_value(model.call("affine", {x})[0]), 400);
}

} // namespace
} // namespace kiln::runtime
