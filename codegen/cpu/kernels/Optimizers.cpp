//===- Optimizers.cpp - a step of an optimizer over all its parameters ----===//
//
// One kernel updates any number of parameters: where each lies, and how large it is, goes to a table on the stack, and one loop
// walks over the table. So the code has one size, and one launch is split evenly however the sizes of parameters differ.
//
// A unit is a block of one parameter. What follows from the number of steps is computed once a parameter, in f64, as PyTorch
// does; the elements are computed in their own type, in PyTorch's order. Results lie in the operands' memory or elsewhere: each
// element is read before it is written, and once.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "Precision.h"

#include "kiln/schedule/GridUnits.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace kiln::codegen {

namespace {

/// The loop over parameters that all optimizers share.
class OptimizerStep {
public:
  /// Of `lists` lists of operands.
  OptimizerStep(KernelContext &context, int64_t operandLists);
  virtual ~OptimizerStep() = default;

  LogicalResult emit();

protected:
  /// Computes what is the same for all elements of a parameter, in f64.
  virtual void prepare(Value steps, Value learningRate) = 0;
  /// The new value of an element, and of each slot, from parameter, gradient and slots.
  virtual Values update(ValueRange old) = 0;

  // Arithmetic on elements: lanes of the type that the parameters are computed in.
  Value add(Value x, Value y) { return arith::AddFOp::create(b, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b, x, y); }
  Value number(double value) { return b.constant(KernelBuilder::vectorOf(compute, lanes), value); }
  /// An f64 in every lane, rounded to that type.
  Value number(Value value) { return b.broadcast(b.rounded(value, compute), lanes); }
  /// PyTorch's lerp: from x to y by a weight below 1.
  Value interpolate(Value x, Value y, double weight);

  KernelContext &context;
  KernelBuilder &b;
  Type element, compute;
  int64_t lanes = 1; // of what `update` works on

private:
  void emitParameter(Value parameter, Value begin, Value end);
  Value entry(Value parameter, int64_t field, Type type);
  void setEntry(int64_t parameter, int64_t field, Value value);

