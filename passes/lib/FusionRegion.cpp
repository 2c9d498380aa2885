//===- FusionRegion.cpp - writing a region as nn.fused --------------------===//
//
// Collects what a region reads as extra operands with their maps, and builds its scalar body through
// ScalarBodyInterface. Expansions before an extra operand join its map; scalar constants become constants of the
// body.
//
//===----------------------------------------------------------------------===//

#include "FusionRegion.h"

#include "kiln/passes/Interfaces.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace kiln::passes {

//===----------------------------------------------------------------------===//
// What ops say of themselves
//===----------------------------------------------------------------------===//

bool isElementwise(Operation *op) {
  auto scalar = dyn_cast_if_present<ir::ScalarBodyInterface>(op);
  return scalar && op->getNumResults() == 1 && scalar.hasScalarBody();
}

bool isAnchor(Operation *op) {
  auto anchor = dyn_cast_if_present<FusionAnchorInterface>(op);
  return anchor && op->getNumResults() == 1 && anchor.mayHaveEpilogue();
}

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// Alignment at the last dimension; a size of 1 is stretched to whatever stands opposite.
static AffineMap broadcastMap(RankedTensorType operand, RankedTensorType result) {
  MLIRContext *context = operand.getContext();
  int64_t added = result.getRank() - operand.getRank();
  SmallVector<AffineExpr> dims;
  for (int64_t dim = 0; dim < operand.getRank(); ++dim) {
    bool stretched = operand.getDimSize(dim) == 1 && result.getDimSize(added + dim) != 1;
    dims.push_back(stretched ? getAffineConstantExpr(0, context) : getAffineDimExpr(added + dim, context));
  }
  return AffineMap::get(result.getRank(), 0, dims, context);
}

AffineMap operandMap(Operation *op, unsigned number) {
  if (auto mapped = dyn_cast<OperandMapInterface>(op))
    return mapped.getOperandMap(number);
  return broadcastMap(typeOf(op->getOperand(number)), typeOf(op->getResult(0)));
}

/// The one number in `value`, as a scalar of a body; null when it is not the same known number in all elements.
static TypedAttr scalarConstant(Value value) {
  Type type = ir::scalarTypeOf(typeOf(value).getElementType());
  if (auto full = value.getDefiningOp<ir::FullOp>())
    return full.getElement();
  DenseElementsAttr elements;
  if (!matchPattern(value, m_Constant(&elements)) || !elements.isSplat())
    return {};
  auto splat = elements.getSplatValue<Attribute>();
  if (auto integer = dyn_cast<IntegerAttr>(splat))
    return IntegerAttr::get(type, integer.getValue());
  return cast<TypedAttr>(splat);
}

//===----------------------------------------------------------------------===//
// The region as one op
//===----------------------------------------------------------------------===//

namespace {

class RegionBuilder {
public:
  explicit RegionBuilder(FusionRegion &region)
      : region(region), builder(region.root), ops(region.members.begin(), region.members.end()) {
    llvm::sort(ops, [](Operation *left, Operation *right) { return left->isBeforeInBlock(right); });
  }

  Operation *build();

private:
  /// The scalar that operand `number` of `op` stands for in the body; null for an extra operand that has no argument
  /// yet.
  Value scalarOf(Operation *op, unsigned number);
  void collectExtras();
  Location fusedLocation();
  DictionaryAttr anchorAttributes();

  struct Extra {
    Value value;
    AffineMap map;
    bool operator==(const Extra &) const = default;
  };
  /// Where the operand's elements really come from: expansions before it are looked through.
  static Extra extraOf(Operation *op, unsigned number);

