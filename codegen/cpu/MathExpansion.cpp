//===- MathExpansion.cpp - functions without a library --------------------===//
//
// exp: Cody and Waite's reduction to [-ln2/2, ln2/2], Taylor's polynomial. log: as in FreeBSD's msun, from s = f / (2 + f). tanh:
// as in Cephes, a polynomial (float) or rational function (double) below 0.625, exp above. Infinities, zeros, subnormals and NaN
// are C's.
//
//===----------------------------------------------------------------------===//

#include "MathExpansion.h"

#include "KernelBuilder.h"
#include "llvm/ADT/StringMap.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace kiln::codegen {

namespace {

/// Arithmetic on values of one type, f32 or f64, scalar or vector.
class FloatBuilder {
public:
  FloatBuilder(KernelBuilder &b, Type type) : b(b), type(type), isDouble(getElementTypeOrSelf(type).isF64()) {
    lanes = isa<VectorType>(type) ? cast<VectorType>(type).getNumElements() : 1;
    wide = KernelBuilder::vectorOf(isDouble ? b.getI64Type() : b.getI32Type(), lanes);
    int32 = KernelBuilder::vectorOf(b.getI32Type(), lanes);
  }

  Value constant(double value) { return b.constant(type, value); }
  Value integer(int64_t value) { return b.integerConstant(wide, value); }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value mul(Value x, double y) { return mul(x, constant(y)); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b, x, y); }
  Value fma(Value x, Value y, Value z) { return b.multiplyAdd(x, y, z); }
  Value abs(Value x) { return math::AbsFOp::create(b, x); }
  Value compare(arith::CmpFPredicate predicate, Value x, double y) { return arith::CmpFOp::create(b, predicate, x, constant(y)); }
  Value select(Value condition, Value x, Value y) { return arith::SelectOp::create(b, condition, x, y); }
  Value bits(Value x) { return arith::BitcastOp::create(b, wide, x); }
  Value fromBits(Value x) { return arith::BitcastOp::create(b, type, x); }

  /// c[0] + x * (c[1] + x * ...).
  Value polynomial(Value x, ArrayRef<double> coefficients) {
    Value sum = constant(coefficients.back());
    for (double coefficient : llvm::reverse(coefficients.drop_back()))
      sum = fma(sum, x, constant(coefficient));
    return sum;
  }

  /// A whole number as an integer as wide as the type. By way of i32, which every instruction set converts in vectors.
  Value toInteger(Value x) {
    Value narrow = arith::FPToSIOp::create(b, int32, x);
    return isDouble ? Value(arith::ExtSIOp::create(b, wide, narrow)) : narrow;
  }

  /// 2^n for an integer n in the range of normal exponents.
  Value powerOfTwo(Value n) {
    Value biased = arith::AddIOp::create(b, n, integer(isDouble ? 1023 : 127));
    return fromBits(arith::ShLIOp::create(b, biased, integer(isDouble ? 52 : 23)));
  }

  Value exp(Value x);
  Value log(Value x);
  Value tanh(Value x);

  KernelBuilder &b;
  Type type, wide, int32;
  int64_t lanes;
  bool isDouble;
};

Value FloatBuilder::exp(Value x) {
  // Beyond these the result is infinite or zero already; the reduction stays in the range of integers.
  Value clamped = arith::MinNumFOp::create(b, arith::MaxNumFOp::create(b, x, constant(isDouble ? -746.0 : -104.0)),
                                           constant(isDouble ? 710.0 : 89.0));
  Value n = math::RoundEvenOp::create(b, mul(clamped, 1.4426950408889634));
  // ln 2 in two parts; n times the first is exact.
  double high = isDouble ? 6.93145751953125e-1 : 0.693359375;
  double low = isDouble ? 1.42860682030941723212e-6 : -2.12194440054690583e-4;
  Value r = fma(n, constant(-low), fma(n, constant(-high), clamped));

  SmallVector<double> coefficients; // of r^2: 1/2!, 1/3!, ...
  double factorial = 1;
  for (int k = 2; k <= (isDouble ? 13 : 7); ++k)
    coefficients.push_back(1 / (factorial *= k));
  // 1 + r + r^2 * p, with what the first addition rounds away put back into the small term.
  Value first = add(constant(1), r);
  Value lost = sub(r, sub(first, constant(1)));
  Value y = add(first, fma(mul(r, r), polynomial(r, coefficients), lost));

  // In two halves: 2^n itself may lie outside the range of exponents.
  Value whole = toInteger(n);
  Value half = arith::ShRSIOp::create(b, whole, integer(1));
  Value rest = arith::SubIOp::create(b, whole, half);
  Value scaled = mul(mul(y, powerOfTwo(half)), powerOfTwo(rest));
  return select(compare(arith::CmpFPredicate::UNO, x, 0), x, scaled);
}

