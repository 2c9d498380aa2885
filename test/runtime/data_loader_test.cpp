// DataLoader: orders that are PyTorch's, batches, states, and errors with PyTorch's texts.
#include "kiln/runtime/data_loader.h"
#include "kiln/runtime/files.h"
#include "test_files.h"

#include <numeric>

namespace kiln::runtime {
namespace {

Tensor range(int64_t count) {
  std::vector<int64_t> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), int64_t{0});
  return Tensor::from<int64_t>(numbers, {count});
}

/// The samples of an epoch, batch by batch.
std::vector<std::vector<int64_t>> epoch_of(DataLoader &loader) {
  std::vector<std::vector<int64_t>> result;
  loader.begin_epoch();
  for (auto batch = loader.next(); !batch.empty(); batch = loader.next())
    result.push_back(values<int64_t>(batch[0]));
  return result;
}

TEST(DataLoader, ShufflesAsPyTorch) {
  const StateDict orders = load_safetensors(data_path("runtime/training/orders.safetensors"));
  EXPECT_EQ(orders.size(), 4u);
  for (const auto &[key, order] : orders) {
    const std::size_t dot = key.find('.');
    DataLoader loader({range(std::stoll(key.substr(0, dot)))}, {std::stoll(key.substr(dot + 1)), true, false, 7});
    for (int64_t epoch = 0; epoch < 3; ++epoch) {
      std::vector<int64_t> samples;
      for (const auto &batch : epoch_of(loader))
        samples.insert(samples.end(), batch.begin(), batch.end());
      EXPECT_EQ(samples, values<int64_t>(order.select(0, epoch))) << key << " epoch " << epoch;
    }
  }
}

TEST(DataLoader, BatchesInOrder) {
  DataLoader loader({range(5)}, {2, false, false, 0});
  EXPECT_EQ(loader.batches(), 3);
  for (int epoch = 0; epoch < 2; ++epoch)
    EXPECT_EQ(epoch_of(loader), (std::vector<std::vector<int64_t>>{{0, 1}, {2, 3}, {4}}));
  DataLoader dropping({range(5)}, {2, false, true, 0});
  EXPECT_EQ(dropping.batches(), 2);
  EXPECT_EQ(epoch_of(dropping), (std::vector<std::vector<int64_t>>{{0, 1}, {2, 3}}));
  DataLoader large({range(5)}, {8, false, false, 0});
  EXPECT_EQ(large.batches(), 1);
  EXPECT_EQ(epoch_of(large), (std::vector<std::vector<int64_t>>{{0, 1, 2, 3, 4}}));
  DataLoader none({range(5)}, {8, false, true, 0});
  EXPECT_EQ(none.batches(), 0);
  EXPECT_TRUE(epoch_of(none).empty());
}

TEST(DataLoader, DroppedSamplesBelongToTheOrder) {
  DataLoader dropping({range(10)}, {4, true, true, 7}), whole({range(10)}, {4, true, false, 7});
  for (int epoch = 0; epoch < 3; ++epoch) {
    auto expected = epoch_of(whole);
    expected.pop_back();
    EXPECT_EQ(epoch_of(dropping), expected);
  }
}

TEST(DataLoader, RowsOfSeveralTensorsGoTogether) {
  const Tensor x = Tensor::from<float>(std::vector<float>{0, 10, 1, 11, 2, 12}, {3, 2}).transpose(0, 1).contiguous().transpose(0, 1);
  DataLoader loader({x, range(3)}, {2, true, false, 1});
  loader.begin_epoch();
  for (auto batch = loader.next(); !batch.empty(); batch = loader.next())
    for (int64_t row = 0; row < batch[1].size(0); ++row) {
      const auto label = static_cast<float>(batch[1].data<int64_t>()[row]);
      EXPECT_EQ(values<float>(batch[0].select(0, row)), (std::vector<float>{label, 10 + label}));
    }
}

TEST(DataLoader, GoesOnFromAState) {
  DataLoader first({range(10)}, {4, true, false, 7});
  epoch_of(first);
  const std::string state = first.generator_state();
  const auto expected = epoch_of(first);
  DataLoader second({range(10)}, {4, true, false, 99});
  second.set_generator_state(state);
  EXPECT_EQ(epoch_of(second), expected);
  for (const char *wrong : {"", "1 2 3", "x"})
    EXPECT_EQ(message_of<ValueError>([&] { second.set_generator_state(wrong); }), "the state of the shuffled order is none");
  EXPECT_EQ(message_of<ValueError>([&] { second.set_generator_state(state + " 1"); }), "the state of the shuffled order is none");
}

TEST(DataLoader, Errors) {
  auto error = [](std::vector<Tensor> tensors, int64_t batch_size) {
    return message_of<ValueError>([&] { DataLoader(std::move(tensors), {batch_size, false, false, 0}); });
  };
  EXPECT_EQ(error({range(3)}, 0), "batch_size should be a positive integer value, but got batch_size=0");
  EXPECT_EQ(error({range(3), range(4)}, 1), "Size mismatch between tensors\n  they have 3 and 4 samples");
  EXPECT_EQ(error({range(0)}, 1), "num_samples should be a positive integer value, but got num_samples=0");
  EXPECT_EQ(error({Tensor::scalar(1.0f)}, 1), "a DataLoader's tensors need a dimension of samples, found a scalar");
  EXPECT_EQ(error({}, 1), "a DataLoader needs a tensor at least");
}

} // namespace
} // namespace kiln::runtime
