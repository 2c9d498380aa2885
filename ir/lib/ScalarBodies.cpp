//===- ScalarBodies.cpp - Elementwise operations on scalars -------------------===//
//
// The scalar form of each elementwise operation in arith and math, as fused regions use it. What each does with NaN, with signed
// zeros, with bools and with numbers out of range is PyTorch's behaviour on the CPU.
//
//===----------------------------------------------------------------------===//

#include "kiln/ir/Ops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;

namespace kiln::ir {

namespace {

bool isNarrowFloat(Type type) { return isa<Float16Type, BFloat16Type>(type); }
/// bool and ui8: their bits are the number.
bool isUnsigned(Type element) { return element.isInteger(1) || element.isUnsignedInteger(); }

/// Writes the body of one operation. Element types are the dialect's, which know what is unsigned; values are signless.
class BodyBuilder : public ImplicitLocOpBuilder {
public:
  BodyBuilder(OpBuilder &builder, Location location, Operation *op, ValueRange scalars)
      : ImplicitLocOpBuilder(location, builder), op(op), scalars(scalars),
        element(getElementTypeOrSelf(op->getResult(0).getType())) {}

  /// The type that the operation computes in: the result's, but f32 for narrower floats, which are rounded once, at the end.
  Type computeType() { return isNarrowFloat(element) ? getF32Type() : element; }
  bool computesFloats() { return isa<FloatType>(element); }
  /// An operand as the computation sees it.
  Value operand(unsigned index) {
    return convert(scalars[index], getElementTypeOrSelf(op->getOperand(index).getType()), computeType());
  }
  /// What was computed, as an element of the result.
  Value result(Value computed) { return convert(computed, computeType(), element); }

  Value constant(Type type, int64_t value) {
    TypedAttr attribute = isa<FloatType>(type) ? TypedAttr(getFloatAttr(type, static_cast<double>(value)))
                                               : TypedAttr(getIntegerAttr(scalarTypeOf(type), value));
    return arith::ConstantOp::create(*this, attribute);
  }
  Value constant(int64_t value) { return constant(computeType(), value); }

  /// `value`, an element of type `from`, as one of type `to`.
  Value convert(Value value, Type from, Type to);

  /// FloatOp on floats, BoolOp on bools, UnsignedOp on ui8, SignedOp on the other integers.
  template <class FloatOp, class SignedOp, class UnsignedOp, class BoolOp> Value binary() {
    Value lhs = operand(0), rhs = operand(1);
    if (computesFloats())
      return result(FloatOp::create(*this, lhs, rhs));
    if (element.isInteger(1))
      return BoolOp::create(*this, lhs, rhs);
    if (isUnsigned(element))
      return UnsignedOp::create(*this, lhs, rhs);
    return SignedOp::create(*this, lhs, rhs);
  }
  /// The larger operand, or the smaller one.
  Value extremum(bool isMaximum);

private:
  Value convertToInteger(Value value, Type from, Type to);

