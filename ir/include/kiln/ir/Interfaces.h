//===- Interfaces.h - Op interfaces of the nn dialect --------------*- C++ -*-===//
//
// Declares SemanticOpInterface, ScalarBodyInterface and DifferentiableOpInterface, and, in `detail`, the functions that their default
// implementations and the ops' inference call: one implementation for all ops, by name.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_IR_INTERFACES_H
#define KILN_IR_INTERFACES_H

#include "kiln/ir/Attributes.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpDefinition.h"

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

namespace kiln::ir::detail {

/// What inference of one op needs to know of its definition.
struct SemanticOpInfo {
  llvm::StringRef name;
  /// Of the semantics entry; -1 when all operands are always there.
  int64_t operandCount;
  /// Inherent attributes; discardable ones mean nothing to the semantics.
  llvm::ArrayRef<llvm::StringRef> attributeNames;
};

template <class OpTy> int64_t semanticOperandCount() {
  if constexpr (OpTy::template hasTrait<mlir::OpTrait::AttrSizedOperandSegments>())
    return std::tuple_size_v<std::remove_reference_t<decltype(std::declval<typename OpTy::Properties &>().operandSegmentSizes)>>;
  else
    return -1;
}

/// The op's inherent attributes as one dictionary, wherever they are stored.
template <class OpTy> mlir::DictionaryAttr inherentAttributes(mlir::MLIRContext *context, mlir::DictionaryAttr attributes,
                                                              mlir::OpaqueProperties properties) {
  if constexpr (!std::is_same_v<typename OpTy::Properties, mlir::EmptyProperties>)
    if (properties)
      if (mlir::Attribute stored = OpTy::getPropertiesAsAttr(context, *properties.as<typename OpTy::Properties *>()))
        return llvm::cast<mlir::DictionaryAttr>(stored);
  return attributes ? attributes : mlir::DictionaryAttr::get(context);
}

llvm::LogicalResult inferSemanticTypes(const SemanticOpInfo &info, std::optional<mlir::Location> location,
                                       mlir::ValueRange operands, mlir::DictionaryAttr attributes,
                                       llvm::SmallVectorImpl<mlir::Type> &types);
/// Checks operands and attributes (<name>_c1), then that the result types are the inferred ones (<name>_c2).
llvm::LogicalResult verifySemanticOp(mlir::Operation *op);

template <class OpTy>
llvm::LogicalResult inferTypes(mlir::MLIRContext *context, std::optional<mlir::Location> location, mlir::ValueRange operands,
                               mlir::DictionaryAttr attributes, mlir::OpaqueProperties properties,
                               llvm::SmallVectorImpl<mlir::Type> &types) {
  return inferSemanticTypes({OpTy::getOperationName(), OpTy::getSemanticOperandCount(), OpTy::getAttributeNames()}, location,
                            operands, inherentAttributes<OpTy>(context, attributes, properties), types);
}

/// Leaves given types to SemanticOpInterface's verifier, whose messages carry the constraint's label.
template <class OpTy>
llvm::LogicalResult refineTypes(mlir::MLIRContext *context, std::optional<mlir::Location> location, mlir::ValueRange operands,
                                mlir::DictionaryAttr attributes, mlir::OpaqueProperties properties,
                                llvm::SmallVectorImpl<mlir::Type> &types) {
  return types.empty() ? inferTypes<OpTy>(context, location, operands, attributes, properties, types) : mlir::success();
}

llvm::SmallVector<mlir::Value> semanticOperands(mlir::Operation *op);
semantics::Attributes semanticAttributes(mlir::Operation *op);
std::vector<runtime::Tensor> evaluateSemanticOp(mlir::Operation *op, llvm::ArrayRef<runtime::Tensor> operands,
                                                const std::map<std::string, int64_t> &symbols);
std::optional<semantics::DimExpr> multiplyAdds(mlir::Operation *op);
/// Whether the operand and the result are both floating-point tensors.
bool areFloating(mlir::Operation *op, unsigned operand, unsigned result);

} // namespace kiln::ir::detail

#include "kiln/ir/NNInterfaces.h.inc"

#endif // KILN_IR_INTERFACES_H
