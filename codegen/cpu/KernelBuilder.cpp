//===- KernelBuilder.cpp - writes a kernel's code -------------------------===//
//
// Integers fold as they are built, so that emitters need not tell constants from run-time sizes.
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;

namespace kiln::codegen {

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

Value KernelBuilder::constant(Type type, double value) {
  Type element = getElementTypeOrSelf(type);
  if (!isa<FloatType>(element))
    return integerConstant(type, static_cast<int64_t>(value));
  TypedAttr scalar = getFloatAttr(element, value);
  if (auto vector = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(*this, DenseElementsAttr::get(vector, Attribute(scalar)));
  return arith::ConstantOp::create(*this, scalar);
}

Value KernelBuilder::integerConstant(Type type, int64_t value) {
  TypedAttr scalar = getIntegerAttr(getElementTypeOrSelf(type), value);
  if (auto vector = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(*this, DenseElementsAttr::get(vector, Attribute(scalar)));
  return arith::ConstantOp::create(*this, scalar);
}

Value KernelBuilder::add(Value a, Value b) { return createOrFold<arith::AddIOp>(a, b); }
Value KernelBuilder::sub(Value a, Value b) { return createOrFold<arith::SubIOp>(a, b); }
Value KernelBuilder::mul(Value a, Value b) { return createOrFold<arith::MulIOp>(a, b); }
// Both are non-negative, and an unsigned division by a constant is cheaper.
Value KernelBuilder::div(Value a, Value b) { return createOrFold<arith::DivUIOp>(a, b); }
Value KernelBuilder::rem(Value a, Value b) { return createOrFold<arith::RemUIOp>(a, b); }
Value KernelBuilder::minimum(Value a, Value b) { return createOrFold<arith::MinSIOp>(a, b); }
Value KernelBuilder::maximum(Value a, Value b) { return createOrFold<arith::MaxSIOp>(a, b); }
Value KernelBuilder::lessThan(Value a, Value b) { return createOrFold<arith::CmpIOp>(arith::CmpIPredicate::slt, a, b); }
Value KernelBuilder::atLeast(Value a, Value b) { return createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sge, a, b); }
Value KernelBuilder::equal(Value a, Value b) { return createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, a, b); }

Value KernelBuilder::roundDown(Value a, int64_t step) { return step == 1 ? a : sub(a, rem(a, constant(step))); }

Value KernelBuilder::size(const DimExpr &expression) {
  Value sum = constant(0);
  for (const DimExpr::Term &term : expression.terms()) {
    Value product = constant(term.coefficient);
    for (const DimExpr::Atom &atom : term.atoms) {
      if (atom.divisor == 0) {
        product = mul(product, symbols.at(atom.symbol));
        continue;
      }
      // Toward minus infinity: the numerator may be negative before other terms make up for it.
      Value numerator = size(*atom.numerator), divisor = constant(atom.divisor);
      Value remainder = createOrFold<arith::RemSIOp>(numerator, divisor);
      Value isNegative = lessThan(remainder, constant(0));
      Value correction = createOrFold<arith::SelectOp>(isNegative, divisor, constant(0));
      Value exact = sub(numerator, add(remainder, correction));
      product = mul(product, createOrFold<arith::DivSIOp>(exact, divisor));
    }
    sum = add(sum, product);
  }
  return sum;
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

void KernelBuilder::loop(Value begin, Value end, int64_t step, function_ref<void(Value)> body) {
  loop(begin, end, step, ValueRange(), [&](Value i, ValueRange) {
    body(i);
    return Values();
  });
}

Values KernelBuilder::loop(Value begin, Value end, int64_t step, ValueRange init, function_ref<Values(Value, ValueRange)> body) {
  auto forOp = scf::ForOp::create(*this, begin, end, constant(step), init);
  OpBuilder::InsertionGuard guard(*this);
  Block *block = forOp.getBody();
  if (init.empty())
    block->getTerminator()->erase(); // made by the builder when nothing is carried
  setInsertionPointToStart(block);
  Values results = body(forOp.getInductionVar(), forOp.getRegionIterArgs());
  scf::YieldOp::create(*this, results);
  return Values(forOp.getResults());
}

void KernelBuilder::when(Value condition, function_ref<void()> then, function_ref<void()> otherwise) {
  auto ifOp = scf::IfOp::create(*this, condition, /*withElseRegion=*/static_cast<bool>(otherwise));
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(ifOp.thenBlock());
  then();
  if (otherwise) {
    setInsertionPointToStart(ifOp.elseBlock());
    otherwise();
  }
}

//===----------------------------------------------------------------------===//
// Memory and vectors
//===----------------------------------------------------------------------===//

Type KernelBuilder::vectorOf(Type element, int64_t lanes) {
  return lanes == 1 ? element : Type(VectorType::get({lanes}, element));
}

int64_t KernelBuilder::bytesOf(Type element) { return llvm::divideCeil(element.getIntOrFloatBitWidth(), 8); }
int64_t KernelBuilder::lanesOf(Type element) { return target.vectorBytes / bytesOf(element); }

int64_t KernelBuilder::lanesIn(Value value) {
  auto vector = dyn_cast<VectorType>(value.getType());
  return vector ? vector.getNumElements() : 1;
}

/// What an element is in memory: bools are bytes, unsigned integers are plain ones to LLVM.
Type KernelBuilder::memoryType(Type element) {
  if (isa<IntegerType>(element))
    return getIntegerType(bytesOf(element) * 8);
  return element;
}

Value KernelBuilder::pointer(Value base, Type element, Value offset) {
  return LLVM::GEPOp::create(*this, base.getType(), memoryType(element), base, ArrayRef<LLVM::GEPArg>{offset},
                             LLVM::GEPNoWrapFlags::inbounds);
}

Value KernelBuilder::load(Value base, Type element, Value offset, int64_t lanes) {
  Type inMemory = memoryType(element);
  Value loaded = LLVM::LoadOp::create(*this, vectorOf(inMemory, lanes), pointer(base, element, offset), bytesOf(element));
  if (isBool(element))
    return arith::CmpIOp::create(*this, arith::CmpIPredicate::ne, loaded, integerConstant(loaded.getType(), 0));
  return loaded;
}

Value KernelBuilder::loadMasked(Value base, Type element, Value offset, Value mask) {
  Type type = vectorOf(memoryType(element), lanesIn(mask));
  Value loaded = LLVM::MaskedLoadOp::create(*this, type, pointer(base, element, offset), mask, constant(type, 0),
                                            static_cast<uint32_t>(bytesOf(element)));
  if (isBool(element))
    return arith::CmpIOp::create(*this, arith::CmpIPredicate::ne, loaded, integerConstant(type, 0));
  return loaded;
}

Value KernelBuilder::loadStrided(Value base, Type element, Value offset, Value stride, int64_t lanes) {
  if (lanes == 1)
    return load(base, element, offset);
  SmallVector<Value> elements;
  for (int64_t lane = 0; lane < lanes; ++lane)
    elements.push_back(load(base, element, add(offset, mul(stride, lane))));
  return vector::FromElementsOp::create(*this, vectorOf(elements.front().getType(), lanes), elements);
}

void KernelBuilder::store(Value value, Value base, Value offset) {
  Type element = getElementTypeOrSelf(value.getType());
  if (isBool(element))
    value = arith::ExtUIOp::create(*this, vectorOf(getI8Type(), lanesIn(value)), value);
  LLVM::StoreOp::create(*this, value, pointer(base, element, offset), bytesOf(element));
}

void KernelBuilder::storeMasked(Value value, Value base, Value offset, Value mask) {
  Type element = getElementTypeOrSelf(value.getType());
  if (isBool(element))
    value = arith::ExtUIOp::create(*this, vectorOf(getI8Type(), lanesIn(value)), value);
  LLVM::MaskedStoreOp::create(*this, value, pointer(base, element, offset), mask, static_cast<uint32_t>(bytesOf(element)));
}

Value KernelBuilder::broadcast(Value scalar, int64_t lanes) {
  return lanes == 1 ? scalar : Value(vector::BroadcastOp::create(*this, vectorOf(scalar.getType(), lanes), scalar));
}

Value KernelBuilder::iota(Value begin, int64_t lanes) {
  if (lanes == 1)
    return begin;
  SmallVector<int64_t> steps = llvm::to_vector(llvm::seq<int64_t>(0, lanes));
  auto type = cast<VectorType>(vectorOf(begin.getType(), lanes));
  Value offsets = arith::ConstantOp::create(*this, DenseElementsAttr::get(type, ArrayRef<int64_t>(steps)));
  return add(broadcast(begin, lanes), offsets);
}

Value KernelBuilder::multiplyAdd(Value a, Value b, Value c) {
  if (isa<IntegerType>(getElementTypeOrSelf(a.getType())))
    return arith::AddIOp::create(*this, arith::MulIOp::create(*this, a, b), c);
  if (target.hasFma)
    return math::FmaOp::create(*this, a, b, c);
  return arith::AddFOp::create(*this, arith::MulFOp::create(*this, a, b), c);
}

Value KernelBuilder::sumOfLanes(Value vector) {
  if (lanesIn(vector) == 1)
    return vector;
  // Reassociation makes it a tree; which tree is the instruction set's, never the input's.
  bool isFloat = isa<FloatType>(getElementTypeOrSelf(vector.getType()));
  return vector::ReductionOp::create(*this, vector::CombiningKind::ADD, vector,
                                     isFloat ? arith::FastMathFlags::reassoc : arith::FastMathFlags::none);
}

} // namespace kiln::codegen
