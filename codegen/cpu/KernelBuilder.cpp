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

static bool isNarrowFloat(Type element) { return isa<Float16Type, BFloat16Type>(element); }

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
      if (atom.kind == DimExpr::Atom::Kind::Symbol) {
        product = mul(product, symbols.at(atom.symbol));
        continue;
      }
      if (atom.kind == DimExpr::Atom::Kind::AtLeastZero) {
        product = mul(product, maximum(size(*atom.operand), constant(0)));
        continue;
      }
      // Toward minus infinity: the numerator may be negative before other terms make up for it.
      Value numerator = size(*atom.operand), divisor = constant(atom.divisor);
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

Values KernelBuilder::choose(Value condition, TypeRange types, function_ref<Values()> then, function_ref<Values()> otherwise) {
  auto ifOp = scf::IfOp::create(*this, types, condition, /*addThenBlock=*/true, /*addElseBlock=*/true);
  InsertionGuard guard(*this);
  setInsertionPointToStart(ifOp.thenBlock());
  scf::YieldOp::create(*this, then());
  setInsertionPointToStart(ifOp.elseBlock());
  scf::YieldOp::create(*this, otherwise());
  return Values(ifOp.getResults());
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

Type KernelBuilder::computeType(Type element) {
  return isNarrowFloat(element) ? Type(Float32Type::get(element.getContext())) : ir::scalarTypeOf(element);
}

Value KernelBuilder::widened(Value value) {
  Type type = vectorOf(computeType(getElementTypeOrSelf(value.getType())), lanesIn(value));
  return type == value.getType() ? value : Value(arith::ExtFOp::create(*this, type, value));
}

Value KernelBuilder::rounded(Value value, Type element) {
  Type type = vectorOf(ir::scalarTypeOf(element), lanesIn(value));
  return type == value.getType() ? value : Value(arith::TruncFOp::create(*this, type, value));
}

/// What an element is in memory: bools are bytes; unsigned integers and 16-bit floats, which LLVM would have to take apart, are
/// plain integers.
Type KernelBuilder::memoryType(Type element) {
  return isa<IntegerType>(element) || isNarrowFloat(element) ? getIntegerType(bytesOf(element) * 8) : element;
}

/// The value of what a load gives, scalar or vector.
Value KernelBuilder::fromMemory(Value loaded, Type element) {
  if (isBool(element))
    return arith::CmpIOp::create(*this, arith::CmpIPredicate::ne, loaded, integerConstant(loaded.getType(), 0));
  if (isNarrowFloat(element))
    return arith::BitcastOp::create(*this, vectorOf(element, lanesIn(loaded)), loaded);
  return loaded;
}

Value KernelBuilder::toMemory(Value value) {
  Type element = getElementTypeOrSelf(value.getType()), type = vectorOf(memoryType(element), lanesIn(value));
  if (isBool(element))
    return arith::ExtUIOp::create(*this, type, value);
  return isNarrowFloat(element) ? Value(arith::BitcastOp::create(*this, type, value)) : value;
}

Value KernelBuilder::pointer(Value base, Type element, Value offset) {
  return LLVM::GEPOp::create(*this, base.getType(), memoryType(element), base, ArrayRef<LLVM::GEPArg>{offset},
                             LLVM::GEPNoWrapFlags::inbounds);
}

Value KernelBuilder::scratch(Type element, int64_t count, int64_t alignment) {
  InsertionGuard guard(*this);
  setInsertionPointToStart(&getBlock()->getParent()->getParentOfType<LLVM::LLVMFuncOp>().getBody().front());
  return LLVM::AllocaOp::create(*this, LLVM::LLVMPointerType::get(getContext()), memoryType(element), constant(count),
                                static_cast<unsigned>(alignment));
}

Value KernelBuilder::load(Value base, Type element, Value offset, int64_t lanes) {
  Type type = vectorOf(memoryType(element), lanes);
  return fromMemory(LLVM::LoadOp::create(*this, type, pointer(base, element, offset), bytesOf(element)), element);
}

Value KernelBuilder::loadMasked(Value base, Type element, Value offset, Value mask) {
  Type type = vectorOf(memoryType(element), lanesIn(mask));
  return fromMemory(LLVM::MaskedLoadOp::create(*this, type, pointer(base, element, offset), mask, constant(type, 0),
                                               static_cast<uint32_t>(bytesOf(element))),
                    element);
}

Value KernelBuilder::loadStrided(Value base, Type element, Value offset, Value stride, int64_t lanes) {
  if (lanes == 1)
    return load(base, element, offset);
  Type inMemory = memoryType(element);
  SmallVector<Value> elements;
  for (int64_t lane = 0; lane < lanes; ++lane)
    elements.push_back(
        LLVM::LoadOp::create(*this, inMemory, pointer(base, element, add(offset, mul(stride, lane))), bytesOf(element)));
  return fromMemory(vector::FromElementsOp::create(*this, vectorOf(inMemory, lanes), elements), element);
}

void KernelBuilder::store(Value value, Value base, Value offset) {
  Type element = getElementTypeOrSelf(value.getType());
  LLVM::StoreOp::create(*this, toMemory(value), pointer(base, element, offset), bytesOf(element));
}

void KernelBuilder::storeMasked(Value value, Value base, Value offset, Value mask) {
  Type element = getElementTypeOrSelf(value.getType());
  LLVM::MaskedStoreOp::create(*this, toMemory(value), pointer(base, element, offset), mask,
                              static_cast<uint32_t>(bytesOf(element)));
}

Value KernelBuilder::broadcast(Value scalar, int64_t lanes) {
  if (lanes == 1)
    return scalar;
  Type element = scalar.getType();
  if (isNarrowFloat(element))
    return fromMemory(broadcast(toMemory(scalar), lanes), element);
  return vector::BroadcastOp::create(*this, vectorOf(element, lanes), scalar);
}

Value KernelBuilder::iota(Value begin, int64_t lanes) {
  if (lanes == 1)
    return begin;
  SmallVector<int64_t> steps = llvm::to_vector(llvm::seq<int64_t>(0, lanes));
  auto type = cast<VectorType>(vectorOf(begin.getType(), lanes));
  Value offsets = arith::ConstantOp::create(*this, DenseElementsAttr::get(type, ArrayRef<int64_t>(steps)));
  return add(broadcast(begin, lanes), offsets);
}

Value KernelBuilder::sum(Value a, Value b) {
  return isa<FloatType>(getElementTypeOrSelf(a.getType())) ? Value(arith::AddFOp::create(*this, a, b)) : add(a, b);
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
