//===- MathExpansion.h - functions without a library --------------*- C++ -*-===//
//
// Compiled code imports nothing, so what libm would compute is written out as polynomials: branch-free, alike for scalars and
// vectors, within 2 units in the last place.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_CPU_MATHEXPANSION_H
#define KILN_CODEGEN_CPU_MATHEXPANSION_H

#include "InstructionSet.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace kiln::codegen {

/// Replaces every operation of `math` that the instruction set has no instruction for. Fails with a diagnostic at `location`, the
/// op that the function was made for, if one has no expansion.
mlir::LogicalResult expandMath(mlir::LLVM::LLVMFuncOp function, const InstructionSet &target, mlir::Location location);

} // namespace kiln::codegen

#endif // KILN_CODEGEN_CPU_MATHEXPANSION_H
