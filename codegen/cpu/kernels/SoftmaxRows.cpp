//===- SoftmaxRows.cpp - scores, row by row -------------------------------===//
//
// See SoftmaxRows.h.
//
//===----------------------------------------------------------------------===//

#include "SoftmaxRows.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

using namespace mlir;

namespace kiln::codegen {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

SoftmaxRows::SoftmaxRows(KernelContext &context, unsigned operand, int64_t dim)
    : classes(1), context(context), b(context.b), base(context.anchors[operand]) {
  schedule::BufferType type = context.kernel.getAnchorType(operand);
  std::vector<DimExpr> sizes = type.getSizes();
  if (!sizes.empty())
    classes = sizes[dim];
  for (size_t d = dim + 1; d < sizes.size(); ++d)
    positions = positions * sizes[d];
  element = type.getElementType();
  compute = KernelBuilder::computeType(element);
  isAlong = positions == DimExpr(1);
  vectorLanes = b.lanesOf(compute);
}

void SoftmaxRows::overRows(function_ref<void(Place)> body) {
  Value classCount = b.size(classes);
  if (isAlong) {
    b.loop(context.begin0, context.end0, 1, [&](Value row) { body({row, b.mul(row, classCount), 1}); });
    return;
  }
  // Rows of one sample after another.
  Value count = b.size(positions);
  Value firstSample = b.div(context.begin0, count), endSample = b.div(b.add(context.end0, b.sub(count, b.constant(1))), count);
  b.loop(firstSample, endSample, 1, [&](Value sample) {
    Value firstRow = b.mul(sample, count), firstScore = b.mul(firstRow, classCount);
    Value begin = b.maximum(b.sub(context.begin0, firstRow), b.constant(0));
    Value end = b.minimum(b.sub(context.end0, firstRow), count);
    Value middle = b.add(begin, b.roundDown(b.sub(end, begin), vectorLanes));
    auto rows = [&](Value position, int64_t lanes) { body({b.add(firstRow, position), b.add(firstScore, position), lanes}); };
    b.loop(begin, middle, vectorLanes, [&](Value position) { rows(position, vectorLanes); });
    b.loop(middle, end, 1, [&](Value position) { rows(position, 1); });
  });
}

Values SoftmaxRows::overClasses(Place place, ValueRange init, function_ref<Values(Scores, ValueRange)> body) {
  Value count = b.size(classes);
  if (!isAlong) {
    Value step = b.size(positions);
    return b.loop(b.constant(0), count, 1, init, [&](Value classNumber, ValueRange carried) {
      return body({classNumber, b.add(place.begin, b.mul(classNumber, step)), Value(), place.lanes}, carried);
    });
  }
  // Whole vectors, then the rest.
  auto scores = [&](Value first, Value mask) { return Scores{first, b.add(place.begin, first), mask, vectorLanes}; };
  Value middle = b.roundDown(count, vectorLanes);
  Values carried = b.loop(b.constant(0), middle, vectorLanes, init,
                          [&](Value first, ValueRange values) { return body(scores(first, Value()), values); });
  if (classes.divide_exactly(vectorLanes))
    return carried;
  Value mask = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, b.iota(middle, vectorLanes), b.broadcast(count, vectorLanes));
  return body(scores(middle, mask), carried);
}

Value SoftmaxRows::load(const Scores &scores, double otherwise) {
  if (!scores.mask)
    return b.widened(b.load(base, element, scores.at, scores.lanes));
  Value loaded = b.widened(b.loadMasked(base, element, scores.at, scores.mask));
  if (otherwise == 0)
    return loaded;
  return arith::SelectOp::create(b, scores.mask, loaded, b.constant(loaded.getType(), otherwise));
}

void SoftmaxRows::store(Value value, Value target, const Scores &scores) {
  if (scores.mask)
    b.storeMasked(value, target, scores.at, scores.mask);
  else
    b.store(value, target, scores.at);
}

/// A NaN comes back by way of the sum.
Value SoftmaxRows::larger(Value x, Value y) {
  return arith::SelectOp::create(b, arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, y), x, y);
}

Value SoftmaxRows::largest(Place place) {
  Value lowest = b.constant(KernelBuilder::vectorOf(compute, lanesOf(place)), -kInfinity);
  Value lanes = overClasses(place, {lowest}, [&](Scores scores, ValueRange carried) {
    return Values{larger(load(scores, -kInfinity), carried[0])};
  })[0];
  if (!isAlong)
    return lanes;
  Value result = b.constant(compute, -kInfinity);
  for (int64_t lane = 0; lane < vectorLanes; ++lane)
    result = larger(vector::ExtractOp::create(b, lanes, ArrayRef<int64_t>{lane}), result);
  return result;
}

Value SoftmaxRows::power(const Scores &scores, Value largest) {
  Value difference = arith::SubFOp::create(b, load(scores, -kInfinity), spread(largest));
  Value result = toDouble(b, math::ExpOp::create(b, difference));
  if (!scores.mask)
    return result;
  // The exponential of a lane that is not there is 0, unless the whole row is -inf.
  return arith::SelectOp::create(b, scores.mask, result, b.constant(result.getType(), 0));
}

} // namespace kiln::codegen
