// Whether two recordings compute the same, though they are not the same list of operations.
//
// Value numbering: equal computations get equal numbers, across both recordings. A number stands for the elements of a value in
// row-major order, whatever its shape, so an operation that moves no element (a reshape, a permutation of dimensions of size 1, a
// slice of everything) gives its operand's number. Values without elements are all alike, and values of one repeated element
// differ by that and their length only.
//
// A gradient depends on more than the numbers of a loss: also on the way by which it was computed from the targets. So each
// nn.backward gets a numbering of its own, in which a target is a number that nothing else has.
#include "trace_equivalence.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <set>
#include <tuple>

#include "kiln/semantics/operation.h"

namespace kiln::detail {

using runtime::DType;
using semantics::Attribute;
using semantics::DimExpr;
using semantics::kAbsent;
using semantics::RecordedFunction;
using semantics::RecordedOperation;

namespace {

using Sizes = std::vector<int64_t>;

struct NumberedValue {
  int64_t number = -1;
  DType dtype = DType::Float32;
  Sizes sizes;
};

int64_t count_of(const Sizes &sizes) { return std::accumulate(sizes.begin(), sizes.end(), int64_t{1}, std::multiplies<>()); }

std::string text_of(const Sizes &sizes) {
  std::string text = "[";
  for (int64_t size : sizes)
    text += std::to_string(size) + ",";
  return text + "]";
}

class Numbering {
public:
  int64_t number(const std::string &computation) {
    return numbers_.emplace(computation, static_cast<int64_t>(numbers_.size())).first->second;
  }
  /// The number of `length` times one element.
  int64_t repeated(const std::string &element, int64_t length) {
    const int64_t result = number("repeat " + element + " " + std::to_string(length));
    elements_.emplace(result, element);
    return result;
  }
  /// What is repeated; null where elements may differ.
  const std::string *element_of(int64_t value) const {
    auto found = elements_.find(value);
    return found == elements_.end() ? nullptr : &found->second;
  }

private:
  std::map<std::string, int64_t> numbers_;
  std::map<int64_t, std::string> elements_;
};

class Run {
public:
  Run(Numbering &numbering, const RecordedFunction &function, const std::map<std::string, int64_t> &symbols)
      : numbering_(numbering), function_(function), symbols_(symbols), values_(function.values.size()) {
    for (std::size_t i = 0; i < function.inputs.size(); ++i)
      define(function.inputs[i].value, numbering.number("input " + std::to_string(i)));
    for (const RecordedOperation &operation : function.operations)
      add(operation);
  }

  std::vector<std::pair<int64_t, Sizes>> outputs() const {
    std::vector<std::pair<int64_t, Sizes>> outputs;
    for (const semantics::RecordedArgument &output : function_.outputs)
      outputs.emplace_back(value(output.value).number, value(output.value).sizes);
    return outputs;
  }
  const std::map<std::string, int64_t> &written() const { return written_; }
  /// The numbers of what is left in .grad.
  std::vector<std::tuple<int32_t, bool, int64_t>> numbers_of(const std::vector<GradientAtEnd> &gradients) const {
    std::vector<std::tuple<int32_t, bool, int64_t>> numbers;
    for (const GradientAtEnd &end : gradients)
      numbers.emplace_back(end.parameter, end.known, end.value == kAbsent ? -1 : value(end.value).number);
    return numbers;
  }

private:
  const NumberedValue &value(semantics::ValueId id) const { return values_[static_cast<std::size_t>(id)]; }

  void define(semantics::ValueId id, int64_t number) {
    NumberedValue &value = values_[static_cast<std::size_t>(id)];
    const semantics::TensorType &type = function_.values[static_cast<std::size_t>(id)];
    value.dtype = type.dtype;
    value.sizes.clear();
    for (const DimExpr &size : type.sizes)
      value.sizes.push_back(size.evaluate(symbols_));
    value.number = count_of(value.sizes) == 0 ? numbering_.number("no elements") : number;
  }

  int64_t size(const RecordedOperation &operation, const char *name) const {
    return operation.attributes.get<DimExpr>(name).evaluate(symbols_);
  }

  std::string attribute_text(const Attribute &attribute) const {
    return std::visit(
        [&](const auto &value) -> std::string {
          using T = std::decay_t<decltype(value)>;
          if constexpr (std::is_same_v<T, DimExpr>)
            return std::to_string(value.evaluate(symbols_));
          else if constexpr (std::is_same_v<T, std::vector<DimExpr>>) {
            Sizes sizes;
            for (const DimExpr &size : value)
              sizes.push_back(size.evaluate(symbols_));
            return text_of(sizes);
          } else if constexpr (std::is_same_v<T, Sizes>)
            return text_of(value);
          else if constexpr (std::is_same_v<T, std::string>)
            return value;
          else if constexpr (std::is_same_v<T, runtime::Tensor>)
            return text_of({value.sizes().begin(), value.sizes().end()}) + std::string(runtime::name(value.dtype())) +
                   std::string(static_cast<const char *>(value.contiguous().data()), value.nbytes());
          else if constexpr (std::is_same_v<T, double>)
            return std::string(reinterpret_cast<const char *>(&value), sizeof value);
          else if constexpr (std::is_same_v<T, std::vector<double>>)
            return std::string(reinterpret_cast<const char *>(value.data()), value.size() * sizeof(double));
          else
            return std::to_string(static_cast<int64_t>(value));
        },
        attribute);
  }

