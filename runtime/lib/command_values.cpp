// Reading and describing the tensors of a command line.
#include "kiln/runtime/command_values.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <numeric>
#include <random>

#include "concat.h"
#include "kiln/runtime/files.h"
#include "torch_pickle.h"

namespace kiln::runtime {

namespace {

/// "32x784" as sizes; "" as none.
std::vector<int64_t> parse_sizes(const std::string &text, std::string_view sizes) {
  std::vector<int64_t> result;
  const char *place = sizes.data(), *end = place + sizes.size();
  while (place != end) {
    int64_t size = 0;
    const auto [stop, status] = std::from_chars(place, end, size);
    const bool more = status == std::errc() && stop != end && *stop == 'x' && stop + 1 != end;
    if (status != std::errc() || size < 0 || (stop != end && !more))
      throw UsageError(concat({"'", text, "': expected sizes such as 32x784 after the colon"}));
    result.push_back(size);
    place = more ? stop + 1 : stop;
  }
  return result;
}

/// The same values everywhere: the generator is standardised, the standard library's distributions are not.
Tensor random_tensor(std::vector<int64_t> sizes, DType dtype, std::size_t seed) {
  std::mt19937 generator(static_cast<std::mt19937::result_type>(seed));
  Tensor result(std::move(sizes), DType::Float64);
  for (double &value : std::span(result.data<double>(), static_cast<std::size_t>(result.numel()))) {
    const uint32_t bits = generator();
    if (is_floating_point(dtype))
      value = static_cast<double>(bits >> 8) * 0x1p-24;
    else
      value = dtype == DType::Bool ? bits % 2 : bits % 10;
  }
  return result.to(dtype);
}

StateDict load_inputs(const std::string &path) {
  try {
    return load(path);
  } catch (const CheckpointGiven &error) {
    throw Error(concat({error.what(), "\n  an input is a tensor of a state_dict or of a .safetensors file, or a .npy file; from a "
                                      "checkpoint save it by itself"}));
  }
}

Tensor pick_tensor(const std::string &path, const std::string &name) {
  if (path.ends_with(".npy")) {
    if (!name.empty())
      throw UsageError(concat({"'", path, ":", name, "': a .npy file holds one tensor, without a name"}));
    return load_npy(path);
  }
  const StateDict tensors = load_inputs(path);
  auto names = [&] {
    std::string list;
    for (const auto &[key, tensor] : tensors)
      list += (list.empty() ? "" : ", ") + key;
    return list.empty() ? std::string("no tensors") : list;
  };
  if (name.empty()) {
    if (tensors.size() != 1)
      throw FileError(path, "", concat({"holds several tensors: name one, as in ", path, ":NAME\n  it holds ", names()}));
    return tensors.begin()->second;
  }
  const Tensor *tensor = tensors.find(name);
  if (tensor == nullptr)
    throw FileError(path, name, "there is no such tensor\n  the file holds " + names());
  return *tensor;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

/// A value as it is stored: integers in full, floats to six digits.
std::string value_text(const Tensor &exact, int64_t index) {
  if (exact.dtype() == DType::Int64)
    return std::to_string(exact.data<int64_t>()[index]);
  return number(exact.data<double>()[index]);
}

} // namespace

Tensor read_input(const std::string &text, const Argument &argument, std::size_t position) {
  if (const bool zeros = text.starts_with("zeros:"); zeros || text.starts_with("random:")) {
    std::vector<int64_t> sizes = parse_sizes(text, std::string_view(text).substr(text.find(':') + 1));
    try {
      return zeros ? Tensor(std::move(sizes), argument.dtype) : random_tensor(std::move(sizes), argument.dtype, position);
    } catch (const Error &error) { // more than there can be, or than this machine has
      throw ValueError(concat({"input '", argument.name, "', ", text, ": ", error.what()}));
    }
  }
  const std::size_t colon = text.rfind(':');
  std::error_code ignored;
  if (colon == std::string::npos || std::filesystem::exists(text, ignored))
    return pick_tensor(text, "");
  return pick_tensor(text.substr(0, colon), text.substr(colon + 1));
}

std::string describe(std::string_view name, const Tensor &tensor) {
  std::string text = concat({name, ": ", runtime::name(tensor.dtype()), " ", tensor.shape_text()});
  const int64_t count = tensor.numel();
  if (count == 0)
    return text + ", no elements\n";
  // Integers keep all their digits; both forms keep their order, so one comparison serves.
  const Tensor exact = tensor.contiguous().to(is_integral(tensor.dtype()) ? DType::Int64 : DType::Float64);
  const Tensor real = exact.to(DType::Float64);
  const std::span values(real.data<double>(), static_cast<std::size_t>(count));
  std::string least, greatest;
  if (std::any_of(values.begin(), values.end(), [](double value) { return std::isnan(value); })) {
    least = greatest = "nan";
  } else {
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    least = value_text(exact, low - values.begin());
    greatest = value_text(exact, high - values.begin());
  }
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(count);
  text += concat({", min ", least, ", max ", greatest, ", mean ", number(mean), "\n  "});
  constexpr int64_t kShown = 10;
  for (int64_t i = 0; i < std::min(count, kShown); ++i)
    text += (i == 0 ? "" : ", ") + value_text(exact, i);
  return text + (count > kShown ? ", ...\n" : "\n");
}

} // namespace kiln::runtime
