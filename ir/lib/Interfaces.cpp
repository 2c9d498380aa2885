//===- Interfaces.cpp - Inference and evaluation of all ops -------------------===//
//
// What SemanticOpInterface's defaults and the ops' InferTypeOpInterface call: conversion of types and attributes, and the entry
// of the semantics table. Exceptions of the semantics become diagnostics here and never reach MLIR's own code.
//
//===----------------------------------------------------------------------===//

#include "kiln/ir/Interfaces.h"

#include "kiln/ir/Locations.h"
#include "kiln/ir/Ops.h"
#include "kiln/runtime/error.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;

#include "kiln/ir/NNInterfaces.cpp.inc"

namespace kiln::ir::detail {

using runtime::Tensor;

namespace {

constexpr StringLiteral kSegmentsName = "operandSegmentSizes";

/// "linear" of "nn.linear": what labels of constraints begin with.
StringRef labelOf(StringRef opName) { return opName.split('.').second; }

/// Reports `<name>_c<number>: message`, with the module as a note.
LogicalResult report(const SemanticOpInfo &info, std::optional<Location> location, unsigned number, const Twine &message) {
  if (!location)
    return failure();
  InFlightDiagnostic diagnostic = emitError(*location)
                                  << "'" << info.name << "' op " << labelOf(info.name) << "_c" << number << ": " << message;
  if (std::optional<StringRef> path = modulePathOf(*location); path && !path->empty())
    diagnostic.attachNote() << "in module '" << *path << "'";
  return diagnostic;
}

/// One entry for each operand of the semantics entry; `absent` where it is not there.
template <class Element, class Range>
SmallVector<Element> byPosition(const Range &operands, int64_t operandCount, DenseI32ArrayAttr segments, Element absent) {
  SmallVector<Element> result;
  if (segments) {
    auto next = operands.begin();
    for (int32_t length : segments.asArrayRef())
      result.push_back(length > 0 ? Element(*next++) : absent);
    return result;
  }
  result.assign(operands.begin(), operands.end());
  while (static_cast<int64_t>(result.size()) < operandCount)
    result.push_back(absent);
  return result;
}

DictionaryAttr onlyNamed(DictionaryAttr attributes, ArrayRef<StringRef> names) {
  SmallVector<NamedAttribute> kept;
  for (NamedAttribute attribute : attributes)
    if (llvm::is_contained(names, attribute.getName()) && attribute.getName() != kSegmentsName)
      kept.push_back(attribute);
  return DictionaryAttr::get(attributes.getContext(), kept);
}

} // namespace

//===----------------------------------------------------------------------===//
// Inference
//===----------------------------------------------------------------------===//

LogicalResult inferSemanticTypes(const SemanticOpInfo &info, std::optional<Location> location, ValueRange operands,
                                 DictionaryAttr attributes, SmallVectorImpl<Type> &types) {
  try {
    auto segments = attributes.getAs<DenseI32ArrayAttr>(kSegmentsName);
    if (segments && llvm::any_of(segments.asArrayRef(), [](int32_t length) { return length < 0 || length > 1; }))
      return report(info, location, 1, "operandSegmentSizes is not one 0 or 1 an operand");
    if (segments && llvm::sum_of(segments.asArrayRef()) != static_cast<int64_t>(operands.size()))
      return report(info, location, 1, "operandSegmentSizes does not fit the number of operands");
    std::vector<std::optional<semantics::TensorType>> operandTypes;
    for (Value operand : byPosition<Value>(operands, info.operandCount, segments, Value()))
      operandTypes.push_back(operand ? std::optional(toSemanticType(operand.getType())) : std::nullopt);
    for (const semantics::TensorType &type :
         semantics::infer(info.name, operandTypes, toSemanticAttributes(onlyNamed(attributes, info.attributeNames))))
      types.push_back(toTensorType(type, attributes.getContext()));
    return success();
  } catch (const runtime::Error &error) {
    return report(info, location, 1, error.what());
  }
}

LogicalResult verifySemanticOp(Operation *op) {
  if (llvm::any_of(op->getOperandTypes(), isOpenTensorType) || llvm::any_of(op->getResultTypes(), isOpenTensorType))
    return success(); // Checked once nn-resolve-shapes has found the sizes.
  SmallVector<StringRef> names;
  NamedAttrList attributes;
  for (StringAttr name : op->getName().getAttributeNames()) {
    names.push_back(name);
    if (Attribute value = op->getInherentAttr(name).value_or(Attribute()))
      attributes.append(name, value);
  }
  const SemanticOpInfo info = {op->getName().getStringRef(), cast<SemanticOpInterface>(op).getSemanticOperandCount(), names};
  SmallVector<Type> inferred;
  if (failed(inferSemanticTypes(info, op->getLoc(), op->getOperands(), attributes.getDictionary(op->getContext()), inferred)))
    return failure();
  auto plural = [](std::size_t count) { return std::to_string(count) + (count == 1 ? " result" : " results"); };
  if (op->getNumResults() != inferred.size())
    return report(info, op->getLoc(), 2,
                  "expected " + plural(inferred.size()) + ", found " + std::to_string(op->getNumResults()));
  for (auto [index, given, expected] : llvm::enumerate(op->getResultTypes(), inferred)) {
    if (given == expected)
      continue;
    std::string message;
    llvm::raw_string_ostream stream(message);
    stream << "expected ";
    if (inferred.size() > 1)
      stream << "result " << index << " to have ";
    stream << "type '" << expected << "', found '" << given << "'";
    return report(info, op->getLoc(), 2, message);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Defaults of SemanticOpInterface
//===----------------------------------------------------------------------===//

SmallVector<Value> semanticOperands(Operation *op) {
  auto segments = dyn_cast_if_present<DenseI32ArrayAttr>(op->getInherentAttr(kSegmentsName).value_or(Attribute()));
  return byPosition<Value>(op->getOperands(), cast<SemanticOpInterface>(op).getSemanticOperandCount(), segments, Value());
}

semantics::Attributes semanticAttributes(Operation *op) {
  semantics::Attributes result;
  for (StringAttr name : op->getName().getAttributeNames()) {
    if (name == kSegmentsName)
      continue;
    if (Attribute value = op->getInherentAttr(name).value_or(Attribute()))
      result.set(name.str(), toSemanticAttribute(value));
  }
  return result;
}

std::vector<Tensor> evaluateSemanticOp(Operation *op, ArrayRef<Tensor> operands, const std::map<std::string, int64_t> &symbols) {
  return semantics::evaluate(op->getName().getStringRef(), operands, withSymbols(semanticAttributes(op), symbols));
}

std::optional<semantics::DimExpr> multiplyAdds(Operation *op) {
  const semantics::Operation *operation = semantics::find_operation(op->getName().getStringRef());
  if (!operation || !operation->multiply_adds)
    return std::nullopt;
  std::vector<std::optional<semantics::TensorType>> types;
  for (Value operand : semanticOperands(op))
    types.push_back(operand ? std::optional(toSemanticType(operand.getType())) : std::nullopt);
  return operation->multiply_adds(types, semanticAttributes(op));
}

bool areFloating(Operation *op, unsigned operand, unsigned result) {
  return isa<FloatType>(getElementTypeOrSelf(op->getOperand(operand).getType())) &&
         isa<FloatType>(getElementTypeOrSelf(op->getResult(result).getType()));
}

} // namespace kiln::ir::detail