Value FloatBuilder::log(Value x) {
  // Subnormal numbers are scaled into the normal range first.
  double smallest = isDouble ? std::numeric_limits<double>::min() : std::numeric_limits<float>::min();
  int mantissaBits = isDouble ? 52 : 23, scale = isDouble ? 54 : 25;
  Value isTiny = compare(arith::CmpFPredicate::OLT, x, smallest);
  Value normal = select(isTiny, mul(x, std::ldexp(1.0, scale)), x);

  // x = 2^k * m with m in [sqrt(1/2), sqrt(2)).
  Value word = bits(normal);
  int64_t root = isDouble ? 0x3fe6a09e667f3bcd : 0x3f3504f3;
  Value k = arith::ShRSIOp::create(b, arith::SubIOp::create(b, word, integer(root)), integer(mantissaBits));
  Value m = fromBits(arith::SubIOp::create(b, word, arith::ShLIOp::create(b, k, integer(mantissaBits))));
  Value narrow = isDouble ? Value(arith::TruncIOp::create(b, int32, k)) : k;
  Value exponent = arith::SIToFPOp::create(b, type, narrow);
  exponent = select(isTiny, sub(exponent, constant(scale)), exponent);

  Value f = sub(m, constant(1));
  Value s = div(f, add(f, constant(2))), z = mul(s, s), w = mul(z, z);
  Value even, odd; // of the series in z
  if (isDouble) {
    even =
        polynomial(w, {6.666666666666735130e-01, 2.857142874366239149e-01, 1.818357216161805012e-01, 1.479819860511658591e-01});
    odd = polynomial(w, {3.999999999940941908e-01, 2.222219843214978396e-01, 1.531383769920937332e-01});
  } else {
    even = polynomial(w, {0.66666662693023682, 0.28498786687850952});
    odd = polynomial(w, {0.40000972151756287, 0.24279078841209412});
  }
  Value series = add(mul(w, odd), mul(z, even));
  Value halfSquare = mul(mul(f, f), 0.5);
  double high = isDouble ? 6.93147180369123816490e-01 : 6.9313812256e-01;
  double low = isDouble ? 1.90821492927058770002e-10 : 9.0580006145e-06;
  Value tail = fma(exponent, constant(low), mul(s, add(halfSquare, series)));
  Value result = fma(exponent, constant(high), add(sub(tail, halfSquare), f));

  double infinity = std::numeric_limits<double>::infinity();
  result = select(compare(arith::CmpFPredicate::OEQ, x, infinity), x, result);
  result = select(compare(arith::CmpFPredicate::OEQ, x, 0), constant(-infinity), result);
  return select(compare(arith::CmpFPredicate::ULT, x, 0), constant(std::numeric_limits<double>::quiet_NaN()), result);
}

Value FloatBuilder::tanh(Value x) {
  Value magnitude = abs(x), z = mul(x, x), ratio;
  if (isDouble) {
    Value p = polynomial(z, {-1.61468768441708447952e3, -9.92877231001918586564e1, -9.64399179425052238628e-1});
    Value q = polynomial(z, {4.84406305325125486048e3, 2.23548839060100448583e3, 1.12811678491632931402e2, 1.0});
    ratio = div(p, q);
  } else {
    ratio = polynomial(z, {-3.33332819422e-1, 1.33314422036e-1, -5.37397155531e-2, 2.06390887954e-2, -5.70498872745e-3});
  }
  Value small = fma(mul(ratio, z), x, x);
  Value e = exp(add(magnitude, magnitude));
  Value large = sub(constant(1), div(constant(2), add(e, constant(1))));
  large = math::CopySignOp::create(b, large, x);
  return select(compare(arith::CmpFPredicate::OLT, magnitude, 0.625), small, large);
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

using Expand = Value (*)(FloatBuilder &, Operation *);

const llvm::StringMap<Expand> &expansions() {
  static const llvm::StringMap<Expand> table = {
      {"math.exp", [](FloatBuilder &f, Operation *op) { return f.exp(op->getOperand(0)); }},
      {"math.log", [](FloatBuilder &f, Operation *op) { return f.log(op->getOperand(0)); }},
      {"math.tanh", [](FloatBuilder &f, Operation *op) { return f.tanh(op->getOperand(0)); }},
      {"math.rsqrt",
       [](FloatBuilder &f, Operation *op) -> Value {
         return f.div(f.constant(1), math::SqrtOp::create(f.b, op->getOperand(0)));
       }},
  };
  return table;
}

/// Those that every instruction set has, or that are a few bit operations.
bool isInstruction(Operation *op, const InstructionSet &target) {
  if (isa<math::FmaOp>(op))
    return target.hasFma;
  return isa<math::SqrtOp, math::AbsFOp, math::AbsIOp, math::FloorOp, math::CeilOp, math::TruncOp, math::RoundEvenOp,
             math::CopySignOp, math::IsNaNOp, math::IsInfOp, math::IsFiniteOp>(op);
}

} // namespace

LogicalResult expandMath(LLVM::LLVMFuncOp function, const InstructionSet &target, Location location) {
  SmallVector<Operation *> ops;
  function.walk([&](Operation *op) {
    if (op->getName().getDialectNamespace() == "math" && !isInstruction(op, target))
      ops.push_back(op);
    // A remainder is a call of fmod.
    if (isa<arith::RemFOp>(op))
      ops.push_back(op);
  });
  for (Operation *op : ops) {
    Type type = op->getResult(0).getType(), element = getElementTypeOrSelf(type);
    OpBuilder builder(op);
    KernelBuilder b(op->getLoc(), builder, target);
    FloatBuilder f(b, type);
    Value replacement;
    if (isa<math::FmaOp>(op)) {
      replacement = f.fma(op->getOperand(0), op->getOperand(1), op->getOperand(2));
    } else if (auto entry = expansions().find(op->getName().getStringRef());
               entry != expansions().end() && isa<Float32Type, Float64Type>(element)) {
      replacement = entry->second(f, op);
    } else {
      return emitError(location) << "'" << op->getName() << "' on " << element << " has no CPU code; use another function";
    }
    op->getResult(0).replaceAllUsesWith(replacement);
    op->erase();
  }
  return success();
}

} // namespace kiln::codegen
