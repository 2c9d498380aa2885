//===- reduction.cpp - The smallest program with the same fault -----------===//
//
// Implements reduce: tries one smaller program after another and keeps those that still have the fault.
//
//===----------------------------------------------------------------------===//

#include "agreement.h"

#include "kiln/runtime/error.h"

#include <algorithm>
#include <set>

namespace kiln::random {

namespace {

using semantics::RecordedFunction;
using semantics::RecordedOperation;

bool has(const std::vector<ValueId> &values, ValueId value) { return std::ranges::find(values, value) != values.end(); }

/// Drops the operations and inputs that nothing needs, and states that are not read or written.
void removeUnused(Case &given) {
  RecordedFunction &function = given.program.functions[0];
  std::set<ValueId> used;
  for (const semantics::RecordedArgument &output : function.outputs)
    used.insert(output.value);
  std::vector<RecordedOperation> kept;
  for (auto operation = function.operations.rbegin(); operation != function.operations.rend(); ++operation) {
    bool needed = operation->name == "nn.write" ||
                  std::ranges::any_of(operation->results, [&](ValueId result) { return used.contains(result); });
    if (!needed)
      continue;
    used.insert(operation->operands.begin(), operation->operands.end());
    kept.push_back(*operation);
  }
  function.operations.assign(kept.rbegin(), kept.rend());

  std::set<std::string> states;
  for (const RecordedOperation &operation : function.operations)
    if (const auto *path = operation.attributes.get_if<std::string>("state"))
      states.insert(*path);
  std::erase_if(given.program.states, [&](const semantics::RecordedState &state) { return !states.contains(state.path); });
  std::erase_if(given.program.state_names, [&](const semantics::RecordedStateName &name) { return !states.contains(name.state); });

  // Inputs keep their places: values of inputs are drawn by place. So only from the end.
  while (!function.inputs.empty() && !used.contains(function.inputs.back().value)) {
    function.inputs.pop_back();
    given.limits.pop_back();
  }
}

class Reducer {
public:
  Reducer(Case given, const Agreement &agreement) : best(std::move(given)), agreement(agreement) {}

  Case run() {
    for (bool smaller = true; smaller;) {
      smaller = false;
      for (size_t i = best.program.functions[0].outputs.size(); i-- > 0;)
        smaller |= tryWithout(i);
      for (size_t i = best.program.functions[0].operations.size(); i-- > 0;)
        smaller |= i < best.program.functions[0].operations.size() && tryInput(i);
    }
    return best;
  }

private:
  bool keepIfFaulty(Case candidate) {
    removeUnused(candidate);
    try {
      if (!isSame(check(candidate)))
        return false;
    } catch (const runtime::Error &) {
      return false; // no program any more
    }
    best = std::move(candidate);
    return true;
  }

  /// Of programs that do not compile, the reason is the same too, but for the numbers in it.
  bool isSame(const Agreement &other) const {
    return other.fault == agreement.fault &&
           (other.fault != Fault::DoesNotCompile || reasonOf(other.message) == reasonOf(agreement.message));
  }

  static std::string reasonOf(const std::string &message) {
    std::string line = message.substr(0, message.find('\n'));
    std::erase_if(line, [](char c) { return c >= '0' && c <= '9'; });
    return line;
  }

  bool tryWithout(size_t output) {
    Case candidate = best;
    auto &outputs = candidate.program.functions[0].outputs;
    if (outputs.size() == 1)
      return false;
    outputs.erase(outputs.begin() + static_cast<ptrdiff_t>(output));
    return keepIfFaulty(std::move(candidate));
  }

  /// Makes the results of an operation inputs; a write or a gradient just goes.
  bool tryInput(size_t index) {
    Case candidate = best;
    RecordedFunction &function = candidate.program.functions[0];
    RecordedOperation operation = function.operations[index];
    if (operation.name == "nn.read")
      return false;
    function.operations.erase(function.operations.begin() + static_cast<ptrdiff_t>(index));
    for (ValueId result : operation.results) {
      bool used = std::ranges::any_of(function.outputs, [&](const auto &output) { return output.value == result; }) ||
                  std::ranges::any_of(function.operations, [&](const auto &other) { return has(other.operands, result); });
      if (!used)
        continue;
      function.inputs.push_back({"r" + std::to_string(result), result});
      candidate.limits.push_back(2);
    }
    return keepIfFaulty(std::move(candidate));
  }

  Case best;
  Agreement agreement;
};

} // namespace

Case reduce(Case given, const Agreement &agreement) { return Reducer(std::move(given), agreement).run(); }

} // namespace kiln::random
