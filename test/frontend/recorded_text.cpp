// A recorded program as text, and run by the reference kernels.
#include "recorded_text.h"

#include <stdexcept>

namespace kiln::test {

namespace {

using semantics::Attribute;
using semantics::DimExpr;

std::string number_text(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  return text.back() == '.' ? text.substr(0, text.size() - 1) : text;
}

std::string attribute_text(const Attribute &attribute) {
  return std::visit(
      [](const auto &value) -> std::string {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, bool>)
          return value ? "true" : "false";
        else if constexpr (std::is_same_v<T, int64_t>)
          return std::to_string(value);
        else if constexpr (std::is_same_v<T, double>)
          return number_text(value);
        else if constexpr (std::is_same_v<T, std::string>)
          return value;
        else if constexpr (std::is_same_v<T, runtime::DType>)
          return std::string(runtime::name(value));
        else if constexpr (std::is_same_v<T, DimExpr>)
          return value.text();
        else if constexpr (std::is_same_v<T, std::vector<int64_t>>)
          return runtime::shape_text(value);
        else if constexpr (std::is_same_v<T, std::vector<DimExpr>>)
          return semantics::shape_text(value);
        else if constexpr (std::is_same_v<T, runtime::Tensor>)
          return "tensor" + value.shape_text();
        else
          return "numbers";
      },
      attribute);
}

// Sizes of a symbolic attribute for a call, as constants.
semantics::Attributes with_sizes(const semantics::Attributes &attributes, const std::map<std::string, int64_t> &symbols) {
  semantics::Attributes result;
  for (const auto &[name, attribute] : attributes) {
    if (const auto *size = std::get_if<DimExpr>(&attribute)) {
      result.set(name, DimExpr(size->evaluate(symbols)));
    } else if (const auto *sizes = std::get_if<std::vector<DimExpr>>(&attribute)) {
      std::vector<DimExpr> constants;
      for (const DimExpr &size : *sizes)
        constants.push_back(size.evaluate(symbols));
      result.set(name, constants);
    } else {
      result.set(name, attribute);
    }
  }
  return result;
}

// nn.backward by central differences: how the loss changes with each element of each target, where nn.detach, and whatever is no
// pure operation, keeps its value. Only good in double, on functions that are smooth where they are evaluated.
std::vector<runtime::Tensor> numeric_gradients(const semantics::RecordedFunction &function, std::size_t backward,
                                               const std::vector<runtime::Tensor> &values,
                                               const std::map<std::string, int64_t> &symbols) {
  auto at = [](auto &list, semantics::ValueId id) -> auto & { return list[static_cast<std::size_t>(id)]; };
  const std::vector<semantics::ValueId> &operands = function.operations[backward].operands;
  auto loss_with = [&](semantics::ValueId target, const runtime::Tensor &value) {
    std::vector<runtime::Tensor> changed(values.size());
    at(changed, target) = value;
    for (std::size_t i = 0; i < backward; ++i) {
      const semantics::RecordedOperation &operation = function.operations[i];
      bool depends = false, is_target = false;
      std::vector<runtime::Tensor> inputs;
      for (semantics::ValueId operand : operation.operands) {
        inputs.push_back(operand == semantics::kAbsent ? runtime::Tensor() : at(values, operand));
        if (operand != semantics::kAbsent && at(changed, operand).defined()) {
          inputs.back() = at(changed, operand);
          depends = true;
        }
      }
      for (semantics::ValueId result : operation.results)
        is_target = is_target || result == target;
      if (!depends || is_target || operation.name == "nn.detach" || operation.name == "nn.write" || operation.name == "nn.backward")
        continue;
      const auto results = semantics::evaluate(operation.name, inputs, with_sizes(operation.attributes, symbols));
      for (std::size_t r = 0; r < results.size(); ++r)
        at(changed, operation.results[r]) = results[r];
    }
    const auto &losses = at(changed, operands[0]).defined() ? changed : values;
    const runtime::Tensor loss = at(losses, operands[0]).contiguous();
    const runtime::Tensor weights =
        operands[1] == semantics::kAbsent ? runtime::Tensor() : at(values, operands[1]).contiguous();
    double total = 0;
    for (int64_t e = 0; e < loss.numel(); ++e)
      total += loss.data<double>()[e] * (weights.defined() ? weights.data<double>()[e] : 1);
    return total;
  };
  std::vector<runtime::Tensor> gradients;
  for (std::size_t t = 2; t < operands.size(); ++t) {
    const runtime::Tensor base = at(values, operands[t]).contiguous();
    runtime::Tensor gradient = base.clone();
    for (int64_t e = 0; e < base.numel(); ++e) {
      constexpr double kStep = 1e-5;
      double difference = 0;
      for (double sign : {1.0, -1.0}) {
        const runtime::Tensor moved = base.clone();
        moved.data<double>()[e] += sign * kStep;
        difference += sign * loss_with(operands[t], moved);
      }
      gradient.data<double>()[e] = difference / (2 * kStep);
    }
    gradients.push_back(gradient);
  }
  return gradients;
}

} // namespace

