//===- ScalarBodies.cpp - Elementwise operations on scalars -------------------===//
//
// The scalar form of each elementwise operation in arith and math, as fused regions use it. What each does with NaN, with signed
// zeros and with bools is PyTorch's behaviour.
//
//===----------------------------------------------------------------------===//

#include "kiln/ir/Ops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;

namespace kiln::ir {

namespace {

bool isFloat(Value value) { return isa<FloatType>(value.getType()); }
bool isBool(Value value) { return value.getType().isInteger(1); }

Value constant(OpBuilder &builder, Location location, Type type, int64_t value) {
  TypedAttr attribute = isa<FloatType>(type) ? TypedAttr(builder.getFloatAttr(type, static_cast<double>(value)))
                                             : TypedAttr(builder.getIntegerAttr(type, value));
  return arith::ConstantOp::create(builder, location, attribute);
}

/// `value` as type `to`, by PyTorch's rules.
Value convert(OpBuilder &builder, Location location, Value value, Type to) {
  Type from = value.getType();
  if (from == to)
    return value;
  if (auto toFloat = dyn_cast<FloatType>(to)) {
    if (isBool(value))
      return arith::UIToFPOp::create(builder, location, to, value);
    if (!isFloat(value))
      return arith::SIToFPOp::create(builder, location, to, value);
    const unsigned fromWidth = cast<FloatType>(from).getWidth(), toWidth = toFloat.getWidth();
    if (fromWidth == toWidth) { // f16 and bf16: neither contains the other.
      value = arith::ExtFOp::create(builder, location, builder.getF32Type(), value);
      return arith::TruncFOp::create(builder, location, to, value);
    }
    if (fromWidth < toWidth)
      return arith::ExtFOp::create(builder, location, to, value);
    return arith::TruncFOp::create(builder, location, to, value);
  }
  Value zero = to.isInteger(1) ? constant(builder, location, from, 0) : Value();
  if (isFloat(value)) {
    if (zero) // Unordered: NaN is true.
      return arith::CmpFOp::create(builder, location, arith::CmpFPredicate::UNE, value, zero);
    return arith::FPToSIOp::create(builder, location, to, value);
  }
  if (zero)
    return arith::CmpIOp::create(builder, location, arith::CmpIPredicate::ne, value, zero);
  if (from.getIntOrFloatBitWidth() > to.getIntOrFloatBitWidth())
    return arith::TruncIOp::create(builder, location, to, value);
  if (isBool(value))
    return arith::ExtUIOp::create(builder, location, to, value);
  return arith::ExtSIOp::create(builder, location, to, value);
}

/// The operand of a unary operation that converts its operand to its result's type first.
Value promoted(OpBuilder &builder, Location location, Operation *op, Value scalar) {
  return convert(builder, location, scalar, getElementTypeOrSelf(op->getResult(0).getType()));
}

/// FloatOp on floats, BoolOp on bools, IntegerOp on other integers.
template <class FloatOp, class IntegerOp, class BoolOp> Value binary(OpBuilder &builder, Location location, ValueRange scalars) {
  if (isFloat(scalars[0]))
    return FloatOp::create(builder, location, scalars[0], scalars[1]);
  if (isBool(scalars[0]))
    return BoolOp::create(builder, location, scalars[0], scalars[1]);
  return IntegerOp::create(builder, location, scalars[0], scalars[1]);
}

} // namespace

//===----------------------------------------------------------------------===//
// Unary
//===----------------------------------------------------------------------===//

Value ReluOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  Value zero = constant(builder, location, scalars[0].getType(), 0);
  if (isFloat(scalars[0])) // maximumf gives NaN for NaN, as PyTorch's relu; maxnumf would give 0.
    return arith::MaximumFOp::create(builder, location, scalars[0], zero);
  return arith::MaxSIOp::create(builder, location, scalars[0], zero);
}

Value SigmoidOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  Value input = promoted(builder, location, getOperation(), scalars[0]);
  Value one = constant(builder, location, input.getType(), 1);
  Value exponential = math::ExpOp::create(builder, location, arith::NegFOp::create(builder, location, input).getResult());
  Value denominator = arith::AddFOp::create(builder, location, one, exponential);
  return arith::DivFOp::create(builder, location, one, denominator);
}

Value TanhOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return math::TanhOp::create(builder, location, promoted(builder, location, getOperation(), scalars[0]));
}

