// Calling a function batch by batch: epochs of training, and evaluation. Internal.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "kiln/runtime/data_loader.h"
#include "kiln/runtime/model.h"

namespace kiln::runtime {

/// The batch size that a function's inputs are declared with, as a number; none when it is a name.
std::optional<int64_t> fixed_batch_size(const Function &function);

/// Calls of one function with the batches of a loader. Outputs are allocated by the first call of each size.
class BatchCalls {
public:
  BatchCalls(const Model &model, const Function &function) : context_(model), function_(function) {}
  std::span<const Tensor> call(std::span<const Tensor> inputs);

private:
  Context context_;
  const Function &function_;
  struct Outputs {
    int64_t rows;
    std::vector<Tensor> tensors;
  };
  std::vector<Outputs> outputs_; // of the full size, and of the last batch
};

/// Epochs of a function whose first output is the loss.
class Trainer {
public:
  /// `inputs` are the function's, one sample a row; with `drop_last` an epoch's last batch is left out where it is smaller. Throws ValueError or TypeError, as a call does, when they don't fit.
  Trainer(Model &model, const Function &function, std::vector<Tensor> inputs, int64_t batch_size, uint64_t seed,
          bool drop_last = false);

  DataLoader &loader() { return loader_; }
  /// One epoch; returns the mean of the loss over its samples. `step` hears after each batch how many samples are done, and the mean
  /// until then.
  double run_epoch(const std::function<void(int64_t done, double loss)> &step);
  /// The first step of the last epoch, counted from 1, whose loss was infinite or no number.
  std::optional<int64_t> diverged_at() const { return diverged_at_; }

private:
  std::span<const Tensor> call(std::span<const Tensor> batch);

  BatchCalls calls_;
  DataLoader loader_;
  int64_t batch_size_;
  std::optional<int64_t> diverged_at_;
};

/// Calls a function on a whole data set and judges what comes out.
class Evaluator {
public:
  /// With `labels`, integers [N]: tells the accuracy of the first output's [N, C] scores; an undefined tensor: the mean of the first
  /// output, which is one number then.
  Evaluator(Model &model, const Function &function, std::vector<Tensor> inputs, Tensor labels, int64_t batch_size);

  /// "accuracy 97.12 %", or "<function> 0.0123".
  std::string run();

private:
  const Function &function_;
  bool has_labels_;
  BatchCalls calls_;
  DataLoader loader_; // of the inputs and, last, the labels
};

} // namespace kiln::runtime