  int64_t count, operandLists, resultLists;
  Value table, steps, learningRate;
  /// Fields of the table beside the pointers.
  int64_t elementsField, firstUnitField, indexField, fields;
};

OptimizerStep::OptimizerStep(KernelContext &context, int64_t operandLists)
    : context(context), b(context.b), element(context.kernel.getAnchorType(0).getElementType()),
      compute(KernelBuilder::computeType(element)), count(integerAttribute(context, "count")), operandLists(operandLists),
      resultLists(static_cast<int64_t>(context.results.size()) / count) {
  elementsField = operandLists + resultLists;
  firstUnitField = elementsField + 1;
  indexField = firstUnitField + 1;
  fields = indexField + 1;
  steps = context.anchors[operandLists * count];
  learningRate = context.anchors[operandLists * count + 1];
}

Value OptimizerStep::interpolate(Value x, Value y, double weight) {
  Value difference = sub(y, x);
  return weight < 0.5 ? b.multiplyAdd(difference, number(weight), x) : sub(y, mul(difference, number(1 - weight)));
}

/// The table is fields by parameters, an entry 8 bytes.
Value OptimizerStep::entry(Value parameter, int64_t field, Type type) {
  Value address = b.pointer(table, b.getI64Type(), b.add(parameter, field * (count + 1)));
  return LLVM::LoadOp::create(b, type, address);
}

void OptimizerStep::setEntry(int64_t parameter, int64_t field, Value value) {
  LLVM::StoreOp::create(b, value, b.pointer(table, b.getI64Type(), b.constant(field * (count + 1) + parameter)));
}

LogicalResult OptimizerStep::emit() {
  ArrayRef<int64_t> indices = cast<DenseI64ArrayAttr>(context.kernel.getAnchorAttribute("indices")).asArrayRef();
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  table = LLVM::AllocaOp::create(b, pointer, b.getI64Type(), b.constant(fields * (count + 1)), 8);
  DimExpr units = 0;
  for (int64_t i = 0; i < count; ++i) {
    schedule::BufferType type = context.kernel.getAnchorType(i);
    if (type.getElementType() != element)
      return context.error() << "updates parameters of " << element << " and of " << type.getElementType()
                             << " in one group; put them in groups of their own";
    for (int64_t list = 0; list < operandLists; ++list)
      setEntry(i, list, context.anchors[list * count + i]);
    for (int64_t list = 0; list < resultLists; ++list)
      setEntry(i, operandLists + list, context.results[list * count + i]);
    setEntry(i, elementsField, b.size(type.getElements()));
    setEntry(i, firstUnitField, b.size(units));
    setEntry(i, indexField, b.constant(indices[i]));
    units = units + (type.getElements() + DimExpr(schedule::kParameterBlock - 1)).floordiv(schedule::kParameterBlock);
  }
  setEntry(count, firstUnitField, b.size(units)); // where one more parameter would begin

  b.loop(b.constant(0), b.constant(count), 1, [&](Value parameter) {
    Value first = entry(parameter, firstUnitField, b.getI64Type());
    Value next = entry(b.add(parameter, 1), firstUnitField, b.getI64Type());
    Value begin = b.sub(b.maximum(context.begin0, first), first), end = b.sub(b.minimum(context.end0, next), first);
    b.when(b.lessThan(begin, end), [&] {
      Value elements = entry(parameter, elementsField, b.getI64Type());
      emitParameter(parameter, b.mul(begin, schedule::kParameterBlock),
                    b.minimum(b.mul(end, schedule::kParameterBlock), elements));
    });
  });
  return success();
}

void OptimizerStep::emitParameter(Value parameter, Value begin, Value end) {
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  Values operands, results;
  for (int64_t list = 0; list < operandLists; ++list)
    operands.push_back(entry(parameter, list, pointer));
  for (int64_t list = 0; list < resultLists; ++list)
    results.push_back(entry(parameter, operandLists + list, pointer));
  Value madeSteps = b.load(steps, b.getF32Type(), entry(parameter, indexField, b.getI64Type()));
  prepare(toDouble(b, madeSteps), b.load(learningRate, b.getF64Type(), b.constant(0)));

  auto elements = [&](Value offset, int64_t width) {
    lanes = width;
    Values old;
    for (Value operand : operands)
      old.push_back(b.widened(b.load(operand, element, offset, width)));
    for (auto [value, result] : llvm::zip_equal(update(old), results))
      b.store(b.rounded(value, element), result, offset);
  };
  int64_t width = b.lanesOf(compute);
  Value middle = b.add(begin, b.roundDown(b.sub(end, begin), width));
  b.loop(begin, middle, width, [&](Value offset) { elements(offset, width); });
  b.loop(middle, end, 1, [&](Value offset) { elements(offset, 1); });
}

//===----------------------------------------------------------------------===//
// SGD
//===----------------------------------------------------------------------===//

/// torch.optim.sgd's _single_tensor_sgd.
class Sgd : public OptimizerStep {
public:
  explicit Sgd(KernelContext &context)
      : OptimizerStep(context, floatAttribute(context, "momentum") != 0 ? 3 : 2), momentum(floatAttribute(context, "momentum")),
        dampening(floatAttribute(context, "dampening")), weightDecay(floatAttribute(context, "weight_decay")),
        isNesterov(boolAttribute(context, "nesterov")), isMaximized(boolAttribute(context, "maximize")) {}

private:
  void prepare(Value steps, Value learningRate) override {
    isFirst = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, steps, b.constant(b.getF64Type(), 1));
    negativeRate = arith::NegFOp::create(b, learningRate);
  }

  Values update(ValueRange old) override {
    Value parameter = old[0], gradient = old[1];
    if (isMaximized)
      gradient = arith::NegFOp::create(b, gradient);
    if (weightDecay != 0)
      gradient = b.multiplyAdd(parameter, number(weightDecay), gradient);
    Values results = {Value()};
    if (momentum != 0) {
      Value buffer = b.multiplyAdd(gradient, number(1 - dampening), mul(old[2], number(momentum)));
      buffer = arith::SelectOp::create(b, isFirst, gradient, buffer);
      gradient = isNesterov ? b.multiplyAdd(buffer, number(momentum), gradient) : buffer;
      results.push_back(buffer);
    }
    results[0] = b.multiplyAdd(gradient, number(negativeRate), parameter);
    return results;
  }