  // One element of nn.full, by its value: 3 and 3.0 are the same.
  std::string element_text(const RecordedOperation &operation) const {
    semantics::Attributes attributes = operation.attributes;
    attributes.set("shape", std::vector<DimExpr>());
    if (const auto *size = attributes.get_if<DimExpr>("value"))
      attributes.set("value", size->evaluate(symbols_));
    return attribute_text(semantics::evaluate("nn.full", {}, attributes)[0]);
  }

  void add(const RecordedOperation &operation) {
    if (operation.name == "nn.write") {
      written_[operation.attributes.get<std::string>("state")] = value(operation.operands[0]).number;
      return;
    }
    if (operation.name == "nn.backward") {
      const std::string computation = Run(*this, operation).gradient_text(operation, *this);
      for (std::size_t r = 0; r < operation.results.size(); ++r)
        define(operation.results[r], numbering_.number(computation + "#" + std::to_string(r)));
      return;
    }
    number_results(operation);
  }

  // What is computed from the targets of `backward`, as a function of them; all else as in `outer`.
  Run(const Run &outer, const RecordedOperation &backward) : Run(outer) {
    for (std::size_t i = kFirstTarget; i < backward.operands.size(); ++i)
      targets_.emplace(backward.operands[i], i);
    for (const semantics::RecordedArgument &input : function_.inputs)
      settle_target(input.value);
    for (const RecordedOperation &operation : function_.operations) {
      if (&operation == &backward)
        break;
      const semantics::Operation *known = semantics::find_operation(operation.name);
      if (known && known->differentiable && // else a gradient ends here
          std::any_of(operation.operands.begin(), operation.operands.end(), [&](auto id) { return followed_.count(id) != 0; })) {
        number_results(operation);
        followed_.insert(operation.results.begin(), operation.results.end());
      }
      for (semantics::ValueId result : operation.results)
        settle_target(result);
    }
  }

  void settle_target(semantics::ValueId id) {
    const auto target = targets_.find(id);
    if (target == targets_.end())
      return;
    int64_t &number = values_[static_cast<std::size_t>(id)].number;
    computed_targets_[id] = number; // from targets before it
    number = numbering_.number("target " + std::to_string(target->second));
    followed_.insert(id);
  }

  std::string gradient_text(const RecordedOperation &backward, const Run &outer) const {
    const auto text_in = [](const Run &run, semantics::ValueId id) {
      return id == kAbsent ? " none" : " " + std::to_string(run.value(id).number) + text_of(run.value(id).sizes);
    };
    std::string text = backward.name + text_in(*this, backward.operands[0]) + text_in(outer, backward.operands[0]) +
                       text_in(outer, backward.operands[1]);
    for (std::size_t i = kFirstTarget; i < backward.operands.size(); ++i) {
      const semantics::ValueId id = backward.operands[i];
      text += text_in(*this, id) + " of " + std::to_string(computed_targets_.at(id));
    }
    return text;
  }

  void number_results(const RecordedOperation &operation) {
    std::vector<Sizes> results;
    for (semantics::ValueId result : operation.results) {
      Sizes sizes;
      for (const DimExpr &size : function_.values[static_cast<std::size_t>(result)].sizes)
        sizes.push_back(size.evaluate(symbols_));
      results.push_back(std::move(sizes));
    }
    if (results.size() == 1) {
      define(operation.results[0], number_of(operation, results[0]));
      return;
    }
    const std::string computation = text_of(operation);
    for (std::size_t r = 0; r < results.size(); ++r)
      define(operation.results[r], numbering_.number(computation + "#" + std::to_string(r)));
  }

  int64_t number_of(const RecordedOperation &operation, const Sizes &sizes) {
    const std::string &name = operation.name;
    const auto &attributes = operation.attributes;
    if (name == "nn.read") {
      const std::string &state = attributes.get<std::string>("state");
      if (auto known = written_.find(state); known != written_.end())
        return known->second;
      return numbering_.number("state " + state);
    }
    if (name == "nn.full")
      return numbering_.repeated(element_text(operation), count_of(sizes));
    if (operation.operands.empty() || operation.operands[0] == kAbsent)
      return numbering_.number(text_of(operation));
    const NumberedValue &input = value(operation.operands[0]);
    if (name == "nn.reshape")
      return input.number;
    if (name == "nn.expand" || name == "nn.permute" || name == "nn.slice") {
      if (const std::string *element = numbering_.element_of(input.number))
        return numbering_.repeated(*element, count_of(sizes));
      if (moves_nothing(operation, input, sizes))
        return input.number;
    }
    if (name == "nn.slice_scatter" && count_of(value(operation.operands[1]).sizes) == count_of(sizes))
      return value(operation.operands[1]).number;
    if (name == "nn.slice_scatter" && count_of(value(operation.operands[1]).sizes) == 0)
      return input.number;
    if (name == "nn.cat")
      for (semantics::ValueId part : operation.operands)
        if (count_of(value(part).sizes) == count_of(sizes))
          return value(part).number; // the others have no elements
    if (name == "nn.dropout" && !attributes.get<bool>("training"))
      return input.number;
    if (name == "nn.detach")
      return input.number;
    if (name == "nn.cast" && attributes.get<DType>("dtype") == input.dtype)
      return input.number;
    return numbering_.number(is_broadcasting(name) ? broadcast_text(operation, sizes) : text_of(operation));
  }

