// Calling a function batch by batch: epochs of training, and evaluation. Internal.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "kiln/runtime/data_loader.h"
#include "kiln/runtime/model.h"

namespace kiln::runtime {

class ValueOutOfRange;

/// The batch size that a function's inputs are declared with, as a number; none when it is a name.
std::optional<int64_t> fixed_batch_size(const Function &function);

/// Tensors of one sample a row, and what messages call them: "input 'y' (labels.npy)".
struct Samples {
  std::vector<Tensor> tensors;
  std::vector<std::string> names;

  void add(Tensor tensor, std::string name) {
    tensors.push_back(std::move(tensor));
    names.push_back(std::move(name));
  }
};

/// Calls of one function with the mini-batches of a data set. Outputs are allocated by the first call of each size.
class BatchCalls {
public:
  /// `pass`: what messages call once through the samples. Throws ValueError for tensors that have different numbers of samples.
  BatchCalls(const Model &model, const Function &function, Samples data, const DataLoaderOptions &options, const char *pass);
  DataLoader &loader() { return loader_; }
  void begin_epoch();
  /// The next mini-batch, as DataLoader's.
  std::span<const Tensor> next();
  /// Calls the function with as many of the batch's tensors as it has inputs. Where a value is out of range, the error says which
  /// sample of which file has it, as far as that can be told, and in which mini-batch.
  std::span<const Tensor> call(std::span<const Tensor> batch);

private:
  std::string sample_of(const ValueOutOfRange &error, std::span<const Tensor> batch) const;

  Context context_;
  const Function &function_;
  std::vector<std::string> names_; // of the loader's tensors
  DataLoader loader_;
  const char *pass_;
  int64_t number_ = 0; // of the mini-batch in the pass, from 1
  struct Outputs {
    int64_t rows;
    std::vector<Tensor> tensors;
  };
  std::vector<Outputs> outputs_; // of the full size, and of the last batch
};

/// Epochs of a function whose first output is the loss.
class Trainer {
public:
  /// `inputs` are the function's; with `drop_last` an epoch's last batch is left out where it is smaller. Throws ValueError or
  /// TypeError, as a call does, when they don't fit.
  Trainer(Model &model, const Function &function, Samples inputs, int64_t batch_size, uint64_t seed, bool drop_last = false);

  DataLoader &loader() { return calls_.loader(); }
  /// One epoch; returns the mean of the loss over its samples. `step` hears after each batch how many samples are done, and the mean
  /// until then.
  double run_epoch(const std::function<void(int64_t done, double loss)> &step);
  /// The first step of the last epoch, counted from 1, whose loss was infinite or no number.
  std::optional<int64_t> diverged_at() const { return diverged_at_; }

private:
  std::span<const Tensor> call(std::span<const Tensor> batch);

  BatchCalls calls_;
  int64_t batch_size_;
  std::optional<int64_t> diverged_at_;
};

/// Calls a function on a whole data set and judges what comes out.
class Evaluator {
public:
  /// `data` are the function's inputs and, last, with `has_labels`, integers [N]: tells the accuracy of the first output's [N, C]
  /// scores then, else the mean of the first output, which is one number.
  Evaluator(Model &model, const Function &function, Samples data, bool has_labels, int64_t batch_size);

  /// "accuracy 97.12 %", or "<function> 0.0123".
  std::string run();

private:
  const Function &function_;
  bool has_labels_;
  BatchCalls calls_;
};

} // namespace kiln::runtime
