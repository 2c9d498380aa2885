// From traces with numbers to one function with symbols.
#include "trace_merge.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "autograd.h"
#include "errors.h"
#include "kiln/semantics/operation.h"
#include "python_text.h"
#include "size_matcher.h"
#include "trace_equivalence.h"

namespace kiln::detail {

using semantics::Attribute;
using semantics::Attributes;
using semantics::DimExpr;
using semantics::kAbsent;
using semantics::RecordedOperation;
using semantics::TensorType;

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
  const std::string difference =
      alike ? " and with " + sizes_of_run(second) + ": " + text(left) + " of other values or with other options"
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
  fail_at(
      operation.frames,
      "'" + name + "' of " + operation_name(operation.name) +
          " depends on a size that is known only at run time, in a way that can't be compiled\nwith " + sizes_of_run(first) +
          " it is " + a + "; with " + sizes_of_run(second) + " it is " + b +
          "\nshapes, and numbers in arithmetic, may be sums, products, quotients and remainders of sizes, and a number divided "
          "by one of these; the elements of a tensor that is made while recording may not depend on them");
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

/// The number in an attribute of nn.full.
double real_number(const Attribute &attribute) {
  const auto *real = std::get_if<double>(&attribute);
  return real ? *real : static_cast<double>(std::get<int64_t>(attribute));
}

std::optional<int64_t> whole_number(const Attribute &attribute) {
  constexpr double kExact = 0x1p53; // beyond it, a double does not say which integer it was
  if (const auto *integer = std::get_if<int64_t>(&attribute))
    return *integer;
  const double real = std::get<double>(attribute);
  if (!(std::fabs(real) <= kExact) || std::trunc(real) != real || (real == 0 && std::signbit(real)))
    return std::nullopt;
  return static_cast<int64_t>(real);
}

/// A number of the model's code that is computed from a size in floating point: `number / size` or `number * size`.
struct RealFromSize {
  double number;
  bool is_quotient;
  DimExpr size;
  DType dtype; // that it was computed in
};

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

std::vector<SizeMatcher::Symbols> symbols_of(const std::vector<const Trace *> &traces) {
  std::vector<SizeMatcher::Symbols> symbols;
  for (const Trace *trace : traces)
    symbols.push_back(trace->symbols);
  return symbols;
}

class Merger {
public:
  /// The first `required` traces must be of one function; what the others differ in drops them.
  Merger(std::vector<const Trace *> traces, std::size_t required)
      : traces_(std::move(traces)), required_(required), first_(*traces_.front()), matcher_(symbols_of(traces_), required) {}

  MergedFunction merge() {
    MergedFunction result;
    result.function = first_.function;
    result.function.operations.clear();
    values_ = &result.function.values;
    for (const semantics::RecordedArgument &input : result.function.inputs)
      settle_input(input.value);
    std::size_t count = 0;
    for (std::size_t t = 0; t < required_; ++t)
      count = std::max(count, traces_[t]->function.operations.size());
    std::vector<std::size_t> place; // of each recorded operation in the merged function
    for (index_ = 0; index_ < count; ++index_) {
      for (std::size_t t = 1; t < required_; ++t)
        if (!same_operation(first_.function, traces_[t]->function, index_))
          fail_structure(first_, *traces_[t], index_);
      place.push_back(result.function.operations.size());
      merge_operation(first_.function.operations[index_], result.function.operations);
    }
    place.push_back(result.function.operations.size());
    for (std::size_t t = 1; t < required_; ++t)
      if (!same_outputs(first_.function, traces_[t]->function) || !same_gradients(first_.gradients, traces_[t]->gradients))
        fail_structure(first_, *traces_[t], count);
    result.gradients = first_.gradients; // values of the first run keep their numbers
    merge_calls(result, place);
    return result;
  }

  bool is_dropped(std::size_t trace) const { return matcher_.is_dropped(trace); }

private:
  static std::size_t index(semantics::ValueId value) { return static_cast<std::size_t>(value); }

  const RecordedOperation &operation_in(std::size_t trace) const { return traces_[trace]->function.operations[index_]; }
  const Attribute &attribute_in(std::size_t trace, const std::string &name) const {
    return *find_attribute(operation_in(trace).attributes, name);
  }