Value NegOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  if (isFloat(scalars[0])) // Not 0 - x, which would lose the sign of zeros.
    return arith::NegFOp::create(builder, location, scalars[0]);
  return arith::SubIOp::create(builder, location, constant(builder, location, scalars[0].getType(), 0), scalars[0]);
}

Value ExpOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return math::ExpOp::create(builder, location, promoted(builder, location, getOperation(), scalars[0]));
}

Value LogOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return math::LogOp::create(builder, location, promoted(builder, location, getOperation(), scalars[0]));
}

Value SqrtOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return math::SqrtOp::create(builder, location, promoted(builder, location, getOperation(), scalars[0]));
}

Value RsqrtOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  // Two rounded steps, as PyTorch computes it; math.rsqrt may become an estimate.
  Value root = math::SqrtOp::create(builder, location, promoted(builder, location, getOperation(), scalars[0]));
  return arith::DivFOp::create(builder, location, constant(builder, location, root.getType(), 1), root);
}

Value AbsOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  if (isFloat(scalars[0]))
    return math::AbsFOp::create(builder, location, scalars[0]);
  return math::AbsIOp::create(builder, location, scalars[0]);
}

//===----------------------------------------------------------------------===//
// Binary
//===----------------------------------------------------------------------===//

Value AddOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return binary<arith::AddFOp, arith::AddIOp, arith::OrIOp>(builder, location, scalars);
}

Value SubOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return binary<arith::SubFOp, arith::SubIOp, arith::SubIOp>(builder, location, scalars);
}

Value MulOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return binary<arith::MulFOp, arith::MulIOp, arith::AndIOp>(builder, location, scalars);
}

Value DivOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return arith::DivFOp::create(builder, location, scalars[0], scalars[1]);
}

Value MaximumOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return binary<arith::MaximumFOp, arith::MaxSIOp, arith::OrIOp>(builder, location, scalars);
}

Value MinimumOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return binary<arith::MinimumFOp, arith::MinSIOp, arith::AndIOp>(builder, location, scalars);
}

//===----------------------------------------------------------------------===//
// Comparisons and selection
//===----------------------------------------------------------------------===//

namespace {

/// Bools are compared as unsigned numbers: as signed ones, true would be -1.
Value compare(OpBuilder &builder, Location location, ValueRange scalars, arith::CmpFPredicate ofFloats,
              arith::CmpIPredicate ofIntegers, arith::CmpIPredicate ofBools) {
  if (isFloat(scalars[0]))
    return arith::CmpFOp::create(builder, location, ofFloats, scalars[0], scalars[1]);
  return arith::CmpIOp::create(builder, location, isBool(scalars[0]) ? ofBools : ofIntegers, scalars[0], scalars[1]);
}

} // namespace

Value EqOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return compare(builder, location, scalars, arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq, arith::CmpIPredicate::eq);
}

Value NeOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return compare(builder, location, scalars, arith::CmpFPredicate::UNE, arith::CmpIPredicate::ne, arith::CmpIPredicate::ne);
}

Value LtOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return compare(builder, location, scalars, arith::CmpFPredicate::OLT, arith::CmpIPredicate::slt, arith::CmpIPredicate::ult);
}

Value LeOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return compare(builder, location, scalars, arith::CmpFPredicate::OLE, arith::CmpIPredicate::sle, arith::CmpIPredicate::ule);
}

Value GtOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return compare(builder, location, scalars, arith::CmpFPredicate::OGT, arith::CmpIPredicate::sgt, arith::CmpIPredicate::ugt);
}

Value GeOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return compare(builder, location, scalars, arith::CmpFPredicate::OGE, arith::CmpIPredicate::sge, arith::CmpIPredicate::uge);
}

Value WhereOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return arith::SelectOp::create(builder, location, scalars[0], scalars[1], scalars[2]);
}

//===----------------------------------------------------------------------===//
// Others
//===----------------------------------------------------------------------===//

Value CastOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return convert(builder, location, scalars[0], getDtype());
}

bool DropoutOp::hasScalarBody() {
  // The mask depends on the element's index, which a scalar body does not see.
  return (!getTraining() || getP().isZero()) && detail::hasScalarTypes(getOperation());
}

Value DropoutOp::buildScalarBody(OpBuilder &, Location, ValueRange scalars) { return scalars[0]; }

Value DetachOp::buildScalarBody(OpBuilder &, Location, ValueRange scalars) { return scalars[0]; }

Value ChannelAffineOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  Value product = arith::MulFOp::create(builder, location, scalars[0], scalars[1]);
  return arith::AddFOp::create(builder, location, product, scalars[2]);
}

} // namespace kiln::ir