  double momentum, dampening, weightDecay;
  bool isNesterov, isMaximized;
  Value isFirst, negativeRate;
};

//===----------------------------------------------------------------------===//
// Adam
//===----------------------------------------------------------------------===//

/// torch.optim.adam's _single_tensor_adam, as it is without capturable and differentiable.
class Adam : public OptimizerStep {
public:
  explicit Adam(KernelContext &context)
      : OptimizerStep(context, boolAttribute(context, "amsgrad") ? 5 : 4), beta1(floatAttribute(context, "beta1")),
        beta2(floatAttribute(context, "beta2")), epsilon(floatAttribute(context, "eps")),
        weightDecay(floatAttribute(context, "weight_decay")), isDecoupled(boolAttribute(context, "decoupled")),
        isAmsgrad(boolAttribute(context, "amsgrad")), isMaximized(boolAttribute(context, "maximize")) {}

private:
  void prepare(Value steps, Value learningRate) override {
    Value one = b.constant(b.getF64Type(), 1), exponent = arith::FPToSIOp::create(b, b.getI64Type(), steps);
    Value correction1 = sub(one, power(beta1, exponent)), correction2 = sub(one, power(beta2, exponent));
    negativeStep = arith::NegFOp::create(b, div(learningRate, correction1));
    // PyTorch divides by the root: one more division an element, for at most one unit in the last place.
    correction2InverseRoot = div(one, math::SqrtOp::create(b, correction2));
    decay = sub(one, mul(learningRate, b.constant(b.getF64Type(), weightDecay)));
  }

  /// base^exponent by squaring; counts of steps are f32 and so have 24 bits.
  Value power(double base, Value exponent) {
    constexpr int64_t kBits = 25;
    Value one = b.constant(b.getF64Type(), 1);
    Values result =
        b.loop(b.constant(0), b.constant(kBits), 1, {one, b.constant(b.getF64Type(), base)}, [&](Value bit, ValueRange carried) {
          Value isSet = arith::TruncIOp::create(b, b.getI1Type(), arith::ShRUIOp::create(b, exponent, bit));
          Value product = arith::SelectOp::create(b, isSet, mul(carried[0], carried[1]), carried[0]);
          return Values{product, mul(carried[1], carried[1])};
        });
    return result[0];
  }

  Values update(ValueRange old) override {
    Value parameter = old[0], gradient = old[1];
    if (isMaximized)
      gradient = arith::NegFOp::create(b, gradient);
    if (weightDecay != 0) {
      if (isDecoupled)
        parameter = mul(parameter, number(decay));
      else
        gradient = b.multiplyAdd(parameter, number(weightDecay), gradient);
    }
    Value average = interpolate(old[2], gradient, 1 - beta1);
    Value square = b.multiplyAdd(mul(gradient, number(1 - beta2)), gradient, mul(old[3], number(beta2)));
    Values results = {Value(), average, square};
    if (isAmsgrad) {
      square = arith::MaximumFOp::create(b, old[4], square); // NaN stays
      results.push_back(square);
    }
    Value denominator = b.multiplyAdd(math::SqrtOp::create(b, square), number(correction2InverseRoot), number(epsilon));
    results[0] = b.multiplyAdd(number(negativeStep), div(average, denominator), parameter);
    return results;
  }

  double beta1, beta2, epsilon, weightDecay;
  bool isDecoupled, isAmsgrad, isMaximized;
  Value negativeStep, correction2InverseRoot, decay;
};

} // namespace

LogicalResult emitSgd(KernelContext &context) { return Sgd(context).emit(); }
LogicalResult emitAdam(KernelContext &context) { return Adam(context).emit(); }

} // namespace kiln::codegen