  void settle_input(semantics::ValueId value) {
    TensorType &type = (*values_)[index(value)];
    for (std::size_t d = 0; d < type.sizes.size(); ++d) {
      Numbers numbers;
      for (const Trace *trace : traces_)
        numbers.push_back(*trace->function.values[index(value)].sizes[d].constant());
      type.sizes[d] = *matcher_.match(numbers);
    }
  }

  DimExpr merged_size(const std::string &name, const Numbers &numbers) {
    const std::optional<DimExpr> size = matcher_.match(numbers);
    if (!size)
      for (std::size_t t = 1; t < required_; ++t)
        if (numbers[t] != numbers[0])
          fail_number(first_, *traces_[t], operation_in(0), name, std::to_string(numbers[0]), std::to_string(numbers[t]));
    drop_unlike(*size, numbers);
    matcher_.add(*size);
    return *size;
  }

  void drop_unlike(const DimExpr &size, const Numbers &numbers) {
    for (std::size_t t = required_; t < traces_.size(); ++t)
      if (!matcher_.is_dropped(t) && size.evaluate(traces_[t]->symbols) != numbers[t])
        matcher_.drop(t);
  }

  Attribute merged_attribute(const std::string &name, const Attribute &attribute) {
    if (std::holds_alternative<DimExpr>(attribute)) {
      Numbers numbers;
      for (std::size_t t = 0; t < traces_.size(); ++t)
        numbers.push_back(matcher_.is_dropped(t) ? 0 : *std::get<DimExpr>(attribute_in(t, name)).constant());
      return merged_size(name, numbers);
    }
    if (const auto *sizes = std::get_if<std::vector<DimExpr>>(&attribute)) {
      require_all([&](std::size_t t) { return std::get<std::vector<DimExpr>>(attribute_in(t, name)).size() == sizes->size(); },
                  [&](std::size_t t) { fail_structure(first_, *traces_[t], index_); });
      std::vector<DimExpr> merged;
      for (std::size_t i = 0; i < sizes->size(); ++i) {
        Numbers numbers;
        for (std::size_t t = 0; t < traces_.size(); ++t)
          numbers.push_back(matcher_.is_dropped(t) ? 0 : *std::get<std::vector<DimExpr>>(attribute_in(t, name))[i].constant());
        merged.push_back(merged_size(name, numbers));
      }
      return merged;
    }
    require_all([&](std::size_t t) { return same_but_for_sizes(attribute, attribute_in(t, name)); },
                [&](std::size_t t) { fail_different(name, attribute, attribute_in(t, name), t); });
    return attribute;
  }

  // Drops traces that do not hold; `fail` is for those that have to.
  template <class Holds, class Fail> void require_all(const Holds &holds, const Fail &fail) {
    for (std::size_t t = 1; t < traces_.size(); ++t) {
      if (matcher_.is_dropped(t) || holds(t))
        continue;
      if (t < required_)
        fail(t);
      matcher_.drop(t);
    }
  }

  [[noreturn]] void fail_different(const std::string &name, const Attribute &a, const Attribute &b, std::size_t trace) const {
    const RecordedOperation &operation = operation_in(0);
    const Trace &other = *traces_[trace];
    if (const auto *value = std::get_if<runtime::Tensor>(&a)) {
      const auto &found = std::get<runtime::Tensor>(b);
      fail_number(first_, other, operation, "value", "a tensor " + value->shape_text(),
                  found.shape_text() == value->shape_text() ? "one with other elements" : "a tensor " + found.shape_text());
    }
    if (const auto *real = std::get_if<double>(&a))
      fail_number(first_, other, operation, name, float_text(*real), float_text(std::get<double>(b)));
    if (const auto *integer = std::get_if<int64_t>(&a))
      fail_number(first_, other, operation, name, std::to_string(*integer), std::to_string(std::get<int64_t>(b)));
    if (const auto *integers = std::get_if<std::vector<int64_t>>(&a))
      fail_number(first_, other, operation, name, tuple_text(*integers), tuple_text(std::get<std::vector<int64_t>>(b)));
    fail_structure(first_, other, index_);
  }

