//===- Attributes.h - Attributes of MLIR and of kiln::semantics ----*- C++ -*-===//
//
// Conversions both ways between semantics::Attribute and mlir::Attribute, and between runtime tensors and elements attributes:
//
//   bool BoolAttr          vector<int64_t> DenseI64ArrayAttr    DimExpr          DimAttr
//   int64_t IntegerAttr    vector<double>  DenseF64ArrayAttr    vector<DimExpr>  ShapeAttr
//   double FloatAttr       DType           TypeAttr             Tensor           DenseElementsAttr,
//   string StringAttr                                                            DenseResourceElementsAttr from 1 KiB on
//
//===----------------------------------------------------------------------===//

#ifndef KILN_IR_ATTRIBUTES_H
#define KILN_IR_ATTRIBUTES_H

#include "kiln/ir/Types.h"
#include "mlir/IR/BuiltinAttributes.h"

#include <map>
#include <string>

namespace kiln::ir {

/// Tensors of at least this many bytes become resources: they are neither uniqued nor printed with the operation.
constexpr std::size_t kResourceBytes = 1024;

/// `name` names the resource when a tensor becomes one.
mlir::Attribute toAttribute(const semantics::Attribute &attribute, mlir::MLIRContext *context, llvm::StringRef name = "constant");
mlir::NamedAttrList toAttributes(const semantics::Attributes &attributes, mlir::MLIRContext *context);

/// Throws runtime::TypeError for an attribute that has no counterpart.
semantics::Attribute toSemanticAttribute(mlir::Attribute attribute);
/// Every entry of the dictionary. Throws runtime::TypeError naming the entry that has no counterpart.
semantics::Attributes toSemanticAttributes(mlir::DictionaryAttr attributes);

/// The tensor as an elements attribute: a resource from kResourceBytes on unless all elements have the same bits. A resource shares the
/// storage of a contiguous tensor, which must not change after.
mlir::ElementsAttr toElementsAttr(const runtime::Tensor &tensor, mlir::MLIRContext *context, llvm::StringRef name = "constant");
/// Always a DenseElementsAttr, a splat where all elements have the same bits.
mlir::DenseElementsAttr toDenseElementsAttr(const runtime::Tensor &tensor, mlir::MLIRContext *context);
/// A copy of the values. Throws runtime::Error for an attribute without data, or with too little.
runtime::Tensor toTensor(mlir::ElementsAttr attribute);
/// Whether a resource has as many bytes as its type needs, true for other attributes. An empty resource (the text was printed
/// without its data) does not pass.
bool hasWholeData(mlir::ElementsAttr attribute);

/// `attributes` with the symbols in sizes replaced by their values. Throws runtime::KeyError for a missing symbol.
semantics::Attributes withSymbols(semantics::Attributes attributes, const std::map<std::string, int64_t> &symbols);

} // namespace kiln::ir

#endif // KILN_IR_ATTRIBUTES_H
