//===- Ops.h - Operations of the nn dialect ------------------------*- C++ -*-===//
//
// Declares every operation. Computing operations infer their result types: `ReluOp::create(builder, location, x)`. That is fatal
// where the operands do not fit; code that can't know uses createOperation (kiln/ir/Build.h), which reports an error.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_IR_OPS_H
#define KILN_IR_OPS_H

#include "kiln/ir/Dialect.h"
#include "kiln/ir/Interfaces.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#define GET_OP_CLASSES
#include "kiln/ir/NNOps.h.inc"

#endif // KILN_IR_OPS_H
