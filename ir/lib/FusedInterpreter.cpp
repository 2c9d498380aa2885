//===- FusedInterpreter.cpp - Scalar regions on tensors -----------------------===//
//
// Each SSA value of the body is one array over the iteration space: doubles for floating-point types, 64-bit integers for the
// others. A double holds every value of the narrower floating-point types, and rounding its sum, product, quotient or square root
// to f32 gives what f32 arithmetic gives (53 >= 2 * 24 + 2 bits), so one implementation serves all types.
//
//===----------------------------------------------------------------------===//

#include "FusedInterpreter.h"

#include "kiln/runtime/error.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;

namespace kiln::ir {

using runtime::DType;
using runtime::Tensor;

namespace {

/// The values of one scalar for all elements; one of the two is used.
struct Lane {
  std::vector<double> floats;
  std::vector<int64_t> integers;
};

/// `value` as the nearest number of `type`.
double roundTo(double value, Type type) {
  if (type.isF64())
    return value;
  if (type.isF32())
    return static_cast<float>(value);
  llvm::APFloat number(value);
  bool losesInfo = false;
  number.convert(cast<FloatType>(type).getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  number.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  return number.convertToDouble();
}

/// `value` as two's complement of the type's width; bools are 0 and 1.
int64_t wrapTo(int64_t value, Type type) {
  const unsigned width = type.getIntOrFloatBitWidth();
  return width == 1 ? value & 1 : llvm::SignExtend64(static_cast<uint64_t>(value), width);
}

/// The value's low bits, without its sign.
int64_t withoutSign(int64_t value, Type type) {
  const unsigned width = type.getIntOrFloatBitWidth();
  return width == 64 ? value : value & static_cast<int64_t>(llvm::maskTrailingOnes<uint64_t>(width));
}

/// Beyond the range arith.fptosi gives poison. Here, as in compiled code and in PyTorch, what the processor's instruction gives for
/// those and for NaN: the smallest value.
int64_t toInteger(double value, Type type) {
  const unsigned width = type.getIntOrFloatBitWidth();
  const double limit = std::ldexp(1.0, static_cast<int>(width) - 1), whole = std::trunc(value);
  return whole >= -limit && whole < limit ? static_cast<int64_t>(whole) : llvm::minIntN(width);
}

double maximum(double a, double b) {
  if (std::isnan(a) || std::isnan(b))
    return std::numeric_limits<double>::quiet_NaN();
  return a == b ? (std::signbit(a) ? b : a) : std::max(a, b); // 0.0 is larger than -0.0
}

double minimum(double a, double b) {
  if (std::isnan(a) || std::isnan(b))
    return std::numeric_limits<double>::quiet_NaN();
  return a == b ? (std::signbit(a) ? a : b) : std::min(a, b);
}

class BodyRunner {
public:
  BodyRunner(std::size_t count, bool computeInDouble) : count(count), computeInDouble(computeInDouble) {}

  void define(Value value, const Tensor &tensor) {
    Lane &lane = lanes[value];
    if (isa<FloatType>(value.getType())) {
      Tensor numbers = tensor.to(DType::Float64).contiguous();
      lane.floats.assign(numbers.data<double>(), numbers.data<double>() + count);
    } else {
      Tensor numbers = tensor.to(DType::Int64).contiguous();
      lane.integers.assign(numbers.data<int64_t>(), numbers.data<int64_t>() + count);
      for (int64_t &number : lane.integers)
        number = wrapTo(number, value.getType());
    }
  }

  /// `element` is the result's element type, which knows what is unsigned.
  Tensor result(Value value, ArrayRef<int64_t> sizes, Type element) {
    std::vector<int64_t> shape(sizes.begin(), sizes.end());
    const Lane &lane = lanes.at(value);
    if (!isa<FloatType>(value.getType()))
      return Tensor::from(std::span<const int64_t>(lane.integers), shape).to(*toDType(element));
    Tensor numbers = Tensor::from(std::span<const double>(lane.floats), shape);
    return computeInDouble ? numbers : numbers.to(*toDType(element));
  }

  void run(Operation *op) {
    if (llvm::any_of(op->getResultTypes(), [](Type type) { return !isa<FloatType>(type) && !type.isSignlessInteger(); }))
      throw unknown(op);
    const bool known = runConstant(op) || runFloat(op) || runInteger(op) || runMixed(op);
    if (!known)
      throw unknown(op);
  }

private:
  static runtime::TypeError unknown(Operation *op) {
    return runtime::TypeError("the interpreter has no scalar kernel for '" + op->getName().getStringRef().str() + "'");
  }

  double rounded(double value, Type type) const { return computeInDouble ? value : roundTo(value, type); }

  template <class Function> bool floats(Operation *op, Function function) {
    Type type = op->getResult(0).getType();
    Lane lane;
    lane.floats.resize(count);
    SmallVector<const double *, 3> operands;
    for (Value operand : op->getOperands())
      operands.push_back(lanes.at(operand).floats.data());
    for (std::size_t index = 0; index < count; ++index)
      lane.floats[index] = rounded(function(operands, index), type);
    lanes[op->getResult(0)] = std::move(lane);
    return true;
  }
  template <class Function> bool unary(Operation *op, Function function) {
    return floats(op, [&](ArrayRef<const double *> operands, std::size_t index) { return function(operands[0][index]); });
  }
  template <class Function> bool binary(Operation *op, Function function) {
    return floats(op, [&](ArrayRef<const double *> operands, std::size_t index) {
      return function(operands[0][index], operands[1][index]);
    });
  }
  template <class Function> bool integers(Operation *op, Function function) {
    Type type = op->getResult(0).getType();
    Lane lane;
    lane.integers.resize(count);
    const int64_t *lhs = lanes.at(op->getOperand(0)).integers.data();
    const int64_t *rhs = op->getNumOperands() > 1 ? lanes.at(op->getOperand(1)).integers.data() : lhs;
    for (std::size_t index = 0; index < count; ++index)
      lane.integers[index] = wrapTo(function(lhs[index], rhs[index]), type);
    lanes[op->getResult(0)] = std::move(lane);
    return true;
  }

  bool runConstant(Operation *op) {
    auto constant = dyn_cast<arith::ConstantOp>(op);
    if (!constant)
      return false;
    Lane lane;
    if (auto number = dyn_cast<FloatAttr>(constant.getValue()))
      lane.floats.assign(count, number.getValueAsDouble());
    else if (auto integer = dyn_cast<IntegerAttr>(constant.getValue()))
      lane.integers.assign(count, wrapTo(integer.getValue().getSExtValue(), integer.getType()));
    else
      return false;
    lanes[constant.getResult()] = std::move(lane);
    return true;
  }

  bool runFloat(Operation *op) {
    return TypeSwitch<Operation *, bool>(op)
        .Case([&](arith::AddFOp) { return binary(op, [](double a, double b) { return a + b; }); })
        .Case([&](arith::SubFOp) { return binary(op, [](double a, double b) { return a - b; }); })
        .Case([&](arith::MulFOp) { return binary(op, [](double a, double b) { return a * b; }); })
        .Case([&](arith::DivFOp) { return binary(op, [](double a, double b) { return a / b; }); })
        .Case([&](arith::MaximumFOp) { return binary(op, maximum); })
        .Case([&](arith::MinimumFOp) { return binary(op, minimum); })
        .Case([&](arith::NegFOp) { return unary(op, [](double a) { return -a; }); })
        .Case<arith::ExtFOp, arith::TruncFOp>([&](auto) { return unary(op, [](double a) { return a; }); })
        .Case([&](math::ExpOp) { return unary(op, [](double a) { return std::exp(a); }); })
        .Case([&](math::LogOp) { return unary(op, [](double a) { return std::log(a); }); })
        .Case([&](math::TanhOp) { return unary(op, [](double a) { return std::tanh(a); }); })
        .Case([&](math::SqrtOp) { return unary(op, [](double a) { return std::sqrt(a); }); })
        .Case([&](math::RsqrtOp) { return unary(op, [](double a) { return 1 / std::sqrt(a); }); })
        .Case([&](math::AbsFOp) { return unary(op, [](double a) { return std::fabs(a); }); })
        .Case([&](math::FmaOp) {
          return floats(op, [](ArrayRef<const double *> operands, std::size_t index) {
            return std::fma(operands[0][index], operands[1][index], operands[2][index]);
          });
        })
        .Default([](Operation *) { return false; });
  }

  bool runInteger(Operation *op) {
    // Unsigned arithmetic wraps where signed would be undefined.
    return TypeSwitch<Operation *, bool>(op)
        .Case([&](arith::AddIOp) { return integers(op, [](uint64_t a, uint64_t b) { return static_cast<int64_t>(a + b); }); })
        .Case([&](arith::SubIOp) { return integers(op, [](uint64_t a, uint64_t b) { return static_cast<int64_t>(a - b); }); })
        .Case([&](arith::MulIOp) { return integers(op, [](uint64_t a, uint64_t b) { return static_cast<int64_t>(a * b); }); })
        .Case([&](arith::AndIOp) { return integers(op, [](int64_t a, int64_t b) { return a & b; }); })
        .Case([&](arith::OrIOp) { return integers(op, [](int64_t a, int64_t b) { return a | b; }); })
        .Case([&](arith::XOrIOp) { return integers(op, [](int64_t a, int64_t b) { return a ^ b; }); })
        .Case([&](arith::MaxSIOp) { return integers(op, [](int64_t a, int64_t b) { return std::max(a, b); }); })
        .Case([&](arith::MinSIOp) { return integers(op, [](int64_t a, int64_t b) { return std::min(a, b); }); })
        .Case([&](arith::MaxUIOp) {
          return integers(op, [](uint64_t a, uint64_t b) { return static_cast<int64_t>(std::max(a, b)); });
        })
        .Case([&](arith::MinUIOp) {
          return integers(op, [](uint64_t a, uint64_t b) { return static_cast<int64_t>(std::min(a, b)); });
        })
        .Case([&](math::AbsIOp) {
          return integers(op, [](uint64_t a, uint64_t) { return static_cast<int64_t>(static_cast<int64_t>(a) < 0 ? 0 - a : a); });
        })
        .Case<arith::TruncIOp, arith::ExtUIOp, arith::ExtSIOp>([&](auto) {
          // Values are kept with their sign, but bools, which are 0 and 1.
          Type from = op->getOperand(0).getType();
          const bool negate = isa<arith::ExtSIOp>(op) && from.isInteger(1), isUnsigned = isa<arith::ExtUIOp>(op);
          return integers(op, [=](int64_t a, int64_t) { return negate ? -a : isUnsigned ? withoutSign(a, from) : a; });
        })
        .Case([&](arith::CmpIOp compare) {
          return integers(op, [&](int64_t a, int64_t b) {
            return static_cast<int64_t>(
                arith::applyCmpPredicate(compare.getPredicate(), llvm::APInt(64, a, true), llvm::APInt(64, b, true)));
          });
        })
        .Default([](Operation *) { return false; });
  }

  bool runMixed(Operation *op) {
    Type type = op->getResult(0).getType();
    Lane lane;
    if (auto compare = dyn_cast<arith::CmpFOp>(op)) {
      const Lane &lhs = lanes.at(compare.getLhs()), &rhs = lanes.at(compare.getRhs());
      for (std::size_t index = 0; index < count; ++index)
        lane.integers.push_back(
            arith::applyCmpPredicate(compare.getPredicate(), llvm::APFloat(lhs.floats[index]), llvm::APFloat(rhs.floats[index])));
    } else if (auto select = dyn_cast<arith::SelectOp>(op)) {
      const Lane &condition = lanes.at(select.getCondition());
      const Lane &yes = lanes.at(select.getTrueValue()), &no = lanes.at(select.getFalseValue());
      for (std::size_t index = 0; index < count; ++index) {
        const Lane &chosen = condition.integers[index] ? yes : no;
        if (isa<FloatType>(type))
          lane.floats.push_back(chosen.floats[index]);
        else
          lane.integers.push_back(chosen.integers[index]);
      }
    } else if (isa<arith::SIToFPOp, arith::UIToFPOp>(op)) {
      Type from = op->getOperand(0).getType();
      const bool isUnsigned = isa<arith::UIToFPOp>(op);
      if (isUnsigned && from.isInteger(64))
        return false;
      const bool negate = isa<arith::SIToFPOp>(op) && from.isInteger(1);
      for (int64_t value : lanes.at(op->getOperand(0)).integers) {
        // Straight to f32: through f64 a 64-bit integer would be rounded twice.
        const int64_t number = negate ? -value : isUnsigned ? withoutSign(value, from) : value;
        lane.floats.push_back(type.isF32() && !computeInDouble ? static_cast<float>(number)
                                                               : rounded(static_cast<double>(number), type));
      }
    } else if (isa<arith::FPToSIOp>(op)) {
      for (double value : lanes.at(op->getOperand(0)).floats)
        lane.integers.push_back(toInteger(value, type));
    } else {
      return false;
    }
    lanes[op->getResult(0)] = std::move(lane);
    return true;
  }

  std::size_t count;
  bool computeInDouble;
  llvm::DenseMap<Value, Lane> lanes;
};

} // namespace

Tensor runScalarBody(FusedOp op, ArrayRef<Tensor> arguments, ArrayRef<int64_t> sizes, bool computeInDouble) {
  std::size_t count = 1;
  for (int64_t size : sizes)
    count *= static_cast<std::size_t>(size);
  BodyRunner runner(count, computeInDouble);
  Block &body = op.getBody().front();
  for (auto [argument, tensor] : llvm::zip_equal(body.getArguments(), arguments))
    runner.define(argument, tensor);
  for (Operation &scalar : body.without_terminator())
    runner.run(&scalar);
  return runner.result(op.getYield().getValue(), sizes, op.getOutputType().getElementType());
}

} // namespace kiln::ir
