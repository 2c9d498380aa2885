//===- Types.h - Tensor types of MLIR and of kiln::semantics -------*- C++ -*-===//
//
// Conversions both ways between semantics::TensorType and RankedTensorType, and between element types. A tensor type with a dynamic
// size carries a #nn.shape encoding with all its sizes; a static one has no encoding.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_IR_TYPES_H
#define KILN_IR_TYPES_H

#include "kiln/ir/Dialect.h"
#include "kiln/semantics/operation.h"

#include <optional>
#include <vector>

namespace kiln::ir {

/// Whether `type` is a tensor type of the dialect all of whose sizes are known: constants, or named by the encoding.
bool isNNTensorType(mlir::Type type);
/// Whether `type` is a tensor type of the dialect with a size that is `?` and not named: before nn-resolve-shapes.
bool isOpenTensorType(mlir::Type type);

/// i1, ui8, i8, i16, i32, i64, f16, bf16, f32, f64.
mlir::Type toElementType(runtime::DType dtype, mlir::MLIRContext *context);
/// Empty for any other type.
std::optional<runtime::DType> toDType(mlir::Type elementType);
/// The type that an element has in scalar bodies: `arith` computes with signless integers, so a ui8 is an i8 there, and whether
/// it is unsigned is in the operations.
mlir::Type scalarTypeOf(mlir::Type elementType);

/// The tensor type with these sizes; with a #nn.shape encoding if any is symbolic. Throws runtime::ValueError for a negative size.
mlir::RankedTensorType toTensorType(const semantics::TensorType &type, mlir::MLIRContext *context);
mlir::RankedTensorType toTensorType(llvm::ArrayRef<semantics::DimExpr> sizes, mlir::Type elementType);
/// Throws runtime::TypeError unless `type` is a tensor type of the dialect.
semantics::TensorType toSemanticType(mlir::Type type);

/// Sizes of a tensor type of the dialect, as expressions.
std::vector<semantics::DimExpr> sizesOf(mlir::RankedTensorType type);
/// One size.
semantics::DimExpr sizeOf(mlir::RankedTensorType type, int64_t dim);
/// The same sizes with another element type.
mlir::RankedTensorType withElementType(mlir::RankedTensorType type, mlir::Type elementType);
/// "[batch, 784]".
std::string shapeText(mlir::RankedTensorType type);

} // namespace kiln::ir

#endif // KILN_IR_TYPES_H
