// repr(tensor): PyTorch's formatting rules (torch/_tensor_str.py) with its default print options.
//
// All shown elements decide together: integers or floats that are all whole print with no decimals, a wide range of magnitudes
// switches to scientific notation, and everything is padded to one width. More than 1000 elements are summarised by their edges.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ostream>

#include "kiln/tensor.h"
#include "python_text.h"
#include "recorder.h"
#include "tensor_impl.h"

namespace kiln {

namespace {

constexpr int kPrecision = 4;
constexpr int64_t kThreshold = 1000, kEdgeItems = 3;
constexpr std::size_t kLineWidth = 80;

std::string printed(const char *format, int precision, double value) {
  char buffer[400]; // a double has at most 309 digits before the point
  std::snprintf(buffer, sizeof(buffer), format, precision, value);
  return buffer;
}

// How numbers are written: decided from all shown elements.
class Formatter {
public:
  Formatter(const std::vector<double> &values, DType dtype)
      : floating_(runtime::is_floating_point(dtype)), boolean_(dtype == DType::Bool) {
    std::vector<double> deciding; // floating-point: only finite values other than zero have a say
    for (double value : values)
      if (!floating_ || (std::isfinite(value) && value != 0))
        deciding.push_back(value);
    if (floating_ && !deciding.empty()) {
      double least = std::fabs(deciding[0]), most = least;
      for (double value : deciding) {
        least = std::min(least, std::fabs(value));
        most = std::max(most, std::fabs(value));
        whole_ = whole_ && value == std::ceil(value);
      }
      scientific_ = most / least > 1000 || most > 1e8 || least < 1e-4;
    }
    for (double value : deciding)
      width_ = std::max(width_, text(value).size());
  }

  std::string padded(double value) const {
    const std::string result = text(value);
    return std::string(width_ > result.size() ? width_ - result.size() : 0, ' ') + result;
  }
  std::size_t width() const { return width_; }

private:
  std::string text(double value) const {
    if (boolean_)
      return value != 0 ? "True" : "False";
    if (!floating_)
      return std::to_string(static_cast<int64_t>(value));
    if (!std::isfinite(value))
      return std::isnan(value) ? "nan" : (value < 0 ? "-inf" : "inf");
    if (scientific_)
      return printed("%.*e", kPrecision, value);
    return whole_ ? printed("%.*f", 0, value) + "." : printed("%.*f", kPrecision, value);
  }

  bool floating_, boolean_, whole_ = true, scientific_ = false;
  std::size_t width_ = 1;
};

// The elements that are shown, as a flat list.
void shown_values(const runtime::Tensor &tensor, bool summarize, std::vector<double> &values) {
  if (tensor.dim() == 0) {
    values.push_back(*tensor.to(DType::Float64).data<double>());
    return;
  }
  const int64_t size = tensor.size(0);
  for (int64_t i = 0; i < size; ++i) {
    if (summarize && size > 2 * kEdgeItems && i == kEdgeItems)
      i = size - kEdgeItems;
    shown_values(tensor.select(0, i), summarize, values);
  }
}

std::string rows_text(const runtime::Tensor &tensor, std::size_t indent, bool summarize, const Formatter &formatter) {
  if (tensor.dim() == 0)
    return formatter.padded(*tensor.to(DType::Float64).data<double>());
  const int64_t size = tensor.size(0);
  std::vector<std::string> parts;
  for (int64_t i = 0; i < size; ++i) {
    if (summarize && size > 2 * kEdgeItems && i == kEdgeItems) {
      parts.push_back(tensor.dim() == 1 ? " ..." : "...");
      i = size - kEdgeItems;
    }
    parts.push_back(rows_text(tensor.select(0, i), indent + 1, summarize, formatter));
  }
  std::string text = "[";
  if (tensor.dim() == 1) {
    const std::size_t element = formatter.width() + 2;
    const std::size_t per_line = std::max<std::size_t>(1, (kLineWidth - std::min(kLineWidth, indent)) / element);
    for (std::size_t i = 0; i < parts.size(); ++i)
      text += (i == 0 ? "" : (i % per_line == 0 ? ",\n" + std::string(indent + 1, ' ') : ", ")) + parts[i];
  } else {
    const std::string separator =
        "," + std::string(static_cast<std::size_t>(tensor.dim() - 1), '\n') + std::string(indent + 1, ' ');
    for (std::size_t i = 0; i < parts.size(); ++i)
      text += (i == 0 ? "" : separator) + parts[i];
  }
  return text + "]";
}

} // namespace

std::string Tensor::text() const {
  const auto impl = detail::TensorAccess::impl(*this);
  if (!impl)
    return "None";
  if (impl->uninitialized)
    return impl->is_buffer ? "<UninitializedBuffer>" : "<UninitializedParameter>";
  const DType type = dtype();
  if (impl->symbolic)
    return "tensor(..., size=" + detail::sizes_text(sizes()) + ", dtype=torch." + std::string(runtime::name(type)) +
           ", symbolic)";
  std::vector<std::string> suffixes;
  const bool natural = type == DType::Float32 || type == DType::Int64 || type == DType::Bool;
  std::string body;
  if (numel() == 0) {
    body = "[]";
    if (dim() != 1)
      suffixes.push_back("size=" + detail::tuple_text(sizes()));
    if (type != DType::Float32)
      suffixes.push_back("dtype=torch." + std::string(runtime::name(type)));
  } else {
    const bool summarize = numel() > kThreshold;
    std::vector<double> values;
    shown_values(impl->value, summarize, values);
    body = rows_text(impl->value, 7, summarize, Formatter(values, type)); // 7: behind "tensor("
    if (!natural)
      suffixes.push_back("dtype=torch." + std::string(runtime::name(type)));
  }
  if (impl->requires_grad)
    suffixes.push_back("requires_grad=True");
  // A suffix that does not fit behind the last line goes to a line of its own.
  std::string text = "tensor(" + body;
  const std::size_t line_end = text.rfind('\n');
  std::size_t last_line = text.size() + 2 - (line_end == std::string::npos ? 0 : line_end + 1);
  for (const std::string &suffix : suffixes) {
    if (last_line + suffix.size() + 2 > kLineWidth) {
      text += ",\n       " + suffix;
      last_line = 7 + suffix.size();
    } else {
      text += ", " + suffix;
      last_line += suffix.size() + 2;
    }
  }
  return text + ")";
}

std::ostream &operator<<(std::ostream &stream, const Tensor &tensor) { return stream << tensor.text(); }

} // namespace kiln