  void merge_operation(const RecordedOperation &recorded, std::vector<RecordedOperation> &operations) {
    for (std::size_t t = required_; t < traces_.size(); ++t)
      if (!matcher_.is_dropped(t) && !same_operation(first_.function, traces_[t]->function, index_))
        matcher_.drop(t);
    RecordedOperation operation = recorded;
    auto merge_attribute = [&](const std::string &name) {
      operation.attributes.set(name, merged_attribute(name, *find_attribute(recorded.attributes, name)));
    };
    const bool is_slice = recorded.attributes.has("start");
    if (is_slice)
      merge_attribute("start"); // first: the end is never before it
    for (const auto &[name, attribute] : recorded.attributes) {
      if (recorded.name == "nn.full" && name == "value") {
        if (std::optional<RealFromSize> real = merge_value(operation)) {
          merge_attribute("shape");
          return compute(*real, operation, operations);
        }
      } else if (!(is_slice && name == "start")) {
        merge_attribute(name);
      }
    }
    settle_results(operation);
    operations.push_back(std::move(operation));
  }

  // The number of an nn.full. Returns what has to be computed when the function runs.
  std::optional<RealFromSize> merge_value(RecordedOperation &operation) {
    bool differs = false, all_whole = true;
    Numbers whole;
    std::vector<double> real;
    for (std::size_t t = 0; t < traces_.size(); ++t) {
      const Attribute &value = attribute_in(matcher_.is_dropped(t) ? 0 : t, "value");
      differs = differs || !same_but_for_sizes(value, attribute_in(0, "value"));
      const std::optional<int64_t> number = whole_number(value);
      all_whole = all_whole && (number || t >= required_);
      whole.push_back(number.value_or(0));
      real.push_back(real_number(value));
    }
    if (!differs)
      return std::nullopt;
    if (all_whole)
      if (std::optional<DimExpr> size = matcher_.match(whole); size && !size->is_constant()) {
        drop_unlike(*size, whole);
        operation.attributes.set("value", *size);
        return std::nullopt;
      }
    if (std::optional<RealFromSize> found = match_real(real))
      return found;
    operation.attributes.set("value", merged_attribute("value", attribute_in(0, "value"))); // fails, or drops traces
    return std::nullopt;
  }

  std::optional<RealFromSize> match_real(const std::vector<double> &numbers) {
    // 1 / size: the size shows by itself.
    Numbers sizes;
    for (double number : numbers)
      sizes.push_back(std::isfinite(number) && number != 0 && std::fabs(1 / number) < 0x1p53 ? std::llround(1 / number) : 0);
    std::vector<DimExpr> candidates = matcher_.candidates();
    if (std::optional<DimExpr> size = matcher_.match(sizes); size && !size->is_constant())
      candidates.insert(candidates.begin(), *size);
    for (const DimExpr &size : candidates)
      for (bool is_quotient : {true, false})
        for (DType dtype : {DType::Float64, DType::Float32})
          if (std::optional<double> number = matching_number(numbers, size, is_quotient, dtype))
            return RealFromSize{*number, is_quotient, size, dtype};
    return std::nullopt;
  }

  // The number that gives exactly `numbers` with the values of `size`.
  std::optional<double> matching_number(const std::vector<double> &numbers, const DimExpr &size, bool is_quotient, DType dtype) {
    const std::optional<Numbers> values = matcher_.values(size);
    if (!values)
      return std::nullopt;
    auto computed = [&](double number, int64_t value) -> double {
      if (dtype == DType::Float32) {
        const auto left = static_cast<float>(number), right = static_cast<float>(value);
        return is_quotient ? left / right : left * right;
      }
      return is_quotient ? number / static_cast<double>(value) : number * static_cast<double>(value);
    };
    const double first = static_cast<double>((*values)[0]), guess = is_quotient ? numbers[0] * first : numbers[0] / first;
    // The guess is rounded: its neighbours, and numbers with few digits, are tried too.
    const double step = dtype == DType::Float32 ? std::fabs(guess) * 0x1p-23 : std::fabs(guess) * 0x1p-52;
    for (double number : {std::round(guess * 1e6) / 1e6, guess, guess + step, guess - step, guess + 2 * step, guess - 2 * step}) {
      if (dtype == DType::Float32)
        number = static_cast<float>(number);
      bool fits = std::isfinite(number);
      for (std::size_t t = 0; t < required_ && fits; ++t)
        fits = same_double(computed(number, (*values)[t]), numbers[t]);
      if (!fits)
        continue;
      for (std::size_t t = required_; t < traces_.size(); ++t)
        if (!matcher_.is_dropped(t) && !same_double(computed(number, (*values)[t]), numbers[t]))
          matcher_.drop(t);
      return number;
    }
    return std::nullopt;
  }