  static bool is_broadcasting(const std::string &name) {
    static const std::set<std::string> names = {"nn.relu",    "nn.sigmoid", "nn.tanh", "nn.neg",  "nn.exp",  "nn.log",
                                                "nn.sqrt",    "nn.rsqrt",   "nn.abs",  "nn.add",  "nn.sub",  "nn.mul",
                                                "nn.maximum", "nn.minimum", "nn.div",  "nn.cast", "nn.eq",   "nn.ne",
                                                "nn.lt",      "nn.le",      "nn.gt",   "nn.ge",   "nn.where"};
    return names.count(name) != 0;
  }

  bool moves_nothing(const RecordedOperation &operation, const NumberedValue &input, const Sizes &sizes) const {
    if (operation.name != "nn.permute")
      return count_of(input.sizes) == count_of(sizes);
    int64_t previous = -1;
    for (int64_t dim : operation.attributes.get<Sizes>("dims")) {
      if (input.sizes[static_cast<std::size_t>(dim)] == 1)
        continue;
      if (dim < previous)
        return false;
      previous = dim;
    }
    return true;
  }

  // An element-wise operation: dimensions of size 1 in the result say nothing.
  std::string broadcast_text(const RecordedOperation &operation, const Sizes &sizes) const {
    std::string text = operation.name + dtype_text(operation);
    for (semantics::ValueId operand : operation.operands) {
      const NumberedValue &input = value(operand);
      if (const std::string *element = numbering_.element_of(input.number)) {
        text += " all " + *element + std::string(runtime::name(input.dtype));
        continue;
      }
      Sizes kept;
      const std::size_t added = sizes.size() - input.sizes.size();
      for (std::size_t d = 0; d < sizes.size(); ++d)
        if (sizes[d] != 1)
          kept.push_back(d < added ? 1 : input.sizes[d - added]);
      while (!kept.empty() && kept.front() == 1)
        kept.erase(kept.begin());
      text += " " + std::to_string(input.number) + text_of(kept);
    }
    Sizes kept;
    std::copy_if(sizes.begin(), sizes.end(), std::back_inserter(kept), [](int64_t size) { return size != 1; });
    return text + text_of(kept);
  }

  std::string dtype_text(const RecordedOperation &operation) const {
    const auto *dtype = operation.attributes.get_if<DType>("dtype");
    return dtype ? " " + std::string(runtime::name(*dtype)) : "";
  }

  std::string text_of(const RecordedOperation &operation) const {
    std::string text = operation.name;
    for (const auto &[name, attribute] : operation.attributes)
      text += " " + name + "=" + attribute_text(attribute);
    for (semantics::ValueId operand : operation.operands) {
      if (operand == kAbsent) {
        text += " none";
        continue;
      }
      Sizes sizes = value(operand).sizes;
      // Rows of a linear layer's input are alike, however many dimensions count them.
      if (operation.name == "nn.linear" && operand == operation.operands[0])
        sizes.erase(sizes.begin(), sizes.end() - 1);
      text += " " + std::to_string(value(operand).number) + text_of(sizes);
    }
    return text;
  }
  static std::string text_of(const Sizes &sizes) { return detail::text_of(sizes); }

  Numbering &numbering_;
  const RecordedFunction &function_;
  std::map<std::string, int64_t> symbols_;
  std::vector<NumberedValue> values_;
  std::map<std::string, int64_t> written_; // numbers that states hold

  // Of the numbering of an nn.backward.
  static constexpr std::size_t kFirstTarget = 2;           // behind the loss and its gradient
  std::map<semantics::ValueId, std::size_t> targets_;      // places among its operands
  std::map<semantics::ValueId, int64_t> computed_targets_; // what they are
  std::set<semantics::ValueId> followed_;                  // values through which a gradient reaches a target
};

} // namespace

bool same_computation(const MergedFunction &general, const Trace &special) {
  try {
    Numbering numbering;
    const Run a(numbering, general.function, special.symbols), b(numbering, special.function, {});
    return a.outputs() == b.outputs() && a.written() == b.written() &&
           a.numbers_of(general.gradients) == b.numbers_of(special.gradients);
  } catch (const runtime::Error &) { // a part that does not fit: what the numbers are not for
    return false;
  }
}

} // namespace kiln::detail