std::string text(const semantics::RecordedFunction &function) {
  std::string result;
  for (const semantics::RecordedOperation &operation : function.operations) {
    for (semantics::ValueId value : operation.results)
      result += "%" + std::to_string(value) + " " + function.values[static_cast<std::size_t>(value)].shape_text() + " = ";
    result += operation.name.substr(3);
    for (semantics::ValueId operand : operation.operands)
      result += operand == semantics::kAbsent ? " none" : " %" + std::to_string(operand);
    std::string attributes;
    for (const auto &[name, attribute] : operation.attributes)
      attributes += (attributes.empty() ? "" : ", ") + name + "=" + attribute_text(attribute);
    if (!attributes.empty())
      result += " {" + attributes + "}";
    if (!operation.module_path.empty())
      result += " @" + operation.module_path;
    result += "\n";
  }
  result += "return";
  for (const semantics::RecordedArgument &output : function.outputs)
    result += " " + output.name + "=%" + std::to_string(output.value);
  return result + "\n";
}

const semantics::RecordedFunction &function(const recording::Recording &recording, const std::string &name) {
  for (const semantics::RecordedFunction &function : recording.program.functions)
    if (name.empty() || function.name == name)
      return function;
  throw std::out_of_range("no function " + name);
}

std::map<std::string, runtime::Tensor> initial_state(const recording::Recording &recording) {
  std::map<std::string, runtime::Tensor> state;
  for (const semantics::RecordedState &entry : recording.program.states)
    state[entry.path] = entry.initial.clone();
  return state;
}

std::vector<runtime::Tensor> interpret(const semantics::RecordedFunction &function, const std::vector<runtime::Tensor> &inputs,
                                       std::map<std::string, runtime::Tensor> &state) {
  std::vector<runtime::Tensor> values(function.values.size());
  std::map<std::string, int64_t> symbols;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const semantics::ValueId id = function.inputs[i].value;
    values[static_cast<std::size_t>(id)] = inputs[i];
    const auto &sizes = function.values[static_cast<std::size_t>(id)].sizes;
    for (std::size_t d = 0; d < sizes.size(); ++d)
      if (auto symbol = sizes[d].as_symbol())
        symbols[*symbol] = inputs[i].size(static_cast<int64_t>(d));
  }
  for (std::size_t i = 0; i < function.operations.size(); ++i) {
    const semantics::RecordedOperation &operation = function.operations[i];
    std::vector<runtime::Tensor> operands;
    for (semantics::ValueId operand : operation.operands)
      operands.push_back(operand == semantics::kAbsent ? runtime::Tensor() : values[static_cast<std::size_t>(operand)]);
    std::vector<runtime::Tensor> results;
    if (operation.name == "nn.read")
      results = {state.at(operation.attributes.get<std::string>("state")).clone()};
    else if (operation.name == "nn.write")
      state[operation.attributes.get<std::string>("state")] = operands[0].clone();
    else if (operation.name == "nn.backward")
      results = numeric_gradients(function, i, values, symbols);
    else
      results = semantics::evaluate(operation.name, operands, with_sizes(operation.attributes, symbols));
    for (std::size_t r = 0; r < results.size(); ++r)
      values[static_cast<std::size_t>(operation.results[r])] = results[r];
  }
  std::vector<runtime::Tensor> outputs;
  for (const semantics::RecordedArgument &output : function.outputs)
    outputs.push_back(values[static_cast<std::size_t>(output.value)]);
  return outputs;
}

} // namespace kiln::test
