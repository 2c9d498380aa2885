//===- FusedOp.cpp - Fused regions --------------------------------------------===//
//
// Accessors and verifiers of nn.fused and nn.yield.
//
//===----------------------------------------------------------------------===//

#include "kiln/ir/Ops.h"
#include "kiln/runtime/error.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;

namespace kiln::ir {

//===----------------------------------------------------------------------===//
// Accessors
//===----------------------------------------------------------------------===//

BlockArgument FusedOp::getAnchorScalar() { return getAnchor() ? getBody().front().getArgument(0) : BlockArgument(); }

BlockArgument FusedOp::getExtraScalar(unsigned index) { return getBody().front().getArgument(index + (getAnchor() ? 1 : 0)); }

YieldOp FusedOp::getYield() { return cast<YieldOp>(getBody().front().getTerminator()); }

SmallVector<Value> FusedOp::getSemanticAnchorOperands() {
  SmallVector<Value> operands(getAnchorOperands());
  if (getAnchor())
    if (auto name = RegisteredOperationName::lookup(*getAnchor(), getContext()))
      if (auto *semantic = name->getInterface<SemanticOpInterface>())
        while (static_cast<int64_t>(operands.size()) < semantic->getSemanticOperandCount())
          operands.push_back(Value());
  return operands;
}

semantics::Attributes FusedOp::getSemanticAnchorAttributes() {
  return toSemanticAttributes(getAnchorAttributes().value_or(DictionaryAttr()));
}

//===----------------------------------------------------------------------===//
// Verifiers
//===----------------------------------------------------------------------===//

namespace {

/// Type of the anchor's result; failure after reporting fused_c1.
FailureOr<RankedTensorType> inferAnchorType(FusedOp op) {
  auto name = RegisteredOperationName::lookup(*op.getAnchor(), op.getContext());
  if (!name || !name->hasInterface<SemanticOpInterface>())
    return op.emitOpError("fused_c1: there is no operation '") << *op.getAnchor() << "' to be the anchor";
  try {
    std::vector<std::optional<semantics::TensorType>> types;
    for (Value operand : op.getSemanticAnchorOperands())
      types.push_back(operand ? std::optional(toSemanticType(operand.getType())) : std::nullopt);
    std::vector<semantics::TensorType> results =
        semantics::infer(std::string_view(*op.getAnchor()), types, op.getSemanticAnchorAttributes());
    if (results.size() != 1)
      return op.emitOpError("fused_c1: the anchor '") << *op.getAnchor() << "' has " << results.size() << " results";
    RankedTensorType type = toTensorType(results[0], op.getContext());
    if (type != withElementType(op.getOutputType(), type.getElementType()))
      return op.emitOpError("fused_c1: the anchor '")
             << *op.getAnchor() << "' gives " << type << ", which is not the iteration space of " << op.getOutputType();
    return type;
  } catch (const runtime::Error &error) {
    return op.emitOpError("fused_c1: anchor '") << *op.getAnchor() << "': " << error.what();
  }
}

LogicalResult verifyExtra(FusedOp op, unsigned index) {
  AffineMap map = op.getExtraMap(index);
  auto type = cast<RankedTensorType>(op.getExtraOperands()[index].getType());
  RankedTensorType space = op.getOutputType();
  if (static_cast<int64_t>(map.getNumDims()) != space.getRank() || map.getNumSymbols() != 0 ||
      static_cast<int64_t>(map.getNumResults()) != type.getRank())
    return op.emitOpError("fused_c2: the map of extra operand ")
           << index << " goes from " << map.getNumDims() << " to " << map.getNumResults() << " dimensions"
           << (map.getNumSymbols() ? " with symbols" : "") << ", it should go from " << space.getRank() << " to "
           << type.getRank();
  for (auto [dim, result] : llvm::enumerate(map.getResults())) {
    if (auto position = dyn_cast<AffineDimExpr>(result)) {
      if (sizeOf(type, dim) != sizeOf(space, position.getPosition()))
        return op.emitOpError("fused_c3: dimension ")
               << dim << " of extra operand " << index << " has size " << sizeOf(type, dim).text() << ", dimension "
               << position.getPosition() << " of the result has " << sizeOf(space, position.getPosition()).text();
      continue;
    }
    auto constant = dyn_cast<AffineConstantExpr>(result);
    if (!constant || constant.getValue() != 0)
      return op.emitOpError("fused_c2: result ")
             << dim << " of the map of extra operand " << index << " is neither a dimension nor the constant 0";
    if (type.getDimSize(dim) != 1)
      return op.emitOpError("fused_c3: dimension ")
             << dim << " of extra operand " << index << " is broadcast but has size " << sizeOf(type, dim).text();
  }
  return success();
}

} // namespace

LogicalResult FusedOp::verify() {
  SmallVector<Type> scalarTypes;
  if (getAnchor()) {
    FailureOr<RankedTensorType> anchorType = inferAnchorType(*this);
    if (failed(anchorType))
      return failure();
    scalarTypes.push_back(scalarTypeOf(anchorType->getElementType()));
  } else if (getAnchorAttributes() || !getAnchorOperands().empty()) {
    return emitOpError("fused_c1: anchor attributes or operands without an anchor");
  }
  if (getExtraMaps().size() != getExtraOperands().size())
    return emitOpError("fused_c2: ") << getExtraMaps().size() << " maps for " << getExtraOperands().size() << " extra operands";
  for (unsigned index = 0; index < getExtraOperands().size(); ++index) {
    if (failed(verifyExtra(*this, index)))
      return failure();
    scalarTypes.push_back(scalarTypeOf(getElementTypeOrSelf(getExtraOperands()[index].getType())));
  }
  TypeRange argumentTypes = getBody().front().getArgumentTypes();
  if (!llvm::equal(argumentTypes, scalarTypes)) {
    InFlightDiagnostic diagnostic = emitOpError("fused_c4: the block should take (");
    llvm::interleaveComma(scalarTypes, diagnostic);
    diagnostic << "), found (";
    llvm::interleaveComma(argumentTypes, diagnostic);
    return diagnostic << ")";
  }
  return success();
}

LogicalResult FusedOp::verifyRegions() {
  for (Operation &op : getBody().front())
    if (!isa_and_present<arith::ArithDialect, math::MathDialect>(op.getDialect()) && !isa<YieldOp>(op))
      return emitOpError("fused_c5: the body has an operation '") << op.getName() << "' that is not of arith or math";
  if (!isa<YieldOp>(getBody().front().getTerminator()))
    return emitOpError("fused_c5: the body does not end with nn.yield");
  return success();
}

LogicalResult YieldOp::verify() {
  Type expected = scalarTypeOf(cast<FusedOp>((*this)->getParentOp()).getOutputType().getElementType());
  if (getValue().getType() != expected)
    return emitOpError("yield_c1: expected ") << expected << ", found " << getValue().getType();
  return success();
}

} // namespace kiln::ir
