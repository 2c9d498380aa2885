// From traces with numbers to one function with symbols.
#include "trace_merge.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "autograd.h"
#include "errors.h"
#include "kiln/semantics/operation.h"
#include "python_text.h"

namespace kiln::detail {

using semantics::Attribute;
using semantics::Attributes;
using semantics::DimExpr;
using semantics::kAbsent;
using semantics::RecordedOperation;
using semantics::TensorType;

//===----------------------------------------------------------------------===//
// Expressions for numbers
//===----------------------------------------------------------------------===//

SizeMatcher::SizeMatcher(std::map<std::string, int64_t> first, std::map<std::string, int64_t> second)
    : first_(std::move(first)), second_(std::move(second)) {
  for (const auto &[name, value] : first_)
    add(DimExpr::symbol(name));
}

void SizeMatcher::add(const DimExpr &size) {
  if (size.is_constant())
    return;
  const Candidate candidate{size, size.evaluate(first_), size.evaluate(second_)};
  if (known_.emplace(std::pair(candidate.first, candidate.second), candidates_.size()).second)
    candidates_.push_back(candidate);
}

std::optional<DimExpr> SizeMatcher::match(int64_t first, int64_t second) const {
  if (first == second)
    return DimExpr(first);
  if (auto found = known_.find({first, second}); found != known_.end())
    return candidates_[found->second].expression;
  // A multiple of a candidate, or of a product of two.
  auto multiple = [&](const DimExpr &expression, int64_t at_first, int64_t at_second) -> std::optional<DimExpr> {
    if (at_first == 0 || at_second == 0 || first % at_first != 0 || second % at_second != 0 ||
        first / at_first != second / at_second)
      return std::nullopt;
    return expression * (first / at_first);
  };
  for (const Candidate &candidate : candidates_)
    if (auto result = multiple(candidate.expression, candidate.first, candidate.second))
      return result;
  for (const Candidate &a : candidates_)
    for (const Candidate &b : candidates_)
      if (auto result = multiple(a.expression * b.expression, a.first * b.first, a.second * b.second))
        return result;
  // k * candidate + m, with the smallest m.
  std::optional<DimExpr> best;
  int64_t best_offset = 0;
  for (const Candidate &candidate : candidates_) {
    const int64_t step = candidate.first - candidate.second;
    if (step == 0 || (first - second) % step != 0)
      continue;
    const int64_t factor = (first - second) / step, offset = first - factor * candidate.first;
    if (!best || std::abs(offset) < std::abs(best_offset)) {
      best = candidate.expression * factor + offset;
      best_offset = offset;
    }
  }
  if (best)
    return best;
  // candidate / n, rounded down or up.
  for (const Candidate &candidate : candidates_) {
    if (first <= 0 || candidate.first <= first)
      continue;
    for (int64_t divisor = std::max<int64_t>(2, candidate.first / (first + 1)); divisor <= candidate.first / first + 1; ++divisor)
      for (int64_t rounding : {int64_t{0}, divisor - 1})
        if ((candidate.first + rounding) / divisor == first && (candidate.second + rounding) / divisor == second)
          return (candidate.expression + rounding).floordiv(divisor);
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Messages
//===----------------------------------------------------------------------===//

namespace {

std::string sizes_of_run(const Trace &trace) {
  std::string text;
  for (const auto &[name, value] : trace.symbols)
    text += (text.empty() ? "" : ", ") + name + " = " + std::to_string(value);
  return text;
}

std::string operation_name(const std::string &name) { return name.substr(name.find('.') + 1); }

[[noreturn]] void fail_at(const semantics::Frames &frames, const std::string &message) {
  runtime::ValueError error(message);
  error.frames = frames;
  throw error;
}

[[noreturn]] void fail_structure(const Trace &first, const Trace &second, std::size_t index) {
  const auto &a = first.function.operations, &b = second.function.operations;
  const RecordedOperation *left = index < a.size() ? &a[index] : nullptr, *right = index < b.size() ? &b[index] : nullptr;
  auto text = [](const RecordedOperation *operation) {
    return operation ? operation_name(operation->name) : std::string("nothing more");
  };
  // The same operation twice differs in what it works on: values, state or options.
  const bool alike = left && right && left->name == right->name;
  const std::string difference = alike ? " and with " + sizes_of_run(second) + ": " + text(left) + " of other values or with other options"
                                       : ": " + text(left) + "; with " + sizes_of_run(second) + ": " + text(right);
  fail_at(
      left ? left->frames : (right ? right->frames : first.function.frames),
      "function '" + first.function.name + "' computes something else for other sizes of its inputs\nwith " +
          sizes_of_run(first) + difference +
          "\na recorded function is compiled for all sizes: the code must not decide by a size that is known only at run time; "
          "give the dimension a number, or compute without the decision");
}

[[noreturn]] void fail_number(const Trace &first, const Trace &second, const RecordedOperation &operation,
                              const std::string &name, const std::string &a, const std::string &b) {
  fail_at(operation.frames,
          "'" + name + "' of " + operation_name(operation.name) +
              " depends on a size that is known only at run time, in a way that can't be compiled\nwith " + sizes_of_run(first) +
              " it is " + a + "; with " + sizes_of_run(second) + " it is " + b +
              "\nshapes may be sums, products and quotients of sizes; numbers in arithmetic may not depend on them "
              "(a division by a size is what mean() is for)");
}

//===----------------------------------------------------------------------===//
// Merging
//===----------------------------------------------------------------------===//

bool same_constant(const runtime::Tensor &a, const runtime::Tensor &b) {
  return a.dtype() == b.dtype() && std::equal(a.sizes().begin(), a.sizes().end(), b.sizes().begin(), b.sizes().end()) &&
         (a.nbytes() == 0 || std::memcmp(a.data(), b.data(), a.nbytes()) == 0); // contiguous copies
}

// NaN is the same number as NaN here.
bool same_double(double a, double b) { return std::memcmp(&a, &b, sizeof(a)) == 0; }

/// Whether two attributes are of one kind and, but for sizes, equal. Lists of sizes must be equally long.
bool same_but_for_sizes(const Attribute &a, const Attribute &b) {
  if (a.index() != b.index())
    return false;
  return std::visit(
      [&](const auto &value) {
        using T = std::decay_t<decltype(value)>;
        const T &other = std::get<T>(b);
        if constexpr (std::is_same_v<T, DimExpr>)
          return true;
        else if constexpr (std::is_same_v<T, std::vector<DimExpr>>)
          return value.size() == other.size();
        else if constexpr (std::is_same_v<T, runtime::Tensor>)
          return same_constant(value, other);
        else if constexpr (std::is_same_v<T, double>)
          return same_double(value, other);
        else
          return value == other;
      },
      a);
}

/// The attribute of this name; null where there is none.
const Attribute *find_attribute(const Attributes &attributes, const std::string &name) {
  for (const auto &[other, attribute] : attributes)
    if (other == name)
      return &attribute;
  return nullptr;
}

/// Whether operation `i` of two recordings is the same computation, but for the values of attributes.
bool same_operation(const semantics::RecordedFunction &first, const semantics::RecordedFunction &second, std::size_t i) {
  if (i >= first.operations.size() || i >= second.operations.size())
    return false;
  const RecordedOperation &a = first.operations[i], &b = second.operations[i];
  if (a.name != b.name || a.operands != b.operands || a.results != b.results || a.module_path != b.module_path ||
      a.attributes.size() != b.attributes.size())
    return false;
  return std::all_of(a.attributes.begin(), a.attributes.end(), [&](const auto &entry) {
    const Attribute *counterpart = find_attribute(b.attributes, entry.first);
    return counterpart && counterpart->index() == entry.second.index();
  });
}

bool same_outputs(const semantics::RecordedFunction &first, const semantics::RecordedFunction &second) {
  return std::equal(first.outputs.begin(), first.outputs.end(), second.outputs.begin(), second.outputs.end(),
                    [](const auto &x, const auto &y) { return x.name == y.name && x.value == y.value; });
}

bool same_gradients(const std::vector<GradientAtEnd> &first, const std::vector<GradientAtEnd> &second) {
  return std::equal(first.begin(), first.end(), second.begin(), second.end(), [](const auto &x, const auto &y) {
    return x.parameter == y.parameter && x.value == y.value && x.known == y.known;
  });
}

class Merger {
public:
  Merger(const Trace &first, const Trace &second) : first_(first), second_(second), matcher_(first.symbols, second.symbols) {}

  MergedFunction merge() {
    MergedFunction result;
    result.function = first_.function;
    result.symbols = first_.symbols;
    values_ = &result.function.values;
    operations_ = result.function.operations.data();
    for (const semantics::RecordedArgument &input : result.function.inputs)
      (*values_)[index(input.value)] = matched_type(input.value, first_.function.frames);
    const std::size_t count = std::max(first_.function.operations.size(), second_.function.operations.size());
    for (std::size_t i = 0; i < count; ++i) {
      if (!same_operation(first_.function, second_.function, i))
        fail_structure(first_, second_, i);
      merge_operation(result.function.operations[i], second_.function.operations[i]);
    }
    if (!same_outputs(first_.function, second_.function) || !same_gradients(first_.gradients, second_.gradients))
      fail_structure(first_, second_, count);
    result.gradients = first_.gradients;
    merge_calls(result);
    return result;
  }

private:
  static std::size_t index(semantics::ValueId value) { return static_cast<std::size_t>(value); }

  int64_t number(const Trace &trace, semantics::ValueId value, std::size_t dim) const {
    return *trace.function.values[index(value)].sizes[dim].constant();
  }

  // The type that the numbers of both traces show.
  TensorType matched_type(semantics::ValueId value, const semantics::Frames &frames) {
    TensorType type = first_.function.values[index(value)];
    for (std::size_t d = 0; d < type.sizes.size(); ++d) {
      const std::optional<DimExpr> size = matcher_.match(number(first_, value, d), number(second_, value, d));
      if (!size)
        fail_at(frames,
                "a size of " + first_.function.values[index(value)].shape_text() + " is no expression of the named dimensions");
      type.sizes[d] = *size;
      matcher_.add(*size);
    }
    return type;
  }

  DimExpr merged_size(const RecordedOperation &operation, const std::string &name, const DimExpr &a, const DimExpr &b) {
    const std::optional<DimExpr> size = matcher_.match(*a.constant(), *b.constant());
    if (!size)
      fail_number(first_, second_, operation, name, a.text(), b.text());
    return *size;
  }

  Attribute merged_attribute(const RecordedOperation &operation, const std::string &name, const Attribute &a,
                             const Attribute &b) {
    if (const auto *size = std::get_if<DimExpr>(&a))
      return merged_size(operation, name, *size, std::get<DimExpr>(b));
    if (const auto *sizes = std::get_if<std::vector<DimExpr>>(&a)) {
      const auto &others = std::get<std::vector<DimExpr>>(b);
      if (sizes->size() != others.size())
        fail_structure(first_, second_, static_cast<std::size_t>(&operation - operations_));
      std::vector<DimExpr> merged;
      for (std::size_t i = 0; i < sizes->size(); ++i)
        merged.push_back(merged_size(operation, name, (*sizes)[i], others[i]));
      return merged;
    }
    if (const auto *value = std::get_if<runtime::Tensor>(&a)) {
      const auto &other = std::get<runtime::Tensor>(b);
      if (!same_constant(*value, other))
        fail_number(first_, second_, operation, "value", "a tensor " + value->shape_text(),
                    other.shape_text() == value->shape_text() ? "one with other elements" : "a tensor " + other.shape_text());
    } else if (const auto *real = std::get_if<double>(&a)) {
      if (!same_double(*real, std::get<double>(b)))
        fail_number(first_, second_, operation, name, float_text(*real), float_text(std::get<double>(b)));
    } else if (const auto *integer = std::get_if<int64_t>(&a)) {
      if (*integer != std::get<int64_t>(b))
        fail_number(first_, second_, operation, name, std::to_string(*integer), std::to_string(std::get<int64_t>(b)));
    } else if (const auto *integers = std::get_if<std::vector<int64_t>>(&a)) {
      if (*integers != std::get<std::vector<int64_t>>(b))
        fail_number(first_, second_, operation, name, tuple_text(*integers), tuple_text(std::get<std::vector<int64_t>>(b)));
    }
    if (!same_but_for_sizes(a, b))
      fail_structure(first_, second_, static_cast<std::size_t>(&operation - operations_));
    return a;
  }

  void merge_operation(RecordedOperation &operation, const RecordedOperation &other) {
    for (const auto &[name, attribute] : Attributes(operation.attributes))
      operation.attributes.set(name, merged_attribute(operation, name, attribute, *find_attribute(other.attributes, name)));
    if (operation.name == "nn.read" || operation.name == "nn.write")
      return; // state has a fixed type
    std::vector<std::optional<TensorType>> types;
    for (semantics::ValueId operand : operation.operands)
      types.push_back(operand == kAbsent ? std::nullopt : std::optional((*values_)[index(operand)]));
    std::vector<TensorType> results;
    try {
      results = infer_recorded(operation.name, types, operation.attributes);
    } catch (runtime::Error &error) {
      if (error.frames.empty())
        error.frames = operation.frames;
      throw;
    }
    for (std::size_t r = 0; r < operation.results.size(); ++r)
      settle_result(operation, operation.results[r], results[r]);
  }

  // The inferred type must give the numbers that were recorded.
  void settle_result(const RecordedOperation &operation, semantics::ValueId value, const TensorType &type) {
    for (std::size_t d = 0; d < type.sizes.size(); ++d) {
      if (type.sizes[d].evaluate(first_.symbols) != number(first_, value, d) ||
          type.sizes[d].evaluate(second_.symbols) != number(second_, value, d))
        fail_number(first_, second_, operation, "result", first_.function.values[index(value)].shape_text(),
                    second_.function.values[index(value)].shape_text());
      matcher_.add(type.sizes[d]);
    }
    (*values_)[index(value)] = type;
  }

  void merge_calls(MergedFunction &result) {
    result.calls = first_.calls;
    for (std::size_t c = 0; c < first_.calls.size(); ++c) {
      const ModuleCall &a = first_.calls[c];
      std::vector<std::vector<DimExpr>> shapes;
      if (c < second_.calls.size() && second_.calls[c].output_sizes.size() == a.output_sizes.size())
        for (std::size_t o = 0; o < a.output_sizes.size(); ++o)
          shapes.push_back(matched_shape(a.output_sizes[o], second_.calls[c].output_sizes[o]));
      result.call_shapes.push_back(std::move(shapes));
      result.call_multiply_adds.push_back(multiply_adds(result.function, a));
    }
  }
  std::vector<DimExpr> matched_shape(const std::vector<int64_t> &a, const std::vector<int64_t> &b) const {
    std::vector<DimExpr> shape;
    for (std::size_t d = 0; d < a.size() && d < b.size(); ++d)
      shape.push_back(matcher_.match(a[d], b[d]).value_or(DimExpr(a[d])));
    return shape;
  }
  // Of the operations that the called module ran itself.
  DimExpr multiply_adds(const semantics::RecordedFunction &function, const ModuleCall &call) const {
    DimExpr total = 0;
    for (std::size_t i = call.first_operation; i < call.last_operation; ++i) {
      const RecordedOperation &recorded = function.operations[i];
      const semantics::Operation *operation = semantics::find_operation(recorded.name);
      if (recorded.module_path != call.module_key || !operation || !operation->multiply_adds)
        continue;
      std::vector<std::optional<TensorType>> types;
      for (semantics::ValueId operand : recorded.operands)
        types.push_back(operand == kAbsent ? std::nullopt : std::optional(function.values[index(operand)]));
      total = total + operation->multiply_adds(types, recorded.attributes);
    }
    return total;
  }

  const Trace &first_, &second_;
  SizeMatcher matcher_;
  std::vector<TensorType> *values_ = nullptr;
  const RecordedOperation *operations_ = nullptr;
};

} // namespace

MergedFunction merge_traces(const Trace &first, const Trace &second) { return Merger(first, second).merge(); }

void check_trace(const MergedFunction &merged, const Trace &third) {
  const auto &expected = merged.function.operations, &found = third.function.operations;
  Trace reference; // for messages
  reference.function = merged.function;
  reference.symbols = merged.symbols;
  auto fail_size = [&](const RecordedOperation &operation, const std::string &what, const DimExpr &expression, int64_t number) {
    fail_at(operation.frames,
            what + " of " + operation_name(operation.name) +
                " depends on a size that is known only at run time, in a way that can't be compiled\nit looks like " +
                expression.text() + ", but with " + sizes_of_run(third) + " it is " + std::to_string(number) +
                "\na part that is cut out must fit for every size, also small ones: the code must not clamp to, or "
                "decide by, a size that is known only at run time");
  };
  for (std::size_t i = 0; i < std::max(expected.size(), found.size()); ++i) {
    if (!same_operation(merged.function, third.function, i))
      fail_structure(reference, third, i);
    auto check_size = [&](const std::string &name, const DimExpr &size, const DimExpr &numbers) {
      if (size.evaluate(third.symbols) != *numbers.constant())
        fail_size(expected[i], "'" + name + "'", size, *numbers.constant());
    };
    for (const auto &[name, attribute] : expected[i].attributes) {
      const Attribute &other = *find_attribute(found[i].attributes, name);
      if (!same_but_for_sizes(attribute, other))
        fail_structure(reference, third, i);
      if (const auto *size = std::get_if<DimExpr>(&attribute))
        check_size(name, *size, std::get<DimExpr>(other));
      else if (const auto *sizes = std::get_if<std::vector<DimExpr>>(&attribute))
        for (std::size_t d = 0; d < sizes->size(); ++d)
          check_size(name, (*sizes)[d], std::get<std::vector<DimExpr>>(other)[d]);
    }
    for (semantics::ValueId result : expected[i].results) {
      const TensorType &type = merged.function.values[static_cast<std::size_t>(result)];
      const TensorType &numbers = third.function.values[static_cast<std::size_t>(result)];
      for (std::size_t d = 0; d < type.sizes.size(); ++d)
        if (d >= numbers.sizes.size() || type.sizes[d].evaluate(third.symbols) != *numbers.sizes[d].constant())
          fail_size(expected[i], "the shape of the result", type.sizes[d],
                    d < numbers.sizes.size() ? *numbers.sizes[d].constant() : 0);
    }
  }
  if (!same_outputs(merged.function, third.function) || !same_gradients(merged.gradients, third.gradients))
    fail_structure(reference, third, expected.size());
}

} // namespace kiln::detail
