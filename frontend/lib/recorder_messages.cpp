// What the recorder adds to errors: the module that runs, the operands, and the module that an operand came from.
#include <algorithm>
#include <functional>
#include <map>

#include "errors.h"
#include "program_recorder.h"
#include "recorder.h"

namespace kiln::detail {

using semantics::Attributes;
using semantics::DimExpr;
using semantics::kAbsent;
using semantics::TensorType;
using semantics::ValueId;

namespace {

// Stand-in numbers of the first runs are primes above this, so a size that they divide comes from them.
constexpr int64_t kSmallestTellingNumber = 1000;
constexpr int64_t kLargestOffset = 16;

std::string short_name(const std::string &operation) { return operation.substr(operation.find('.') + 1); }

std::string module_text(ProgramRecorder &program, const nn::Module &module) {
  const std::string path = program.path_text(module), text = module.text();
  const bool one_line = text.find('\n') == std::string::npos;
  const std::string description = one_line ? text : module.name();
  return path.empty() ? "the model (" + description + ")" : "module '" + path + "' (" + description + ")";
}

} // namespace

std::optional<DimExpr> Recorder::expression_of(int64_t size) const {
  if (size < kSmallestTellingNumber - kLargestOffset)
    return std::nullopt;
  DimExpr expression = 1;
  int64_t rest = size;
  for (const auto &[name, value] : trace_.symbols) {
    if (value < kSmallestTellingNumber)
      continue;
    while (rest % value == 0) {
      expression = expression * DimExpr::symbol(name);
      rest /= value;
    }
  }
  if (rest != size)
    return expression * rest;
  for (const auto &[name, value] : trace_.symbols)
    if (value >= kSmallestTellingNumber && std::abs(size - value) <= kLargestOffset)
      return DimExpr::symbol(name) + (size - value);
  return std::nullopt;
}

std::string Recorder::size_text(int64_t size) const {
  const std::optional<DimExpr> expression = expression_of(size);
  return expression ? expression->text() : std::to_string(size);
}

TensorType Recorder::symbolic_type(const TensorType &type) const {
  TensorType result = type;
  for (DimExpr &size : result.sizes)
    if (std::optional<DimExpr> expression = expression_of(*size.constant()))
      size = *expression;
  return result;
}

std::string Recorder::place_text() const {
  const nn::Module *module = running_module();
  return module ? "\nin " + module_text(program_, *module) : "";
}

std::string place_text() {
  const Recorder *recorder = Recorder::current();
  return recorder ? recorder->place_text() : "";
}

// Follows a value back through operations on it alone to the module that returned it.
std::string Recorder::source_of(ValueId value) const {
  std::string through;
  const nn::Module *running = running_module();
  for (int steps = 0; steps < 64; ++steps) {
    if (auto found = returned_by_.find(value); found != returned_by_.end() && found->second != running)
      return module_text(program_, *found->second) + (through.empty() ? "" : ", through " + through);
    auto definition = defined_by_.find(value);
    if (definition == defined_by_.end()) {
      for (const semantics::RecordedArgument &input : trace_.function.inputs)
        if (input.value == value)
          return "input '" + input.name + "'" + (through.empty() ? "" : ", through " + through);
      return "";
    }
    const semantics::RecordedOperation &operation = trace_.function.operations[definition->second];
    ValueId only = kAbsent;
    for (ValueId operand : operation.operands) {
      if (operand == kAbsent)
        continue;
      auto producer = defined_by_.find(operand);
      if (producer != defined_by_.end()) {
        const std::string &name = trace_.function.operations[producer->second].name;
        if (name == "nn.read" || name == "nn.constant" || name == "nn.full")
          continue;
      }
      if (only != kAbsent)
        return "";
      only = operand;
    }
    if (only == kAbsent)
      return "";
    through = short_name(operation.name) + (through.empty() ? "" : " and " + through);
    value = only;
  }
  return "";
}

std::string Recorder::describe_failure(const std::string &operation, const std::vector<ValueId> &operands,
                                       const Attributes &attributes, const std::string &message) const {
  // Say it again with the names of sizes instead of this run's numbers.
  std::string text = message;
  auto with_names = [&](const Attributes &given) {
    Attributes symbolic = given;
    for (const auto &[name, attribute] : given)
      if (const auto *sizes = std::get_if<std::vector<DimExpr>>(&attribute)) {
        std::vector<DimExpr> renamed;
        for (const DimExpr &size : *sizes)
          renamed.push_back(expression_of(*size.constant()).value_or(size));
        symbolic.set(name, renamed);
      }
    return symbolic;
  };
  // expression_of guesses from a number alone. Where sizes were computed from named ones, as half an image's height is, the
  // operations know better.
  std::map<ValueId, TensorType> known;
  std::function<TensorType(ValueId)> named_type = [&](ValueId value) {
    if (auto found = known.find(value); found != known.end())
      return found->second;
    TensorType result = symbolic_type(type(value));
    if (auto definition = defined_by_.find(value); definition != defined_by_.end()) {
      const semantics::RecordedOperation &recorded = trace_.function.operations[definition->second];
      std::vector<std::optional<TensorType>> types;
      for (ValueId operand : recorded.operands)
        types.push_back(operand == kAbsent ? std::nullopt : std::optional(named_type(operand)));
      const auto place = std::find(recorded.results.begin(), recorded.results.end(), value) - recorded.results.begin();
      try {
        const std::vector<DimExpr> sizes =
            semantics::infer(recorded.name, types, with_names(recorded.attributes)).at(static_cast<std::size_t>(place)).sizes;
        for (std::size_t d = 0; d < sizes.size(); ++d)
          if (!sizes[d].is_constant() && type(value).sizes.at(d) == sizes[d].evaluate(trace_.symbols))
            result.sizes[d] = sizes[d];
      } catch (const runtime::Error &) { // not in the table, as nn.read, or only the numbers are known to fit
      }
    }
    return known[value] = result;
  };
  std::vector<std::optional<TensorType>> types;
  for (ValueId operand : operands)
    types.push_back(operand == kAbsent ? std::nullopt : std::optional(named_type(operand)));
  try {
    semantics::infer(operation, types, with_names(attributes));
  } catch (const runtime::Error &error) {
    text = error.what();
  }
  text += place_text();
  std::string operand_list;
  for (const std::optional<TensorType> &type : types)
    if (type)
      operand_list += (operand_list.empty() ? "" : ", ") + std::string(runtime::name(type->dtype)) + type->shape_text();
  if (!operand_list.empty())
    text += "\noperands of " + short_name(operation) + ": " + operand_list;
  for (std::size_t i = 0; i < operands.size(); ++i)
    if (operands[i] != kAbsent)
      if (const std::string source = source_of(operands[i]); !source.empty())
        text += "\n" + types[i]->shape_text() + " comes from " + source;
  return text;
}

} // namespace kiln::detail
