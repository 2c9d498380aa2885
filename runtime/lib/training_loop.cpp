// The loops of training and evaluation.
#include "training_loop.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "concat.h"
#include "services.h"

namespace kiln::runtime {

std::optional<int64_t> fixed_batch_size(const Function &function) {
  for (const Argument &input : function.inputs)
    if (!input.dims.empty() && input.dims.front().symbol < 0)
      return input.dims.front().value;
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Mini-batches
//===----------------------------------------------------------------------===//

namespace {

std::vector<Tensor> checked(Samples data) {
  std::string counts;
  bool differ = false;
  for (std::size_t i = 0; i < data.tensors.size(); ++i) {
    if (data.tensors[i].dim() == 0)
      return std::move(data.tensors); // which the loader refuses
    differ = differ || data.tensors[i].size(0) != data.tensors.front().size(0);
    counts += concat({"\n  ", data.names[i], ": ", data.tensors[i].size(0), " samples"});
  }
  if (differ)
    throw ValueError("Size mismatch between tensors" + counts);
  return std::move(data.tensors);
}

/// The elements as int64, a row after the other; undefined for what holds no numbers that could be a class or an index.
Tensor whole_numbers(const Tensor &tensor) {
  const bool may_be_index = is_integral(tensor.dtype()) && tensor.dtype() != DType::Bool && tensor.numel() > 0;
  return may_be_index ? tensor.to(DType::Int64).contiguous() : Tensor();
}

/// The row of a tensor that has the value in its place; -1 if the value is not of this tensor.
int64_t row_of(const Tensor &tensor, const ValueOutOfRange &error) {
  const Tensor numbers = tensor.numel() == error.count ? whole_numbers(tensor) : Tensor();
  if (!numbers.defined() || error.place < 0 || error.place >= error.count)
    return -1;
  const bool is_found = numbers.data<int64_t>()[error.place] == error.value;
  return is_found ? error.place / (numbers.numel() / numbers.size(0)) : -1;
}

/// The row that the value may be of, where it is of a tensor that was computed from this one, as many elements of each row: the
/// one at its place, or the only one, that has it. -1 if there is none.
int64_t likely_row_of(const Tensor &tensor, const ValueOutOfRange &error) {
  const Tensor numbers = whole_numbers(tensor);
  if (!numbers.defined() || error.count <= 0 || error.count % numbers.size(0) != 0)
    return -1;
  const int64_t rows = numbers.size(0), width = numbers.numel() / rows;
  const auto holds = [&](int64_t row) {
    const int64_t *begin = numbers.data<int64_t>() + row * width;
    return std::find(begin, begin + width, error.value) != begin + width;
  };
  const int64_t at_place = error.place / (error.count / rows);
  if (at_place >= 0 && at_place < rows && holds(at_place))
    return at_place;
  int64_t found = -1;
  for (int64_t row = 0; row < rows; ++row)
    if (holds(row)) {
      if (found >= 0)
        return -1;
      found = row;
    }
  return found;
}

} // namespace

BatchCalls::BatchCalls(const Model &model, const Function &function, Samples data, const DataLoaderOptions &options,
                       const char *pass)
    : context_(model), function_(function), names_(data.names), loader_(checked(std::move(data)), options), pass_(pass) {}

void BatchCalls::begin_epoch() {
  loader_.begin_epoch();
  number_ = 0;
}

std::span<const Tensor> BatchCalls::next() {
  ++number_;
  return loader_.next();
}

std::string BatchCalls::sample_of(const ValueOutOfRange &error, std::span<const Tensor> batch) const {
  const auto sample = [&](int64_t row, std::size_t input) {
    return concat({"sample ", loader_.sample(row), " (from 0) of ", names_[input]});
  };
  std::string text;
  for (std::size_t i = 0; i < batch.size(); ++i)
    if (const int64_t row = row_of(batch[i], error); row >= 0) // two inputs may have the same value in the same place
      text += (text.empty() ? "\n  found at " : ", or at ") + sample(row, i);
  for (std::size_t i = 0; i < batch.size() && text.empty(); ++i)
    if (const int64_t row = likely_row_of(batch[i], error); row >= 0)
      text = concat({"\n  ", sample(row, i), " holds the value ", error.value});
  return text;
}

std::span<const Tensor> BatchCalls::call(std::span<const Tensor> batch) {
  const int64_t rows = batch.front().sizes()[0];
  auto found = std::ranges::find(outputs_, rows, &Outputs::rows);
  if (found == outputs_.end()) {
    outputs_.push_back({rows, std::vector<Tensor>(function_.outputs.size())});
    found = outputs_.end() - 1;
  }
  const auto inputs = batch.first(function_.inputs.size());
  try {
    context_.call(function_.name, inputs, std::span<Tensor>(found->tensors));
  } catch (const IndexError &error) {
    const auto *value = dynamic_cast<const ValueOutOfRange *>(&error);
    throw IndexError(error.what() + (value ? sample_of(*value, inputs) : "") + "\n  in mini-batch " + std::to_string(number_) +
                     " of " + pass_);
  }
  return found->tensors;
}

namespace {

/// Batches of the size that was asked for; a function of a fixed size can't take a smaller one at the end.
DataLoaderOptions options_for(const Function &function, int64_t batch_size, bool shuffle, uint64_t seed, bool drop_last = false) {
  return {batch_size, shuffle, drop_last || fixed_batch_size(function).has_value(), seed};
}

/// A tensor's only element, without a copy for the usual types.
double number_of(const Tensor &tensor) {
  if (tensor.dtype() == DType::Float32)
    return static_cast<double>(*tensor.data<float>());
  return tensor.dtype() == DType::Float64 ? *tensor.data<double>() : tensor.to(DType::Float64).item<double>();
}

/// Throws the error that is being handled again, where a batch norm has only one sample with what to do about it. Compiled code and the
/// check of a call's sizes may both have found it, with PyTorch's text.
[[noreturn]] void rethrow_with_advice(const ValueError &error, const DataLoader &loader) {
  if (!std::string_view(error.what()).starts_with("Expected more than 1 value per channel when training"))
    throw;
  throw ValueError(concat({error.what(), "\n  a batch norm in training needs more than one sample in each mini-batch: ",
                           (loader.samples() == 1 ? "the data has only one"
                                                  : "give a --batch-size above 1, and --drop-last where one sample is left over")}));
}

/// Dtypes and sizes of a function's first output for a full batch, before any call. Throws what a call would throw.
std::vector<int64_t> first_output(Model &model, const Function &function, const DataLoader &loader, std::size_t inputs,
                                  int64_t batch_size) {
  if (loader.batches() == 0) {
    const std::string found = loader.samples() == 1 ? "there is 1 sample" : concat({"there are ", loader.samples(), " samples"});
    if (const auto fixed = fixed_batch_size(function))
      throw ValueError(concat({function.name, " is declared for batches of ", *fixed, ", and ", found}));
    throw ValueError(concat({"--drop-last leaves no mini-batch: ", found, ", fewer than --batch-size=", batch_size,
                             "\n  give a smaller --batch-size, or no --drop-last"}));
  }
  const std::vector<TensorView> views(loader.buffers().begin(), loader.buffers().begin() + static_cast<std::ptrdiff_t>(inputs));
  std::vector<std::vector<int64_t>> sizes;
  try {
    sizes = model.output_sizes(function.name, views);
  } catch (const ValueError &error) {
    rethrow_with_advice(error, loader);
  }
  if (sizes.empty() || !is_floating_point(function.outputs.front().dtype))
    return {-1};
  return sizes.front();
}

bool is_number(const std::vector<int64_t> &sizes) {
  return std::ranges::all_of(sizes, [](int64_t size) { return size == 1; });
}

} // namespace

//===----------------------------------------------------------------------===//
// Training
//===----------------------------------------------------------------------===//

Trainer::Trainer(Model &model, const Function &function, Samples inputs, int64_t batch_size, uint64_t seed, bool drop_last)
    : calls_(model, function, std::move(inputs), options_for(function, batch_size, /*shuffle=*/true, seed, drop_last),
             "the epoch"),
      batch_size_(batch_size) {
  if (!is_number(first_output(model, function, loader(), function.inputs.size(), batch_size)))
    throw ValueError(
        concat({function.name, ": the first output must be the loss, one floating-point number\n  ", function.declaration()}));
}

std::span<const Tensor> Trainer::call(std::span<const Tensor> batch) {
  const int64_t rows = batch.front().sizes()[0];
  try {
    return calls_.call(batch);
  } catch (const ValueError &error) {
    // A size that only this mini-batch has: where a statistic needs more than one sample, say.
    if (rows != batch_size_ && loader().samples() > batch_size_)
      throw ValueError(concat({error.what(), "\n  this is the epoch's last mini-batch, of ", rows,
                               (rows == 1 ? " sample (" : " samples ("), loader().samples(), " in batches of ", batch_size_,
                               "): leave it out with --drop-last, or give another --batch-size"}));
    rethrow_with_advice(error, loader());
  }
}

double Trainer::run_epoch(const std::function<void(int64_t, double)> &step) {
  double sum = 0;
  int64_t done = 0, steps = 0;
  diverged_at_.reset();
  calls_.begin_epoch();
  for (auto batch = calls_.next(); !batch.empty(); batch = calls_.next()) {
    const int64_t rows = batch.front().sizes()[0];
    const double loss = number_of(call(batch).front());
    ++steps;
    if (!std::isfinite(loss) && !diverged_at_)
      diverged_at_ = steps;
    sum += loss * static_cast<double>(rows);
    done += rows;
    step(done, sum / static_cast<double>(done));
  }
  return sum / static_cast<double>(done);
}

//===----------------------------------------------------------------------===//
// Evaluation
//===----------------------------------------------------------------------===//

namespace {

Samples with_wide_labels(Samples data, bool has_labels) {
  if (has_labels)
    data.tensors.back() = data.tensors.back().to(DType::Int64);
  return data;
}

/// How many rows of scores [N, C] are largest at their label; of equal scores the first counts, as in torch.argmax.
template <class T> int64_t count_hits(const Tensor &scores, const int64_t *labels) {
  const int64_t rows = scores.sizes()[0], classes = scores.sizes()[1];
  const T *row = scores.data<T>();
  int64_t hits = 0;
  for (int64_t i = 0; i < rows; ++i, row += classes)
    hits += std::max_element(row, row + classes) - row == labels[i];
  return hits;
}

int64_t hits_in(const Tensor &scores, const Tensor &labels) {
  if (scores.dtype() == DType::Float32)
    return count_hits<float>(scores, labels.data<int64_t>());
  return count_hits<double>(scores.to(DType::Float64), labels.data<int64_t>());
}

} // namespace

Evaluator::Evaluator(Model &model, const Function &function, Samples data, bool has_labels, int64_t batch_size)
    : function_(function), has_labels_(has_labels),
      calls_(model, function, with_wide_labels(std::move(data), has_labels),
             options_for(function, batch_size, /*shuffle=*/false, 0), "the evaluation") {
  const auto sizes = first_output(model, function, calls_.loader(), function.inputs.size(), batch_size);
  if (has_labels_ && (sizes.size() != 2 || sizes[1] < 1 || sizes[0] != calls_.loader().buffers().front().sizes()[0]))
    throw ValueError(
        concat({function.name, ": labels are given, so the first output must be scores [N, C]\n  ", function.declaration()}));
  if (!has_labels_ && !is_number(sizes))
    throw ValueError(
        concat({function.name, ": the first output must be one floating-point number, or scores [N, C] with labels given\n  ",
                function.declaration(), sizes.size() == 2 ? "\n  give the labels too: --eval-input=NAME=FILE, NAME as in training" : ""}));
}

std::string Evaluator::run() {
  double sum = 0;
  int64_t hits = 0, done = 0;
  calls_.begin_epoch();
  for (auto batch = calls_.next(); !batch.empty(); batch = calls_.next()) {
    const Tensor &output = calls_.call(batch).front();
    const int64_t rows = batch.front().sizes()[0];
    if (has_labels_)
      hits += hits_in(output, batch.back());
    else
      sum += number_of(output) * static_cast<double>(rows);
    done += rows;
  }
  char text[64];
  if (has_labels_)
    std::snprintf(text, sizeof text, "accuracy %.2f %%", 100.0 * static_cast<double>(hits) / static_cast<double>(done));
  else
    std::snprintf(text, sizeof text, " %.6f", sum / static_cast<double>(done));
  return has_labels_ ? text : std::string(function_.name) + text;
}

} // namespace kiln::runtime
