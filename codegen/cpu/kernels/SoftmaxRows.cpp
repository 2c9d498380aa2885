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
    b.loop(context.begin0, context.end0, 1, [&](Value row) { body({row, b.mul(row, classCount), 1, {}, {}}); });
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
    auto rows = [&](Value position, int64_t lanes) {
      body({b.add(firstRow, position), b.add(firstScore, position), lanes, sample, position});
    };
    b.loop(begin, middle, vectorLanes, [&](Value position) { rows(position, vectorLanes); });
    b.loop(middle, end, 1, [&](Value position) { rows(position, 1); });
  });
}

Values SoftmaxRows::overClasses(Place place, ValueRange init, function_ref<Values(Scores, ValueRange)> body) {
  return overClasses(place, 1, init, [&](ArrayRef<Scores> scores, ValueRange carried) { return body(scores.front(), carried); });
}

Values SoftmaxRows::overClasses(Place place, int64_t group, ValueRange init,
                                function_ref<Values(ArrayRef<Scores>, ValueRange)> body) {
  Value count = b.size(classes), step = isAlong ? Value() : b.size(positions);
  int64_t classesOfScores = isAlong ? vectorLanes : 1;
  auto scores = [&](Value first, Value mask = {}) {
    Value offset = isAlong ? first : b.mul(first, step);
    return Scores{first, b.add(place.begin, offset), mask, isAlong ? vectorLanes : place.lanes};
  };
  // Groups, then single scores; along a row whole vectors, of which the last one may lack lanes.
  Value begin = b.constant(0);
  Values carried(init);
  for (int64_t number = group; number > 0; number = number > 1 ? 1 : 0) {
    int64_t width = number * classesOfScores;
    Value end = width == 1 ? count : b.roundDown(count, width);
    carried = b.loop(begin, end, width, carried, [&](Value first, ValueRange values) {
      SmallVector<Scores> group;
      for (int64_t i = 0; i < number; ++i)
        group.push_back(scores(b.add(first, i * classesOfScores)));
      return body(group, values);
    });
    begin = end;
  }
  if (!isAlong || classes.divide_exactly(vectorLanes))
    return carried;
  Value mask = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, b.iota(begin, vectorLanes), b.broadcast(count, vectorLanes));
  return body(scores(begin, mask), carried);
}

Value SoftmaxRows::loadFrom(Value buffer, Type elementType, const Scores &scores, double otherwise) {
  if (!scores.mask)
    return b.widened(b.load(buffer, elementType, scores.at, scores.lanes));
  Value loaded = b.widened(b.loadMasked(buffer, elementType, scores.at, scores.mask));
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
  constexpr int64_t kGroup = 4; // hides the latency of comparisons
  Value lowest = b.constant(KernelBuilder::vectorOf(compute, lanesOf(place)), -kInfinity);
  Values lanes = overClasses(place, kGroup, Values(kGroup, lowest), [&](ArrayRef<Scores> scores, ValueRange carried) {
    Values next(carried);
    for (auto [i, some] : llvm::enumerate(scores))
      next[i] = larger(load(some, -kInfinity), next[i]);
    return next;
  });
  Value result = larger(larger(lanes[0], lanes[1]), larger(lanes[2], lanes[3]));
  if (!isAlong)
    return result;
  for (int64_t half = vectorLanes / 2; half > 0; half /= 2) {
    auto first = llvm::to_vector(llvm::seq<int64_t>(0, half)), second = llvm::to_vector(llvm::seq<int64_t>(half, 2 * half));
    result = larger(vector::ShuffleOp::create(b, result, result, first), vector::ShuffleOp::create(b, result, result, second));
  }
  return vector::ExtractOp::create(b, result, ArrayRef<int64_t>{0});
}

Value SoftmaxRows::power(const Scores &scores, Value largest) {
  Value result = math::ExpOp::create(b, arith::SubFOp::create(b, load(scores, -kInfinity), spread(largest)));
  if (!scores.mask)
    return result;
  // The exponential of a lane that is not there is 0, unless the whole row is -inf.
  return arith::SelectOp::create(b, scores.mask, result, b.constant(result.getType(), 0));
}

} // namespace kiln::codegen