  // `full` with a number that is computed first.
  void compute(const RealFromSize &real, RecordedOperation &full, std::vector<RecordedOperation> &operations) {
    const std::vector<DimExpr> scalar;
    auto emit = [&](const char *name, std::vector<semantics::ValueId> operands, Attributes attributes,
                    semantics::ValueId result = kAbsent) {
      RecordedOperation operation = full;
      operation.name = name;
      operation.operands = std::move(operands);
      operation.attributes = std::move(attributes);
      if (result == kAbsent) {
        result = static_cast<semantics::ValueId>(values_->size());
        values_->push_back({});
      }
      operation.results = {result};
      settle_types(operation);
      operations.push_back(std::move(operation));
      return result;
    };
    const auto number = emit("nn.full", {}, {{"shape", scalar}, {"value", real.number}, {"dtype", real.dtype}});
    const auto size = emit("nn.full", {}, {{"shape", scalar}, {"value", real.size}, {"dtype", real.dtype}});
    const auto result = emit(real.is_quotient ? "nn.div" : "nn.mul", {number, size}, {});
    const auto cast = emit("nn.cast", {result}, {{"dtype", full.attributes.get<DType>("dtype")}});
    emit("nn.expand", {cast}, {{"shape", full.attributes.get<std::vector<DimExpr>>("shape")}}, full.results[0]);
    check_result(full, full.results[0]);
  }

  void settle_types(const RecordedOperation &operation) {
    std::vector<std::optional<TensorType>> types;
    for (semantics::ValueId operand : operation.operands)
      types.push_back(operand == kAbsent ? std::nullopt : std::optional((*values_)[index(operand)]));
    try {
      const std::vector<TensorType> results = infer_recorded(operation.name, types, operation.attributes);
      for (std::size_t r = 0; r < operation.results.size(); ++r)
        (*values_)[index(operation.results[r])] = results[r];
    } catch (runtime::Error &error) {
      if (error.frames.empty())
        error.frames = operation.frames;
      throw;
    }
  }

  void settle_results(const RecordedOperation &operation) {
    if (operation.name == "nn.read" || operation.name == "nn.write")
      return; // state has a fixed type
    settle_types(operation);
    for (semantics::ValueId result : operation.results)
      check_result(operation, result);
  }

  // The inferred type must give the numbers that were recorded.
  void check_result(const RecordedOperation &operation, semantics::ValueId value) {
    const TensorType &type = (*values_)[index(value)];
    auto sizes_in = [&](std::size_t t) -> const std::vector<DimExpr> & {
      return traces_[t]->function.values[index(value)].sizes;
    };
    require_all_from_first(
        [&](std::size_t t) {
          for (std::size_t d = 0; d < type.sizes.size(); ++d)
            if (d >= sizes_in(t).size() || type.sizes[d].evaluate(traces_[t]->symbols) != *sizes_in(t)[d].constant())
              return false;
          return true;
        },
        [&](std::size_t t) {
          fail_number(first_, *traces_[std::max<std::size_t>(t, 1)], operation, "result", semantics::shape_text(sizes_in(0)),
                      semantics::shape_text(sizes_in(std::max<std::size_t>(t, 1))));
        });
    for (const DimExpr &size : type.sizes)
      matcher_.add(size);
  }
  template <class Holds, class Fail> void require_all_from_first(const Holds &holds, const Fail &fail) {
    if (!holds(0))
      fail(0);
    require_all(holds, fail);
  }

