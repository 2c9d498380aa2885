//===- NarrowFloats.cpp - 16-bit floats as the processor has them ---------===//
//
// The integer forms of the conversions are branch-free and alike for scalars and vectors of any length. Those of f16 let the float
// adder shift subnormal numbers into place, as Fabian Giesen's "half_to_float" and "float_to_half" do; no operand of an addition is
// subnormal itself, so that the host's flush-to-zero mode changes nothing.
//
//===----------------------------------------------------------------------===//

#include "NarrowFloats.h"

#include "KernelBuilder.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace kiln::codegen {

namespace {

bool isNarrow(Type type) { return isa<Float16Type, BFloat16Type>(getElementTypeOrSelf(type)); }

/// `type`'s elements replaced: f32 for vector<8xf16> and f32 is vector<8xf32>.
Type withElement(Type type, Type element) {
  auto vector = dyn_cast<VectorType>(type);
  return vector ? Type(vector.clone(element)) : element;
}

/// Arithmetic on the bits of f32, as 32-bit integers.
class BitBuilder {
public:
  BitBuilder(KernelBuilder &b, Type like)
      : b(b), bits32(withElement(like, b.getI32Type())), bits16(withElement(like, b.getI16Type())),
        float32(withElement(like, b.getF32Type())) {}

  Value extendBFloat16(Value value) { return fromBits(shiftLeft(narrowBits(value), 16)); }
  Value extendHalf(Value value);
  Value truncateToBFloat16(Value value);
  Value truncateToHalf(Value value);

private:
  Value constant(int64_t value) { return b.integerConstant(bits32, value); }
  Value add(Value x, int64_t y) { return arith::AddIOp::create(b, x, constant(y)); }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, x, y); }
  Value bitAnd(Value x, int64_t y) { return arith::AndIOp::create(b, x, constant(y)); }
  Value bitOr(Value x, Value y) { return arith::OrIOp::create(b, x, y); }
  Value bitXor(Value x, Value y) { return arith::XOrIOp::create(b, x, y); }
  Value shiftLeft(Value x, int64_t bits) { return arith::ShLIOp::create(b, x, constant(bits)); }
  Value shiftRight(Value x, int64_t bits) { return arith::ShRUIOp::create(b, x, constant(bits)); }
  /// Of numbers without their sign bit, so signed comparisons, which every instruction set has in vectors, do.
  Value isAbove(Value x, int64_t y) { return arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, x, constant(y)); }
  Value select(Value condition, Value x, Value y) { return arith::SelectOp::create(b, condition, x, y); }
  Value bitsOf(Value x) { return arith::BitcastOp::create(b, bits32, x); }
  Value fromBits(Value x) { return arith::BitcastOp::create(b, float32, x); }
  /// The 16 bits of a narrow float, and back.
  Value narrowBits(Value x) { return arith::ExtUIOp::create(b, bits32, arith::BitcastOp::create(b, bits16, x).getResult()); }
  Value asNarrow(Value x, Type element) {
    return arith::BitcastOp::create(b, withElement(bits16, element), arith::TruncIOp::create(b, bits16, x).getResult());
  }

  KernelBuilder &b;
  Type bits32, bits16, float32;
};

/// Exponents of f16 and f32 are 112 apart, mantissas 13 bits.
constexpr int64_t kExponentBias = 112 << 23;
constexpr int64_t kInfinity = 0x7f800000;

Value BitBuilder::extendHalf(Value value) {
  Value half = narrowBits(value), sign = shiftLeft(bitAnd(half, 0x8000), 16);
  Value magnitude = shiftLeft(bitAnd(half, 0x7fff), 13);
  Value normal = add(magnitude, kExponentBias);
  // Infinity and NaN: the exponent goes to the very end.
  Value extended = select(isAbove(magnitude, (0x7c00 << 13) - 1), add(magnitude, 2 * kExponentBias), normal);
  // Subnormal: with the exponent of the smallest normal number it is that number too large.
  constexpr int64_t kSmallestNormal = kExponentBias + (1 << 23);
  Value offset = fromBits(constant(kSmallestNormal));
  Value subnormal = bitsOf(arith::SubFOp::create(b, fromBits(add(magnitude, kSmallestNormal)), offset));
  extended = select(isAbove(magnitude, (0x0400 << 13) - 1), extended, subnormal);
  return fromBits(bitOr(extended, sign));
}