  Operation *op;
  ValueRange scalars;
  Type element;
};

Value BodyBuilder::convert(Value value, Type from, Type to) {
  if (from == to)
    return value;
  if (!isa<FloatType>(to))
    return convertToInteger(value, from, to);
  // PyTorch rounds to f32 first, from f64 and from integers alike; and neither 16-bit type contains the other.
  Type wide = getF32Type();
  if (isNarrowFloat(to) && from != wide)
    return convert(convert(value, from, wide), wide, to);
  if (!isa<FloatType>(from))
    return isUnsigned(from) ? Value(arith::UIToFPOp::create(*this, to, value)) : Value(arith::SIToFPOp::create(*this, to, value));
  if (from.getIntOrFloatBitWidth() < to.getIntOrFloatBitWidth())
    return arith::ExtFOp::create(*this, to, value);
  return arith::TruncFOp::create(*this, to, value);
}

Value BodyBuilder::convertToInteger(Value value, Type from, Type to) {
  Type type = scalarTypeOf(to);
  if (isa<FloatType>(from)) {
    value = convert(value, from, isNarrowFloat(from) ? Type(getF32Type()) : from);
    if (to.isInteger(1)) // Unordered: NaN is true.
      return arith::CmpFOp::create(*this, arith::CmpFPredicate::UNE, value, constant(value.getType(), 0));
    // Narrow integers keep the low bits of a 32-bit conversion, as in PyTorch: -1.0 is 255 as ui8.
    if (type.getIntOrFloatBitWidth() < 32)
      return arith::TruncIOp::create(*this, type, arith::FPToSIOp::create(*this, getI32Type(), value).getResult());
    return arith::FPToSIOp::create(*this, type, value);
  }
  if (to.isInteger(1))
    return arith::CmpIOp::create(*this, arith::CmpIPredicate::ne, value, constant(from, 0));
  const unsigned fromWidth = from.getIntOrFloatBitWidth(), toWidth = to.getIntOrFloatBitWidth();
  if (fromWidth == toWidth) // i8 and ui8
    return value;
  if (fromWidth > toWidth)
    return arith::TruncIOp::create(*this, type, value);
  return isUnsigned(from) ? Value(arith::ExtUIOp::create(*this, type, value)) : Value(arith::ExtSIOp::create(*this, type, value));
}

// Of equal floats, zeros of either sign, the second: so do the processor's instruction and PyTorch's vector loops. NaN on either
// side is the result: a NaN on the right as the one that no comparison prefers, on the left by a select of its own.
Value BodyBuilder::extremum(bool isMaximum) {
  if (!computesFloats())
    return isMaximum ? binary<arith::MaximumFOp, arith::MaxSIOp, arith::MaxUIOp, arith::OrIOp>()
                     : binary<arith::MinimumFOp, arith::MinSIOp, arith::MinUIOp, arith::AndIOp>();
  Value lhs = operand(0), rhs = operand(1);
  Value isLeft = arith::CmpFOp::create(*this, isMaximum ? arith::CmpFPredicate::OGT : arith::CmpFPredicate::OLT, lhs, rhs);
  Value chosen = arith::SelectOp::create(*this, isLeft, lhs, rhs);
  Value isNaN = arith::CmpFOp::create(*this, arith::CmpFPredicate::UNO, lhs, lhs);
  return result(arith::SelectOp::create(*this, isNaN, lhs, chosen));
}

} // namespace

//===----------------------------------------------------------------------===//
// Unary
//===----------------------------------------------------------------------===//

Value ReluOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  BodyBuilder b(builder, location, getOperation(), scalars);
  if (getElementTypeOrSelf(getInput().getType()).isUnsignedInteger())
    return scalars[0];
  Value input = b.operand(0), zero = b.constant(0);
  if (!b.computesFloats())
    return arith::MaxSIOp::create(b, input, zero);
  // What is not below zero stays as it is: NaN, and -0.0. One instruction, unlike arith.maximumf, which orders the zeros.
  Value isNegative = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, input, zero);
  return b.result(arith::SelectOp::create(b, isNegative, zero, input));
}

Value SigmoidOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  BodyBuilder b(builder, location, getOperation(), scalars);
  Value one = b.constant(1);
  Value exponential = math::ExpOp::create(b, arith::NegFOp::create(b, b.operand(0)).getResult());
  Value denominator = arith::AddFOp::create(b, one, exponential);
  return b.result(arith::DivFOp::create(b, one, denominator));
}

Value TanhOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  BodyBuilder b(builder, location, getOperation(), scalars);
  return b.result(math::TanhOp::create(b, b.operand(0)));
}

Value NegOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  BodyBuilder b(builder, location, getOperation(), scalars);
  if (b.computesFloats()) // Not 0 - x, which would lose the sign of zeros.
    return b.result(arith::NegFOp::create(b, b.operand(0)));
  return arith::SubIOp::create(b, b.constant(0), b.operand(0));
}

Value ExpOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  BodyBuilder b(builder, location, getOperation(), scalars);
  return b.result(math::ExpOp::create(b, b.operand(0)));
}

Value LogOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  BodyBuilder b(builder, location, getOperation(), scalars);
  return b.result(math::LogOp::create(b, b.operand(0)));
}

Value SqrtOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  BodyBuilder b(builder, location, getOperation(), scalars);
  return b.result(math::SqrtOp::create(b, b.operand(0)));
}

Value RsqrtOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  BodyBuilder b(builder, location, getOperation(), scalars);
  // Two rounded steps, as PyTorch computes it; math.rsqrt may become an estimate.
  Value root = math::SqrtOp::create(b, b.operand(0));
  return b.result(arith::DivFOp::create(b, b.constant(1), root));
}

Value AbsOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  BodyBuilder b(builder, location, getOperation(), scalars);
  if (b.computesFloats())
    return b.result(math::AbsFOp::create(b, b.operand(0)));
  if (getElementTypeOrSelf(getInput().getType()).isUnsignedInteger())
    return scalars[0];
  return math::AbsIOp::create(b, b.operand(0));
}

