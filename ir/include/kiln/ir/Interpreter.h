//===- Interpreter.h - Reference interpreter of the nn dialect ------*- C++ -*-===//
//
// Runs a function of a module on tensors, each operation by its reference kernel: the oracle of tests and of --verify. Fused regions
// are run as written: the anchor, then the body element by element.
//
// All errors are thrown as runtime::Error; those about inputs begin with the function and the argument.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_IR_INTERPRETER_H
#define KILN_IR_INTERPRETER_H

#include "kiln/ir/Ops.h"
#include "kiln/runtime/tensor.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace kiln::ir {

/// Values of a program's states, by path; they outlive a call.
class StateStore {
public:
  StateStore() = default;
  /// The initial values of the module's states; zeros where one has none.
  explicit StateStore(mlir::ModuleOp module);

  /// Throws runtime::KeyError when there is no such state.
  const runtime::Tensor &get(const std::string &path) const;
  /// Replaces the tensor: a handle that was read before keeps the old value.
  void set(const std::string &path, runtime::Tensor value);
  bool has(const std::string &path) const { return values.count(path) != 0; }

private:
  std::map<std::string, runtime::Tensor> values;
};

struct InterpreterOptions {
  /// Floating-point inputs, states and constants are converted to f64 first and every operation computes in it; so the result is free
  /// of the rounding of the program's own types. Results, and states that the call writes, are f64.
  bool computeInDouble = false;
  /// With computeInDouble, applied to every floating-point value that the program's inputs, states and operations give: the value, and
  /// the type that the program has it in. So a test finds what rounding can make of a result.
  std::function<runtime::Tensor(const runtime::Tensor &value, runtime::DType dtype)> rounding;
};

/// Runs `function` on `inputs` (its arguments, in order) and gives its results. Prepared values are computed from the states as they
/// are at the beginning.
std::vector<runtime::Tensor> interpret(mlir::func::FuncOp function, llvm::ArrayRef<runtime::Tensor> inputs, StateStore &states,
                                       const InterpreterOptions &options = {});

} // namespace kiln::ir

#endif // KILN_IR_INTERPRETER_H
