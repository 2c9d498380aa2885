// tensor-tool: what end-to-end tests need to make and judge files of tensors.
//
//   tensor-tool compare ACTUAL EXPECTED --tolerance=R   max|a - e| <= R * max|e|, of the first rows where EXPECTED has more
//   tensor-tool within ACTUAL EXPECTED ALLOWED          |a - e| <= allowed, element by element; ALLOWED: a tensor, or --relative=R
//   tensor-tool equal ACTUAL EXPECTED                   the same dtype, sizes and bits
//   tensor-tool accuracy SCORES LABELS                  per cent of rows whose largest score is at the label
//   tensor-tool head ROWS INPUT OUTPUT.npy              the first rows of INPUT
//   tensor-tool scale FACTOR INPUT OUTPUT.safetensors   every floating-point tensor of a state_dict times FACTOR
//   tensor-tool same-keys A B                           two state_dicts with the same names in the same order
//
// A tensor is FILE.npy, or FILE:NAME for a tensor in a .safetensors or .pt file. Exit status 1 when the answer is no, 2 for a
// wrong command line.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "kiln/runtime/files.h"
#include "kiln/runtime/tensor.h"

using namespace kiln::runtime;

namespace {

Tensor read(const std::string &text) {
  if (text.ends_with(".npy"))
    return load_npy(text);
  const std::size_t colon = text.rfind(':');
  if (colon != std::string::npos)
    return load(text.substr(0, colon)).at(text.substr(colon + 1));
  const StateDict all = load(text);
  if (all.size() != 1)
    throw Error(text + ": holds " + std::to_string(all.size()) + " tensors; name one with FILE:NAME");
  return all.begin()->second;
}

int compare(const std::string &actual_path, const std::string &expected_path, double tolerance) {
  Tensor actual = read(actual_path).to(DType::Float64).contiguous(),
         expected = read(expected_path).to(DType::Float64).contiguous();
  if (expected.dim() > 0 && actual.dim() == expected.dim() && actual.size(0) < expected.size(0))
    expected = expected.slice(0, 0, actual.size(0), 1).contiguous();
  if (!std::ranges::equal(actual.sizes(), expected.sizes())) {
    std::printf("sizes %s, expected %s\n", actual.shape_text().c_str(), expected.shape_text().c_str());
    return 1;
  }
  double difference = 0, largest = 0;
  bool finite = true;
  for (int64_t i = 0; i < actual.numel(); ++i) {
    const double a = actual.data<double>()[i], e = expected.data<double>()[i];
    finite &= std::isfinite(a) && std::isfinite(e);
    difference = std::max(difference, std::abs(a - e));
    largest = std::max(largest, std::abs(e));
  }
  const double relative = largest > 0 ? difference / largest : difference;
  const bool passes = finite && relative <= tolerance;
  std::printf("%s: max|a - e| = %.3g max|e|, allowed %.3g, %s%s\n", actual.shape_text().c_str(), relative, tolerance,
              finite ? "" : "not finite, ", passes ? "close" : "too far");
  return passes ? 0 : 1;
}

int within(const std::string &actual_path, const std::string &expected_path, const std::string &allowed_text) {
  const Tensor actual = read(actual_path).to(DType::Float64).contiguous(),
               expected = read(expected_path).to(DType::Float64).contiguous();
  const std::string relative = "--relative=";
  const bool is_relative = allowed_text.starts_with(relative);
  const Tensor allowed = is_relative ? expected : read(allowed_text).to(DType::Float64).contiguous();
  const double factor = is_relative ? std::stod(allowed_text.substr(relative.size())) : 1;
  if (!std::ranges::equal(actual.sizes(), expected.sizes()) || !std::ranges::equal(actual.sizes(), allowed.sizes())) {
    std::printf("sizes %s, expected %s\n", actual.shape_text().c_str(), expected.shape_text().c_str());
    return 1;
  }
  double worst = 0;
  for (int64_t i = 0; i < actual.numel(); ++i) {
    const double a = actual.data<double>()[i], e = expected.data<double>()[i];
    const double bound = factor * std::abs(allowed.data<double>()[i]);
    if (!(std::abs(a - e) <= bound)) { // NaN is not within anything
      std::printf("element %lld: %.17g, expected %.17g; differs by %.3g, allowed %.3g\n", static_cast<long long>(i), a, e,
                  std::abs(a - e), bound);
      return 1;
    }
    worst = std::max(worst, bound > 0 ? std::abs(a - e) / bound : 0);
  }
  std::printf("%s: at most %.3g of what is allowed\n", actual.shape_text().c_str(), worst);
  return 0;
}

int equal(const std::string &actual_path, const std::string &expected_path) {
  const Tensor actual = read(actual_path).contiguous(), expected = read(expected_path).contiguous();
  const bool same = actual.dtype() == expected.dtype() && std::ranges::equal(actual.sizes(), expected.sizes()) &&
                    (actual.nbytes() == 0 || std::memcmp(actual.data(), expected.data(), actual.nbytes()) == 0);
  std::printf("%s\n", same ? "equal" : "different");
  return same ? 0 : 1;
}

int accuracy(const std::string &scores_path, const std::string &labels_path) {
  const Tensor scores = read(scores_path).to(DType::Float64).contiguous(),
               labels = read(labels_path).to(DType::Int64).contiguous();
  int64_t right = 0;
  const int64_t rows = scores.size(0), classes = scores.size(1);
  for (int64_t row = 0; row < rows; ++row) {
    const double *begin = scores.data<double>() + row * classes;
    right += std::max_element(begin, begin + classes) - begin == labels.data<int64_t>()[row];
  }
  std::printf("%.2f %%\n", rows ? 100.0 * right / rows : 0.0);
  return 0;
}

int head(int64_t rows, const std::string &input, const std::string &output) {
  save_npy(output, read(input).slice(0, 0, rows, 1).contiguous());
  return 0;
}

int scale(double factor, const std::string &input, const std::string &output) {
  StateDict scaled;
  for (const auto &[name, tensor] : load(input)) {
    Tensor copy = tensor.clone();
    if (copy.dtype() == DType::Float32)
      for (int64_t i = 0; i < copy.numel(); ++i)
        copy.data<float>()[i] *= static_cast<float>(factor);
    scaled.insert(name, copy);
  }
  save_safetensors(output, scaled);
  return 0;
}

int same_keys(const std::string &a, const std::string &b) {
  const auto left = load(a).keys(), right = load(b).keys();
  for (const auto &key : left == right ? std::vector<std::string>() : left)
    std::printf("%s\n", key.c_str());
  return left == right ? 0 : 1;
}

int run(const std::vector<std::string> &words) {
  const std::string command = words.empty() ? "" : words[0];
  const std::string tolerance = "--tolerance=";
  if (command == "compare" && words.size() == 4 && words[3].starts_with(tolerance))
    return compare(words[1], words[2], std::stod(words[3].substr(tolerance.size())));
  if (command == "within" && words.size() == 4)
    return within(words[1], words[2], words[3]);
  if (command == "equal" && words.size() == 3)
    return equal(words[1], words[2]);
  if (command == "accuracy" && words.size() == 3)
    return accuracy(words[1], words[2]);
  if (command == "head" && words.size() == 4)
    return head(std::stoll(words[1]), words[2], words[3]);
  if (command == "scale" && words.size() == 4)
    return scale(std::stod(words[1]), words[2], words[3]);
  if (command == "same-keys" && words.size() == 3)
    return same_keys(words[1], words[2]);
  std::fprintf(stderr, "usage: tensor-tool compare|within|equal|accuracy|head|scale|same-keys ...\n");
  return 2;
}

} // namespace

int main(int argc, char **argv) {
  try {
    return run(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
