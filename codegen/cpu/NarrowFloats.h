//===- NarrowFloats.h - 16-bit floats as the processor has them ---*- C++ -*-===//
//
// No level of x86-64 computes with f16 or bf16, and conversions that a processor lacks would become calls of a support library, which
// compiled code does not have.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_CPU_NARROWFLOATS_H
#define KILN_CODEGEN_CPU_NARROWFLOATS_H

#include "InstructionSet.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace kiln::codegen {

/// Makes every operation of `arith` and `math` on f16 or bf16 one on f32 between conversions, and conversions that the instruction
/// set lacks integer arithmetic: to nearest, ties to even, subnormals exact, NaN kept. Runs before `expandMath`.
void expandNarrowFloats(mlir::LLVM::LLVMFuncOp function, const InstructionSet &target);

} // namespace kiln::codegen

#endif // KILN_CODEGEN_CPU_NARROWFLOATS_H
