//===- interpreted_program.h - the interpreter as an artifact ----*- C++ -*-===//
//
// Dresses a module of the nn dialect as a compiled program whose functions are run by the reference interpreter. `kiln run
// --interpret` so takes the very same command line, reads inputs, weights and outputs by the same code and gives the same errors
// as compiled code.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_TOOLS_KILN_INTERPRETED_PROGRAM_H
#define KILN_TOOLS_KILN_INTERPRETED_PROGRAM_H

#include <memory>

#include "kiln/runtime/program.h"
#include "mlir/IR/BuiltinOps.h"

namespace kiln::tools {

class InterpretedProgram {
public:
  /// With `computeInDouble`, floating-point values are promoted to f64 and outputs are f64. The module must outlive the program,
  /// and there is one at a time. Throws CommandFailure for a module that no artifact could be made of.
  InterpretedProgram(mlir::ModuleOp module, bool computeInDouble);
  ~InterpretedProgram();

  runtime::Program program() const;

  struct Tables;

private:
  std::unique_ptr<Tables> tables;
};

} // namespace kiln::tools

#endif // KILN_TOOLS_KILN_INTERPRETED_PROGRAM_H
