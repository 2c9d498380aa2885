// Orders and gathering of mini-batches.
//
// PyTorch's order, of which the three draws of an epoch are part: DataLoader takes a seed for its workers, 64 bits; RandomSampler
// takes a permutation; and when that is used up, another one, of which it takes no element.
#include "kiln/runtime/data_loader.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>
#include <sstream>

#include "concat.h"

namespace kiln::runtime {

namespace {

/// From so many elements on torch.randperm draws two words for each.
constexpr int64_t kWide = std::numeric_limits<uint32_t>::max() / 20;

} // namespace

DataLoader::DataLoader(std::vector<Tensor> tensors, const DataLoaderOptions &options)
    : options_(options), generator_(static_cast<uint32_t>(options.seed)) {
  if (options.batch_size <= 0)
    throw ValueError("batch_size should be a positive integer value, but got batch_size=" + std::to_string(options.batch_size));
  if (tensors.empty())
    throw ValueError("a DataLoader needs a tensor at least");
  for (const Tensor &tensor : tensors) {
    if (!tensor.defined() || tensor.dim() == 0)
      throw ValueError("a DataLoader's tensors need a dimension of samples, found " +
                       std::string(tensor.defined() ? "a scalar" : "an undefined tensor"));
    if (tensor.size(0) != tensors.front().size(0))
      throw ValueError(
          concat({"Size mismatch between tensors\n  they have ", tensors.front().size(0), " and ", tensor.size(0), " samples"}));
    tensors_.push_back(tensor.contiguous());
  }
  samples_ = tensors_.front().size(0);
  if (samples_ == 0)
    throw ValueError("num_samples should be a positive integer value, but got num_samples=0");
  const int64_t rows = std::min(options.batch_size, samples_), rest = samples_ % rows;
  for (const Tensor &tensor : tensors_) {
    std::vector<int64_t> sizes(tensor.sizes().begin(), tensor.sizes().end());
    sizes[0] = rows;
    batch_.emplace_back(std::move(sizes), tensor.dtype());
    tail_.push_back(batch_.back().slice(0, 0, rest, 1));
  }
  if (options.shuffle) {
    order_.resize(static_cast<std::size_t>(samples_));
    std::iota(order_.begin(), order_.end(), int64_t{0});
  }
  position_ = samples_;
}

int64_t DataLoader::batches() const {
  return options_.drop_last ? samples_ / options_.batch_size : (samples_ - 1) / options_.batch_size + 1;
}

void DataLoader::begin_epoch() {
  position_ = 0;
  if (!options_.shuffle)
    return;
  generator_.discard(2);
  // torch.randperm. The remainder's bias is PyTorch's too.
  std::iota(order_.begin(), order_.end(), int64_t{0});
  for (int64_t i = 0; i + 1 < samples_; ++i) {
    uint64_t drawn = generator_();
    if (samples_ >= kWide)
      drawn = drawn << 32 | generator_();
    std::swap(order_[static_cast<std::size_t>(i)], order_[static_cast<std::size_t>(i) + drawn % static_cast<uint64_t>(samples_ - i)]);
  }
}

void DataLoader::skip_permutation() {
  generator_.discard(static_cast<unsigned long long>((samples_ - 1) * (samples_ >= kWide ? 2 : 1)));
}

std::span<const Tensor> DataLoader::next() {
  if (position_ == samples_)
    return {};
  const int64_t rest = samples_ - position_;
  const bool is_tail = rest < options_.batch_size && rest < samples_;
  const bool is_dropped = rest < options_.batch_size && options_.drop_last;
  const std::vector<Tensor> &batch = is_tail ? tail_ : batch_;
  const int64_t rows = is_dropped ? 0 : batch.front().sizes()[0];
  begin_ = position_;
  for (std::size_t t = 0; t < tensors_.size(); ++t) {
    const auto row_bytes = tensors_[t].nbytes() / static_cast<std::size_t>(samples_);
    const auto *source = static_cast<const std::byte *>(tensors_[t].data());
    auto *target = static_cast<std::byte *>(batch[t].data());
    for (int64_t row = 0; row < rows; ++row) {
      const auto sample = static_cast<std::size_t>(this->sample(row));
      std::memcpy(target + static_cast<std::size_t>(row) * row_bytes, source + sample * row_bytes, row_bytes);
    }
  }
  position_ = is_dropped ? samples_ : position_ + rows;
  if (position_ == samples_ && options_.shuffle)
    skip_permutation();
  return is_dropped ? std::span<const Tensor>() : std::span<const Tensor>(batch);
}

std::string DataLoader::generator_state() const {
  std::ostringstream text;
  text << generator_;
  return text.str();
}

void DataLoader::set_generator_state(const std::string &state) {
  std::istringstream text(state);
  std::mt19937 generator;
  if (!(text >> generator) || text.peek() != std::istringstream::traits_type::eof())
    throw ValueError("the state of the shuffled order is none");
  generator_ = generator;
}

} // namespace kiln::runtime
