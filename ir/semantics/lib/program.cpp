// Checks of recorded programs: states, modules, functions. Those of gradients and optimizers are in
// program_training.cpp.
#include "kiln/semantics/program.h"

#include <set>

#include "kiln/runtime/error.h"
#include "program_training.h"

namespace kiln::semantics {

using runtime::ValueError;

namespace {

std::string type_text(const TensorType &type) {
  return std::string(runtime::name(type.dtype)) + type.shape_text();
}

class Checker {
public:
  explicit Checker(const RecordedProgram &program) : program_(program) {}

  void check() {
    where_ = "program '" + program_.name + "'";
    require_name(program_.name, "program");
    check_states();
    check_modules();
    std::set<std::string> names;
    for (const RecordedFunction &function : program_.functions) {
      where_ = "program '" + program_.name + "'";
      require_new_name(function.name, names, "function");
      check_function(function);
    }
    where_ = "program '" + program_.name + "'";
    check_training(program_, where_);
  }

private:
  [[noreturn]] void fail(const std::string &what) const { throw ValueError(where_ + ": " + what); }

  void require_name(const std::string &name, const std::string &kind) const {
    if (name.empty())
      fail("the name of " + std::string(kind.find_first_of("aeio") == 0 ? "an " : "a ") + kind +
           " is empty");
  }

  void require_new_name(const std::string &name, std::set<std::string> &names,
                        const std::string &kind) const {
    require_name(name, kind);
    if (!names.insert(name).second)
      fail("two " + kind + "s are named '" + name + "'");
  }

  void check_states() {
    std::set<std::string> names;
    for (const RecordedState &state : program_.states) {
      require_new_name(state.path, states_, "state");
      if (!state.initial.defined() || !state.initial.is_contiguous())
        fail("state '" + state.path + "' has no contiguous initial value");
      state_types_.emplace(state.path, type_of(state.initial));
    }
    for (const RecordedStateName &entry : program_.state_names) {
      require_new_name(entry.name, names, "state name");
      if (!states_.count(entry.state))
        fail("state name '" + entry.name + "' stands for '" + entry.state + "', which is no state");
    }
  }

  void check_modules() const {
    std::set<std::string> paths;
    for (std::size_t i = 0; i < program_.modules.size(); ++i) {
      const RecordedModule &module = program_.modules[i];
      if (!paths.insert(module.path).second)
        fail("two modules have the path '" + module.path + "'");
      if (module.parent < -1 || module.parent >= static_cast<int32_t>(i))
        fail("module '" + module.path + "' has parent " + std::to_string(module.parent) +
             ", but parents come before their children");
      require_name(module.type, "module's type");
    }
  }

  void check_function(const RecordedFunction &function) {
    where_ = "function '" + function.name + "' of program '" + program_.name + "'";
    function_ = &function;
    defined_.assign(function.values.size(), false);
    std::set<std::string> inputs, outputs;
    for (const RecordedArgument &input : function.inputs) {
      require_new_name(input.name, inputs, "input");
      define(input.value, "input '" + input.name + "'");
    }
    for (std::size_t i = 0; i < function.operations.size(); ++i) {
      const RecordedOperation &operation = function.operations[i];
      const std::string base = where_;
      where_ += ", operation " + std::to_string(i) + " (" + operation.name + ")";
      if (!operation.module_path.empty())
        where_ += " in module '" + operation.module_path + "'";
      check_operation(operation);
      where_ = base;
    }
    for (const RecordedArgument &output : function.outputs) {
      require_new_name(output.name, outputs, "output");
      require_defined(output.value, "output '" + output.name + "'");
    }
  }

  void check_operation(const RecordedOperation &operation) {
    std::vector<std::optional<TensorType>> operands;
    for (std::size_t i = 0; i < operation.operands.size(); ++i) {
      const ValueId value = operation.operands[i];
      if (value == kAbsent) {
        operands.push_back(std::nullopt);
        continue;
      }
      require_defined(value, "operand " + std::to_string(i));
      operands.push_back(type(value));
    }
    const std::vector<TensorType> expected = result_types(operation, operands);
    if (operation.results.size() != expected.size())
      fail("has " + std::to_string(operation.results.size()) + " results, but " +
           std::to_string(expected.size()) + " are inferred");
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const std::string what = "result " + std::to_string(i);
      define(operation.results[i], what);
      if (!(type(operation.results[i]) == expected[i]))
        fail(what + " is recorded as " + type_text(type(operation.results[i])) + ", but " +
             type_text(expected[i]) + " is inferred");
    }
  }

  std::vector<TensorType>
  result_types(const RecordedOperation &operation,
               const std::vector<std::optional<TensorType>> &operands) const {
    try {
      if (operation.name == "nn.read") {
        if (!operands.empty())
          fail("takes no operands, but has " + std::to_string(operands.size()));
        return {state_type(operation)};
      }
      if (operation.name == "nn.write") {
        if (operands.size() != 1 || !operands[0])
          fail("takes the one value to write");
        if (const TensorType &state = state_type(operation); !(state == *operands[0]))
          fail("writes " + type_text(*operands[0]) + " to state '" +
               operation.attributes.get<std::string>("state") + "', which is " + type_text(state));
        return {};
      }
      if (operation.name == "nn.backward")
        return infer_backward(operands);
      return infer(operation.name, operands, operation.attributes);
    } catch (const ValueError &error) {
      if (std::string_view(error.what()).starts_with(where_))
        throw;
      fail(error.what());
    } catch (const runtime::Error &error) {
      fail(error.what());
    }
  }

  const TensorType &state_type(const RecordedOperation &operation) const {
    const std::string &path = operation.attributes.get<std::string>("state");
    auto found = state_types_.find(path);
    if (found == state_types_.end())
      fail("'" + path + "' is no state of the program");
    return found->second;
  }

  const TensorType &type(ValueId value) const {
    return function_->values[static_cast<std::size_t>(value)];
  }

  void require_in_range(ValueId value, const std::string &what) const {
    if (value < 0 || static_cast<std::size_t>(value) >= function_->values.size())
      fail(what + " is value " + std::to_string(value) + ", but there are " +
           std::to_string(function_->values.size()) + " values");
  }

  void require_defined(ValueId value, const std::string &what) const {
    require_in_range(value, what);
    if (!defined_[static_cast<std::size_t>(value)])
      fail(what + " is value " + std::to_string(value) + ", which nothing before it defines");
  }

  void define(ValueId value, const std::string &what) {
    require_in_range(value, what);
    if (defined_[static_cast<std::size_t>(value)])
      fail(what + " is value " + std::to_string(value) + ", which is defined already");
    defined_[static_cast<std::size_t>(value)] = true;
  }

  const RecordedProgram &program_;
  const RecordedFunction *function_ = nullptr;
  std::string where_;
  std::set<std::string> states_;
  std::map<std::string, TensorType> state_types_;
  std::vector<bool> defined_;
};

} // namespace

void check_program(const RecordedProgram &program) { Checker(program).check(); }

} // namespace kiln::semantics
