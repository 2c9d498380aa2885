//===- SizeSyntax.h - Size expressions as text ---------------------*- C++ -*-===//
//
// Reads and prints size expressions, inside #nn.dim and #nn.shape, and the short forms of ops ("[batch, 64]", "[0 : 8 : 2]").
//
//===----------------------------------------------------------------------===//

#ifndef KILN_IR_LIB_SIZESYNTAX_H
#define KILN_IR_LIB_SIZESYNTAX_H

#include "kiln/ir/Ops.h"

namespace kiln::ir {

/// Reads one expression; stops before the first token that does not continue it. Text of any length and depth is safe: what
/// exceeds dim_c1 is an error.
mlir::FailureOr<semantics::DimExpr> parseSize(mlir::AsmParser &parser);
/// Reads expressions separated by commas, at least one.
mlir::ParseResult parseSizes(mlir::AsmParser &parser, llvm::SmallVectorImpl<DimAttr> &sizes);

//===----------------------------------------------------------------------===//
// Directives of the op definitions
//===----------------------------------------------------------------------===//

/// "[batch, 64]"
mlir::ParseResult parseShape(mlir::OpAsmParser &parser, ShapeAttr &shape);
void printShape(mlir::OpAsmPrinter &printer, mlir::Operation *op, ShapeAttr shape);

/// "[start : end : step]"
mlir::ParseResult parseRange(mlir::OpAsmParser &parser, DimAttr &start, DimAttr &end, mlir::IntegerAttr &step);
void printRange(mlir::OpAsmPrinter &printer, mlir::Operation *op, DimAttr start, DimAttr end, mlir::IntegerAttr step);

/// "1.5", "3" or "#nn.dim<batch>"
mlir::ParseResult parseFullValue(mlir::OpAsmParser &parser, mlir::Attribute &value);
void printFullValue(mlir::OpAsmPrinter &printer, mlir::Operation *op, mlir::Attribute value);

/// "type" where all are equal, else "(type, ...) -> type"
mlir::ParseResult parseElementwiseTypes(mlir::OpAsmParser &parser, mlir::Type &input, mlir::Type &output);
mlir::ParseResult parseElementwiseTypes(mlir::OpAsmParser &parser, mlir::Type &lhs, mlir::Type &rhs, mlir::Type &output);
void printElementwiseTypes(mlir::OpAsmPrinter &printer, mlir::Operation *op, mlir::Type input, mlir::Type output);
void printElementwiseTypes(mlir::OpAsmPrinter &printer, mlir::Operation *op, mlir::Type lhs, mlir::Type rhs, mlir::Type output);

/// "parameter", "buffer", ...
mlir::ParseResult parseStateKind(mlir::OpAsmParser &parser, StateKindAttr &kind);
void printStateKind(mlir::OpAsmPrinter &printer, mlir::Operation *op, StateKindAttr kind);

/// "type = value", the value without repeating the type; "type" alone where there is none
mlir::ParseResult parseTypeAndInitial(mlir::OpAsmParser &parser, mlir::TypeAttr &type, mlir::ElementsAttr &initial);
void printTypeAndInitial(mlir::OpAsmPrinter &printer, mlir::Operation *op, mlir::TypeAttr type, mlir::ElementsAttr initial);

} // namespace kiln::ir

#endif // KILN_IR_LIB_SIZESYNTAX_H