//===----------------------------------------------------------------------===//
// Binary
//===----------------------------------------------------------------------===//

Value AddOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return BodyBuilder(builder, location, getOperation(), scalars).binary<arith::AddFOp, arith::AddIOp, arith::AddIOp, arith::OrIOp>();
}

Value SubOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return BodyBuilder(builder, location, getOperation(), scalars).binary<arith::SubFOp, arith::SubIOp, arith::SubIOp, arith::SubIOp>();
}

Value MulOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return BodyBuilder(builder, location, getOperation(), scalars).binary<arith::MulFOp, arith::MulIOp, arith::MulIOp, arith::AndIOp>();
}

Value DivOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  BodyBuilder b(builder, location, getOperation(), scalars);
  return b.result(arith::DivFOp::create(b, b.operand(0), b.operand(1)));
}

Value MaximumOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return BodyBuilder(builder, location, getOperation(), scalars).extremum(/*isMaximum=*/true);
}

Value MinimumOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return BodyBuilder(builder, location, getOperation(), scalars).extremum(/*isMaximum=*/false);
}

//===----------------------------------------------------------------------===//
// Comparisons and selection
//===----------------------------------------------------------------------===//

namespace {

/// Operands have one type. Bools are compared as unsigned numbers: as signed ones, true would be -1.
Value compare(OpBuilder &builder, Location location, Operation *op, ValueRange scalars, arith::CmpFPredicate ofFloats,
              arith::CmpIPredicate ofSigned, arith::CmpIPredicate ofUnsigned) {
  Type element = getElementTypeOrSelf(op->getOperand(0).getType());
  if (!isa<FloatType>(element))
    return arith::CmpIOp::create(builder, location, isUnsigned(element) ? ofUnsigned : ofSigned, scalars[0], scalars[1]);
  Value lhs = scalars[0], rhs = scalars[1];
  if (isNarrowFloat(element)) {
    lhs = arith::ExtFOp::create(builder, location, builder.getF32Type(), lhs);
    rhs = arith::ExtFOp::create(builder, location, builder.getF32Type(), rhs);
  }
  return arith::CmpFOp::create(builder, location, ofFloats, lhs, rhs);
}

} // namespace

Value EqOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return compare(builder, location, getOperation(), scalars, arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq,
                 arith::CmpIPredicate::eq);
}

Value NeOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return compare(builder, location, getOperation(), scalars, arith::CmpFPredicate::UNE, arith::CmpIPredicate::ne,
                 arith::CmpIPredicate::ne);
}

Value LtOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return compare(builder, location, getOperation(), scalars, arith::CmpFPredicate::OLT, arith::CmpIPredicate::slt,
                 arith::CmpIPredicate::ult);
}

Value LeOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return compare(builder, location, getOperation(), scalars, arith::CmpFPredicate::OLE, arith::CmpIPredicate::sle,
                 arith::CmpIPredicate::ule);
}

Value GtOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return compare(builder, location, getOperation(), scalars, arith::CmpFPredicate::OGT, arith::CmpIPredicate::sgt,
                 arith::CmpIPredicate::ugt);
}

Value GeOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return compare(builder, location, getOperation(), scalars, arith::CmpFPredicate::OGE, arith::CmpIPredicate::sge,
                 arith::CmpIPredicate::uge);
}

Value WhereOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  return arith::SelectOp::create(builder, location, scalars[0], scalars[1], scalars[2]);
}

//===----------------------------------------------------------------------===//
// Others
//===----------------------------------------------------------------------===//

Value CastOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  BodyBuilder b(builder, location, getOperation(), scalars);
  return b.convert(scalars[0], getElementTypeOrSelf(getInput().getType()), getDtype());
}

bool DropoutOp::hasScalarBody() {
  // The mask depends on the element's index, which a scalar body does not see; a generator has no element beside the input's.
  return (!getTraining() || getP().isZero()) && !getGenerator();
}

Value DropoutOp::buildScalarBody(OpBuilder &, Location, ValueRange scalars) { return scalars[0]; }

Value DetachOp::buildScalarBody(OpBuilder &, Location, ValueRange scalars) { return scalars[0]; }

Value ChannelAffineOp::buildScalarBody(OpBuilder &builder, Location location, ValueRange scalars) {
  BodyBuilder b(builder, location, getOperation(), scalars);
  Value product = arith::MulFOp::create(b, b.operand(0), b.operand(1));
  return b.result(arith::AddFOp::create(b, product, b.operand(2)));
}

} // namespace kiln::ir