  void merge_calls(MergedFunction &result, const std::vector<std::size_t> &place) {
    result.calls = first_.calls;
    for (std::size_t c = 0; c < first_.calls.size(); ++c) {
      ModuleCall &call = result.calls[c];
      std::vector<std::vector<DimExpr>> shapes;
      for (std::size_t o = 0; o < call.output_sizes.size(); ++o)
        shapes.push_back(output_shape(c, o));
      call.first_operation = place[call.first_operation];
      call.last_operation = place[call.last_operation];
      result.call_shapes.push_back(std::move(shapes));
      result.call_multiply_adds.push_back(multiply_adds(result.function, call));
    }
  }

  std::vector<DimExpr> output_shape(std::size_t call, std::size_t output) const {
    const std::vector<int64_t> &sizes = first_.calls[call].output_sizes[output];
    std::vector<DimExpr> shape;
    for (std::size_t d = 0; d < sizes.size(); ++d) {
      Numbers numbers;
      for (std::size_t t = 0; t < traces_.size(); ++t) {
        const auto &calls = traces_[t]->calls;
        const bool has = !matcher_.is_dropped(t) && call < calls.size() && output < calls[call].output_sizes.size() &&
                         d < calls[call].output_sizes[output].size();
        numbers.push_back(has ? calls[call].output_sizes[output][d] : 0);
      }
      shape.push_back(matcher_.match(numbers).value_or(DimExpr(sizes[d])));
    }
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

  std::vector<const Trace *> traces_;
  std::size_t required_;
  const Trace &first_;
  SizeMatcher matcher_;
  std::vector<TensorType> *values_ = nullptr;
  std::size_t index_ = 0; // of the operation at hand
};

//===----------------------------------------------------------------------===//
// Sizes that are cases of their own
//===----------------------------------------------------------------------===//

/// Not negative but where `name` is `size`, which is 0 or 1.
DimExpr unequal(const std::string &name, int64_t size) {
  const DimExpr symbol = DimExpr::symbol(name);
  return size == 0 ? symbol - 1 : 2 * (symbol - 1).at_least_zero() - symbol;
}

/// The first operation in which `special` is not like `general`.
const semantics::Frames &first_difference(const Trace &general, const Trace &special) {
  const auto &operations = special.function.operations;
  std::size_t i = 0;
  while (i < operations.size() && same_operation(general.function, special.function, i))
    ++i;
  if (i < operations.size())
    return operations[i].frames;
  return i < general.function.operations.size() ? general.function.operations[i].frames : general.function.frames;
}

} // namespace

MergedFunction merge_traces(const std::vector<Trace> &traces, const std::vector<EdgeRun> &edges) {
  std::vector<const Trace *> all;
  for (const Trace &trace : traces)
    all.push_back(&trace);
  std::vector<const EdgeRun *> recorded;
  for (const EdgeRun &edge : edges)
    if (edge.trace) {
      all.push_back(&*edge.trace);
      recorded.push_back(&edge);
    }
  Merger merger(all, traces.size());
  MergedFunction result = merger.merge();
  const Trace &first = traces.front();
  for (const EdgeRun &edge : edges) {
    const std::string is = edge.dimension + " = " + std::to_string(edge.size);
    const DimExpr condition = unequal(edge.dimension, edge.size);
    if (!edge.trace) {
      result.function.conditions.push_back({condition, edge.error + "\nthis happens with " + is, edge.frames});
      continue;
    }
    const std::size_t place =
        traces.size() + static_cast<std::size_t>(std::find(recorded.begin(), recorded.end(), &edge) - recorded.begin());
    const bool alike = !merger.is_dropped(place) && edge.trace->function.operations.size() == first.function.operations.size() &&
                       same_outputs(first.function, edge.trace->function) &&
                       same_gradients(first.gradients, edge.trace->gradients);
    if (alike || same_computation(result, *edge.trace))
      continue;
    result.function.conditions.push_back({condition,
                                          "'" + edge.dimension + "' must not be " + std::to_string(edge.size) + ": with " + is +
                                              " the model's code computes something else than with other sizes, for which '" +
                                              first.function.name + "' is compiled",
                                          first_difference(first, *edge.trace)});
    result.special_sizes.push_back(result.function.conditions.size() - 1);
  }
  return result;
}

} // namespace kiln::detail