  FusionRegion &region;
  OpBuilder builder;
  SmallVector<Operation *> ops; // in program order
  SmallVector<Extra> extras;
  Block *body = nullptr;
  IRMapping scalars; // results of the anchor and of members so far
  llvm::DenseMap<Attribute, Value> constants;
};

RegionBuilder::Extra RegionBuilder::extraOf(Operation *op, unsigned number) {
  Extra extra{op->getOperand(number), operandMap(op, number)};
  while (auto expand = extra.value.getDefiningOp<ir::ExpandOp>()) {
    AffineMap inner = broadcastMap(typeOf(expand.getInput()), typeOf(expand.getOutput()));
    extra = {expand.getInput(), inner.compose(extra.map)};
  }
  return extra;
}

void RegionBuilder::collectExtras() {
  for (Operation *op : ops)
    for (OpOperand &operand : op->getOpOperands()) {
      Operation *producer = operand.get().getDefiningOp();
      if ((producer && region.contains(producer)) || scalarConstant(operand.get()))
        continue;
      Extra extra = extraOf(op, operand.getOperandNumber());
      if (!llvm::is_contained(extras, extra))
        extras.push_back(extra);
    }
}

Value RegionBuilder::scalarOf(Operation *op, unsigned number) {
  Value operand = op->getOperand(number);
  if (Value scalar = scalars.lookupOrNull(operand))
    return scalar;
  if (TypedAttr constant = scalarConstant(operand)) {
    Value &scalar = constants[constant];
    if (!scalar)
      scalar = arith::ConstantOp::create(builder, op->getLoc(), constant);
    return scalar;
  }
  auto position = llvm::find(extras, extraOf(op, number)) - extras.begin();
  return body->getArgument(static_cast<unsigned>(position) + (region.anchor ? 1 : 0));
}

/// The anchor's place first: it is the one that profiles and errors should name.
Location RegionBuilder::fusedLocation() {
  SmallVector<Location> locations;
  if (region.anchor)
    locations.push_back(region.anchor->getLoc());
  for (Operation *op : ops)
    locations.push_back(op->getLoc());
  return FusedLoc::get(builder.getContext(), locations);
}

/// The inherent attributes of the anchor; null when it has none.
DictionaryAttr RegionBuilder::anchorAttributes() {
  NamedAttrList attributes;
  if (region.anchor)
    for (StringAttr name : region.anchor->getName().getAttributeNames())
      if (Attribute value = region.anchor->getInherentAttr(name).value_or(Attribute()))
        attributes.append(name, value);
  return attributes.empty() ? DictionaryAttr() : attributes.getDictionary(builder.getContext());
}

Operation *RegionBuilder::build() {
  Operation *root = region.root, *anchor = region.anchor;
  Location location = fusedLocation();
  collectExtras();
  SmallVector<Value> extraValues;
  SmallVector<AffineMap> maps;
  for (const Extra &extra : extras) {
    extraValues.push_back(extra.value);
    maps.push_back(extra.map);
  }
  auto fused = ir::FusedOp::create(builder, location, root->getResultTypes().front(),
                                   anchor ? builder.getStringAttr(anchor->getName().getStringRef()) : StringAttr(),
                                   anchorAttributes(), anchor ? ValueRange(anchor->getOperands()) : ValueRange(), extraValues,
                                   builder.getAffineMapArrayAttr(maps));
  body = &fused.getBody().emplaceBlock();
  auto addScalar = [&](Value value) {
    return body->addArgument(ir::scalarTypeOf(typeOf(value).getElementType()), value.getLoc());
  };
  if (anchor)
    scalars.map(anchor->getResult(0), addScalar(anchor->getResult(0)));
  for (Value value : extraValues)
    addScalar(value);

  builder.setInsertionPointToStart(body);
  for (Operation *op : ops) {
    SmallVector<Value> operands;
    for (unsigned number = 0; number < op->getNumOperands(); ++number)
      operands.push_back(scalarOf(op, number));
    scalars.map(op->getResult(0), cast<ir::ScalarBodyInterface>(op).buildScalarBody(builder, op->getLoc(), operands));
  }
  ir::YieldOp::create(builder, root->getLoc(), scalars.lookup(root->getResult(0)));

  root->getResult(0).replaceAllUsesWith(fused.getOutput());
  for (Operation *op : llvm::reverse(ops))
    op->erase();
  if (anchor)
    anchor->erase();
  return fused;
}

} // namespace

Operation *FusionRegion::materialize() { return RegionBuilder(*this).build(); }

} // namespace kiln::passes
