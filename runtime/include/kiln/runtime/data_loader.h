// DataLoader: mini-batches of tensors that hold one sample a row.
//
// Batches are gathered into buffers that are used again: nothing is allocated after construction. The order of a shuffled loader is
// that of PyTorch's torch.utils.data.DataLoader(TensorDataset(...), shuffle=True, generator=torch.Generator().manual_seed(seed)),
// epoch by epoch.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "kiln/runtime/export.h"
#include "kiln/runtime/tensor.h"

namespace kiln::runtime {

struct DataLoaderOptions {
  int64_t batch_size = 1;
  bool shuffle = false;
  bool drop_last = false; ///< leave out a last batch that is smaller
  uint64_t seed = 0;      ///< of the order; its low 32 bits count, as in PyTorch
};

class KILN_API DataLoader {
public:
  /// `tensors` have one size in dimension 0, the number of samples. Throws ValueError with PyTorch's texts for tensors or options
  /// that make no sense.
  DataLoader(std::vector<Tensor> tensors, const DataLoaderOptions &options);

  int64_t samples() const { return samples_; }
  /// In an epoch.
  int64_t batches() const;

  /// Goes to the start of the data; a shuffled loader draws a new order.
  void begin_epoch();
  /// The next mini-batch, one tensor for each of the loader's, [rows, ...]; empty at the epoch's end. Its memory is the loader's and
  /// holds until the next call.
  std::span<const Tensor> next();
  /// The place in the data of a row of the batch that next() returned last.
  int64_t sample(int64_t row) const {
    const int64_t at = begin_ + row;
    return order_.empty() ? at : order_[static_cast<std::size_t>(at)];
  }
  /// The tensors that hold batches of full size; zeros before the first.
  std::span<const Tensor> buffers() const { return batch_; }

  /// Where the generator of the orders stands, as text; setting it makes the loader go on from there. Throws ValueError for text that
  /// is no state.
  std::string generator_state() const;
  void set_generator_state(const std::string &state);

private:
  void skip_permutation();

  std::vector<Tensor> tensors_;      // contiguous
  std::vector<Tensor> batch_, tail_; // of full size, and the smaller last one in the same memory
  int64_t samples_ = 0, position_ = 0;
  int64_t begin_ = 0; // of the batch that next() returned last
  DataLoaderOptions options_;
  std::mt19937 generator_;
  std::vector<int64_t> order_; // empty when not shuffled
};

} // namespace kiln::runtime
