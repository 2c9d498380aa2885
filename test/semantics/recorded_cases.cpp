// Reader of the recorded cases in test/data/semantics and the comparison of tensors.
#include "recorded_cases.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>

#include "kiln/runtime/files.h"

namespace kiln::semantics::test {

namespace {

const std::string kFolder = std::string(KILN_TEST_DATA) + "/semantics/";

template <class T> std::vector<T> parse_list(std::string text) {
  std::vector<T> values;
  std::istringstream in(text.substr(1, text.size() - 2)); // without the brackets
  for (std::string item; std::getline(in, item, ',');)
    values.push_back(T(std::stoll(item)));
  return values;
}

DType parse_dtype(const std::string &name) {
  for (int i = 0; i <= static_cast<int>(DType::Float64); ++i)
    if (runtime::name(static_cast<DType>(i)) == name)
      return static_cast<DType>(i);
  throw runtime::KeyError("no dtype " + name);
}

// "t5 [2,3] [3,1] 0": sizes, strides and offset of a view of a recorded storage.
Tensor parse_tensor(std::istringstream &in, const runtime::StateDict &storages) {
  std::string name, sizes, strides;
  int64_t offset = 0;
  in >> name;
  if (name == "-")
    return {};
  in >> sizes >> strides >> offset;
  const Tensor &base = storages.at(name);
  return Tensor(base.storage(), parse_list<int64_t>(sizes), parse_list<int64_t>(strides),
                base.offset() + offset, base.dtype());
}

Attribute parse_attribute(std::istringstream &in, const runtime::StateDict &storages) {
  std::string kind, text;
  in >> kind;
  if (kind == "tensor")
    return parse_tensor(in, storages);
  in >> text;
  if (kind == "bool")
    return text == "true";
  if (kind == "str")
    return text;
  if (kind == "i64")
    return static_cast<int64_t>(std::stoll(text));
  if (kind == "f64")
    return std::stod(text);
  if (kind == "dim")
    return DimExpr(std::stoll(text));
  if (kind == "dims")
    return parse_list<DimExpr>(text);
  if (kind == "i64s")
    return parse_list<int64_t>(text);
  if (kind == "dtype")
    return parse_dtype(text);
  throw runtime::KeyError("no attribute kind " + kind);
}

void read_into(std::vector<RecordedCase> &cases, const std::string &name) {
  const runtime::StateDict storages = runtime::load_safetensors(kFolder + name + ".safetensors");
  std::ifstream file(kFolder + name + ".txt");
  const std::size_t before = cases.size();
  for (std::string line; std::getline(file, line);) {
    std::istringstream in(line);
    std::string key, word;
    if (!(in >> key) || key[0] == '#')
      continue;
    if (key == "case") {
      in >> cases.emplace_back().name;
    } else if (key == "op") {
      in >> cases.back().operation;
    } else if (key == "operand") {
      cases.back().operands.push_back(parse_tensor(in, storages));
    } else if (key == "result") {
      cases.back().results.push_back(parse_tensor(in, storages));
    } else if (key == "attr") {
      in >> word;
      cases.back().attributes.set(word, parse_attribute(in, storages));
    } else if (key == "match") {
      in >> word;
      cases.back().match = word == "exact"   ? Match::Exact
                           : word == "close" ? Match::Close
                           : word == "ulps"  ? Match::Ulps
                                             : Match::Scaled;
    } else if (key == "error") {
      in >> cases.back().error_class;
      std::getline(in >> std::ws, cases.back().error);
    } else {
      throw runtime::KeyError("no key " + key);
    }
  }
  if (cases.size() == before)
    throw runtime::FileError(kFolder + name + ".txt", "", "holds no cases");
}

std::vector<RecordedCase> read_all() {
  std::vector<RecordedCase> cases;
  for (const char *name : {"cases", "training_cases", "window_cases"})
    read_into(cases, name);
  return cases;
}

double tolerance(DType dtype) {
  switch (dtype) {
  case DType::Float16:
    return 0x1p-10; // one unit in the last place
  case DType::BFloat16:
    return 0x1p-7;
  case DType::Float32:
    return 1e-6;
  default:
    return 1e-12;
  }
}

} // namespace

std::vector<RecordedCase> recorded_cases(const std::string &operation) {
  static const std::vector<RecordedCase> all = read_all();
  std::vector<RecordedCase> result;
  for (const RecordedCase &recorded : all)
    if (recorded.operation == operation)
      result.push_back(recorded);
  return result;
}

std::string difference(const Tensor &found, const Tensor &expected, Match match) {
  std::ostringstream out;
  if (found.dtype() != expected.dtype() || !std::ranges::equal(found.sizes(), expected.sizes())) {
    out << "found " << name(found.dtype()) << found.shape_text() << ", expected "
        << name(expected.dtype()) << expected.shape_text();
    return out.str();
  }
  if (!is_floating_point(expected.dtype())) {
    const Tensor a = found.to(DType::Int64).contiguous(),
                 b = expected.to(DType::Int64).contiguous();
    for (int64_t i = 0; i < a.numel(); ++i)
      if (a.data<int64_t>()[i] != b.data<int64_t>()[i])
        out << "element " << i << " is " << a.data<int64_t>()[i] << ", expected "
            << b.data<int64_t>()[i] << "; ";
    return out.str();
  }
  const Tensor a = found.to(DType::Float64).contiguous(),
               b = expected.to(DType::Float64).contiguous();
  double largest = 0;
  for (int64_t i = 0; i < b.numel(); ++i)
    if (std::isfinite(b.data<double>()[i]))
      largest = std::max(largest, std::fabs(b.data<double>()[i]));
  for (int64_t i = 0; i < a.numel(); ++i) {
    const double x = a.data<double>()[i], y = b.data<double>()[i];
    if (std::isnan(x) && std::isnan(y))
      continue;
    bool same = x == y && std::signbit(x) == std::signbit(y);
    if (match == Match::Ulps && expected.dtype() == DType::Float32 && !same)
      same = std::fabs(x - y) <= 2 * 0x1p-23 * largest;
    else if (match != Match::Exact && !same && std::isfinite(x) && std::isfinite(y))
      same = std::fabs(x - y) <=
             tolerance(expected.dtype()) * (match == Match::Close ? std::fabs(y) : largest);
    if (!same) {
      out.precision(17);
      out << "element " << i << " is " << x << ", expected " << y << "; ";
    }
  }
  return out.str();
}

} // namespace kiln::semantics::test
