//===- TrainingSyntax.h - Optimizers as text -----------------------*- C++ -*-===//
//
// Directives of the op definitions: the operand lists of optimizer steps, and parameter groups.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_IR_LIB_TRAININGSYNTAX_H
#define KILN_IR_LIB_TRAININGSYNTAX_H

#include "kiln/ir/Ops.h"

namespace kiln::ir {

using UnresolvedOperands = llvm::SmallVectorImpl<mlir::OpAsmParser::UnresolvedOperand>;

/// "parameters(%a, %b) gradients(%c, %d) momentum_buffers(%e, %f) steps %s lr %l"; the third list only where there is one
mlir::ParseResult parseSgdOperands(mlir::OpAsmParser &parser, UnresolvedOperands &operands, mlir::IntegerAttr &count);
void printSgdOperands(mlir::OpAsmPrinter &printer, mlir::Operation *op, mlir::OperandRange operands, mlir::IntegerAttr count);

/// "parameters(%a) gradients(%b) exp_avgs(%c) exp_avg_sqs(%d) max_exp_avg_sqs(%e) steps %s lr %l"; the last list likewise
mlir::ParseResult parseAdamOperands(mlir::OpAsmParser &parser, UnresolvedOperands &operands, mlir::IntegerAttr &count);
void printAdamOperands(mlir::OpAsmPrinter &printer, mlir::Operation *op, mlir::OperandRange operands, mlir::IntegerAttr count);

/// "[{parameters = [@w], lr = @lr, options = {eps = 1.0e-8 : f64}, slots = {exp_avg = [@m]}}, ...]"
mlir::ParseResult parseParameterGroups(mlir::OpAsmParser &parser, mlir::ArrayAttr &groups);
void printParameterGroups(mlir::OpAsmPrinter &printer, mlir::Operation *op, mlir::ArrayAttr groups);

} // namespace kiln::ir

#endif // KILN_IR_LIB_TRAININGSYNTAX_H
