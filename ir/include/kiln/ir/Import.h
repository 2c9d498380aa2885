//===- Import.h - From a recorded program to a module --------------*- C++ -*-===//
//
// Turns what the DSL recorded (kiln/semantics/program.h) into a module of the nn dialect, one operation an entry.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_IR_IMPORT_H
#define KILN_IR_IMPORT_H

#include "kiln/ir/SourceResolver.h"
#include "kiln/semantics/program.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace kiln::ir {

/// Null after reporting errors through the context's diagnostics. The module has passed the verifier. Initial values of 1 KiB and
/// more share the storage of the recorded tensors.
mlir::OwningOpRef<mlir::ModuleOp> importProgram(const semantics::RecordedProgram &program, mlir::MLIRContext &context,
                                                SourceResolver &resolver);

} // namespace kiln::ir

#endif // KILN_IR_IMPORT_H