Value BitBuilder::truncateToHalf(Value value) {
  Value word = bitsOf(value), sign = bitAnd(word, INT32_MIN), magnitude = bitXor(word, sign);
  // Half of the last kept bit, less one when that bit is even, then what is cut off is cut. A carry reaches the exponent, and
  // infinity from the largest number, by itself.
  Value isOdd = bitAnd(shiftRight(magnitude, 13), 1);
  Value normal = shiftRight(add(add(magnitude, 0xfff - kExponentBias), isOdd), 13);
  // Below the smallest normal number, 2^-14: the last bit of a float near 1/2 is worth 2^-24, as a subnormal f16's is.
  constexpr int64_t kHalf = 126 << 23;
  Value shifted = arith::AddFOp::create(b, fromBits(magnitude), fromBits(constant(kHalf)));
  Value subnormal = add(bitsOf(shifted), -kHalf);
  Value special = select(isAbove(magnitude, kInfinity), constant(0x7e00), constant(0x7c00));
  Value result = select(isAbove(magnitude, kExponentBias + (1 << 23) - 1), normal, subnormal);
  result = select(isAbove(magnitude, (int64_t(143) << 23) - 1), special, result);
  return asNarrow(bitOr(result, shiftRight(sign, 16)), b.getF16Type());
}

Value BitBuilder::truncateToBFloat16(Value value) {
  Value word = bitsOf(value), isOdd = bitAnd(shiftRight(word, 16), 1);
  Value rounded = shiftRight(add(add(word, 0x7fff), isOdd), 16);
  Value isNaN = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, value, value);
  return asNarrow(select(isNaN, constant(0x7fc0), rounded), b.getBF16Type());
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

/// A conversion between a narrow type and f32; f16's where the instruction set has it is an instruction.
Value convert(KernelBuilder &b, Value value, Type to) {
  Type from = getElementTypeOrSelf(value.getType());
  BitBuilder bits(b, value.getType());
  Type wide = withElement(value.getType(), to);
  if (from.isF16())
    return b.target.hasHalfConversion ? Value(arith::ExtFOp::create(b, wide, value)) : bits.extendHalf(value);
  if (from.isBF16())
    return bits.extendBFloat16(value);
  if (to.isF16())
    return b.target.hasHalfConversion ? Value(arith::TruncFOp::create(b, wide, value)) : bits.truncateToHalf(value);
  return bits.truncateToBFloat16(value);
}

/// Any floating-point value as f32.
Value toFloat(KernelBuilder &b, Value value) {
  Type element = getElementTypeOrSelf(value.getType()), type = withElement(value.getType(), b.getF32Type());
  if (element.isF64())
    return arith::TruncFOp::create(b, type, value);
  return isNarrow(element) ? convert(b, value, b.getF32Type()) : value;
}

/// An extension or truncation with a narrow type on either side, by way of f32.
Value expandConversion(KernelBuilder &b, Operation *op) {
  Type type = op->getResult(0).getType();
  Value wide = toFloat(b, op->getOperand(0));
  if (isNarrow(type))
    return convert(b, wide, getElementTypeOrSelf(type));
  return wide.getType() == type ? wide : Value(arith::ExtFOp::create(b, type, wide));
}

/// The same operation on f32, rounded at the end.
Value expandArithmetic(KernelBuilder &b, Operation *op) {
  auto widened = [&](Type type) { return isNarrow(type) ? withElement(type, b.getF32Type()) : type; };
  OperationState state(op->getLoc(), op->getName());
  for (Value operand : op->getOperands())
    state.addOperands(isNarrow(operand.getType()) ? toFloat(b, operand) : operand);
  Type type = op->getResult(0).getType();
  state.addTypes(widened(type));
  state.addAttributes(op->getAttrDictionary().getValue());
  Value result = b.create(state)->getResult(0);
  return isNarrow(type) ? convert(b, result, getElementTypeOrSelf(type)) : result;
}

} // namespace

void expandNarrowFloats(LLVM::LLVMFuncOp function, const InstructionSet &target) {
  SmallVector<Operation *> ops;
  function.walk([&](Operation *op) {
    StringRef dialect = op->getName().getDialectNamespace();
    // Constants, selections and reinterpretations are bits to the processor.
    bool computes = (dialect == "arith" || dialect == "math") && !isa<arith::ConstantOp, arith::SelectOp, arith::BitcastOp>(op);
    if (computes && (llvm::any_of(op->getOperandTypes(), isNarrow) || llvm::any_of(op->getResultTypes(), isNarrow)))
      ops.push_back(op);
  });
  for (Operation *op : ops) {
    OpBuilder builder(op);
    KernelBuilder b(op->getLoc(), builder, target);
    bool isConversion = isa<arith::ExtFOp, arith::TruncFOp>(op);
    op->getResult(0).replaceAllUsesWith(isConversion ? expandConversion(b, op) : expandArithmetic(b, op));
    op->erase();
  }
}

} // namespace kiln::codegen
