//===- Identities.cpp - Operations that give back what they got ---------------===//
//
// Folders that remove operations without computing: x * 1, reshape of reshape, a slice of everything. Each is exact in IEEE 754:
// the result has the same bits for every operand, NaN payloads aside. So x + 0.0 stays (it turns -0.0 into 0.0), and so do x * 0,
// x - x and x / x (NaN and infinities).
//
//===----------------------------------------------------------------------===//

#include "kiln/ir/Ops.h"

using namespace mlir;

namespace kiln::ir {

namespace {

/// The one value of all elements, where `value` is a constant of that kind; null otherwise. `constant` is its folded attribute or
/// null.
std::optional<APFloat> floatSplat(Value value, Attribute constant) {
  if (auto full = value.getDefiningOp<FullOp>()) {
    auto element = dyn_cast_if_present<FloatAttr>(full.getElement());
    return element ? std::optional(element.getValue()) : std::nullopt;
  }
  auto splat = dyn_cast_if_present<SplatElementsAttr>(constant);
  if (splat && isa<FloatType>(splat.getElementType()))
    return splat.getSplatValue<APFloat>();
  return std::nullopt;
}

std::optional<APInt> integerSplat(Attribute constant) {
  auto splat = dyn_cast_if_present<SplatElementsAttr>(constant);
  if (splat && isa<IntegerType>(splat.getElementType()))
    return splat.getSplatValue<APInt>();
  return std::nullopt;
}

/// Whether all elements of `value` are zero: for floats with the given sign.
bool isZero(Value value, Attribute constant, bool negative) {
  if (std::optional<APFloat> number = floatSplat(value, constant))
    return number->isZero() && number->isNegative() == negative;
  std::optional<APInt> number = integerSplat(constant);
  return number && number->isZero();
}

bool isOne(Value value, Attribute constant) {
  if (std::optional<APFloat> number = floatSplat(value, constant))
    return number->isExactlyValue(1.0);
  std::optional<APInt> number = integerSplat(constant);
  return number && number->isOne();
}

/// `kept` if it has the result's type (it was not broadcast, and a pass that has yet to find sizes did not find one of the two
/// only).
OpFoldResult ifTypeIs(Value kept, Type resultType) { return kept.getType() == resultType ? OpFoldResult(kept) : OpFoldResult(); }

/// The same where equal types mean that nothing was moved or cut: not so for open types.
OpFoldResult ifSameSizes(Value kept, Type resultType) {
  return isOpenTensorType(resultType) ? OpFoldResult() : ifTypeIs(kept, resultType);
}

} // namespace

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

OpFoldResult ReluOp::fold(FoldAdaptor) {
  return getInput().getDefiningOp<ReluOp>() ? ifTypeIs(getInput(), getType()) : OpFoldResult();
}

OpFoldResult AbsOp::fold(FoldAdaptor) {
  return getInput().getDefiningOp<AbsOp>() ? ifTypeIs(getInput(), getType()) : OpFoldResult();
}

OpFoldResult NegOp::fold(FoldAdaptor) {
  auto inner = getInput().getDefiningOp<NegOp>();
  return inner ? ifTypeIs(inner.getInput(), getType()) : OpFoldResult();
}

OpFoldResult AddOp::fold(FoldAdaptor adaptor) {
  if (isZero(getRhs(), adaptor.getRhs(), /*negative=*/true))
    return ifTypeIs(getLhs(), getType());
  if (isZero(getLhs(), adaptor.getLhs(), /*negative=*/true))
    return ifTypeIs(getRhs(), getType());
  return {};
}

OpFoldResult SubOp::fold(FoldAdaptor adaptor) {
  return isZero(getRhs(), adaptor.getRhs(), /*negative=*/false) ? ifTypeIs(getLhs(), getType()) : OpFoldResult();
}

OpFoldResult MulOp::fold(FoldAdaptor adaptor) {
  if (isOne(getRhs(), adaptor.getRhs()))
    return ifTypeIs(getLhs(), getType());
  if (isOne(getLhs(), adaptor.getLhs()))
    return ifTypeIs(getRhs(), getType());
  return {};
}

OpFoldResult DivOp::fold(FoldAdaptor adaptor) {
  return isOne(getRhs(), adaptor.getRhs()) ? ifTypeIs(getLhs(), getType()) : OpFoldResult();
}

OpFoldResult MaximumOp::fold(FoldAdaptor) { return getLhs() == getRhs() ? ifTypeIs(getLhs(), getType()) : OpFoldResult(); }

OpFoldResult MinimumOp::fold(FoldAdaptor) { return getLhs() == getRhs() ? ifTypeIs(getLhs(), getType()) : OpFoldResult(); }

OpFoldResult CastOp::fold(FoldAdaptor) { return ifTypeIs(getInput(), getType()); }

OpFoldResult DropoutOp::fold(FoldAdaptor) {
  return !getTraining() || getP().isZero() ? ifTypeIs(getInput(), getType()) : OpFoldResult();
}

OpFoldResult DetachOp::fold(FoldAdaptor) {
  return getInput().getDefiningOp<DetachOp>() ? ifTypeIs(getInput(), getType()) : OpFoldResult();
}

OpFoldResult WhereOp::fold(FoldAdaptor adaptor) {
  if (getInput() == getOther())
    return ifTypeIs(getInput(), getType());
  std::optional<bool> holds;
  if (auto full = getCondition().getDefiningOp<FullOp>()) {
    if (auto element = dyn_cast_if_present<IntegerAttr>(full.getElement()))
      holds = !element.getValue().isZero();
  } else if (std::optional<APInt> condition = integerSplat(adaptor.getCondition())) {
    holds = !condition->isZero();
  }
  if (!holds)
    return {};
  return ifTypeIs(*holds ? getInput() : getOther(), getType());
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

OpFoldResult ReshapeOp::fold(FoldAdaptor) {
  if (OpFoldResult same = ifSameSizes(getInput(), getType()))
    return same;
  if (auto inner = getInput().getDefiningOp<ReshapeOp>()) {
    getInputMutable().assign(inner.getInput());
    return getResult();
  }
  return {};
}

OpFoldResult PermuteOp::fold(FoldAdaptor) {
  if (isOpenTensorType(getInput().getType()) || isOpenTensorType(getType()))
    return {}; // `dims` is not checked yet.
  // Negative dimensions count from the end, as in PyTorch.
  const int64_t rank = getType().getRank();
  auto wrapped = [rank](int64_t dim) { return dim < 0 ? dim + rank : dim; };
  if (llvm::all_of(llvm::enumerate(getDims()),
                   [&](auto dim) { return wrapped(dim.value()) == static_cast<int64_t>(dim.index()); }))
    return getInput();
  if (auto inner = getInput().getDefiningOp<PermuteOp>()) {
    SmallVector<int64_t> composed;
    for (int64_t dim : getDims())
      composed.push_back(wrapped(inner.getDims()[wrapped(dim)]));
    setDims(composed);
    getInputMutable().assign(inner.getInput());
    return getResult();
  }
  return {};
}

OpFoldResult ExpandOp::fold(FoldAdaptor) {
  if (OpFoldResult same = ifSameSizes(getInput(), getType()))
    return same;
  if (auto inner = getInput().getDefiningOp<ExpandOp>()) {
    getInputMutable().assign(inner.getInput());
    return getResult();
  }
  return {};
}

OpFoldResult SliceOp::fold(FoldAdaptor) {
  // From 0 with the whole size: then the step is 1, or there is at most one element.
  return getStart().getConstant() == 0 ? ifSameSizes(getInput(), getType()) : OpFoldResult();
}

OpFoldResult SliceScatterOp::fold(FoldAdaptor) {
  return getStart().getConstant() == 0 ? ifSameSizes(getSource(), getType()) : OpFoldResult();
}

OpFoldResult CatOp::fold(FoldAdaptor) { return getInputs().size() == 1 ? ifTypeIs(getInputs()[0], getType()) : OpFoldResult(); }

} // namespace kiln::ir
