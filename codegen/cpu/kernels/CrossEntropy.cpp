//===- CrossEntropy.cpp - losses of classes and their gradients -----------===//
//
// Scores [C], [N, C] or [N, C, ...]; a row is the C scores of one target. The kernels are those of CrossEntropyForms.h
// (passes/schedule).
//
// Where a row's scores are neighbours, lanes are classes; else neighbouring rows are neighbours in memory, and lanes are rows.
// Either way the largest score is taken off before the exponential function, sums and logarithms are in f64, and scores are never
// stored between. 16-bit scores are f32 as soon as they are loaded.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "Precision.h"

#include "kiln/runtime/abi.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

using namespace mlir;

namespace kiln::codegen {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// What the losses and their gradients have in common: where scores, targets and weights lie.
class CrossEntropy {
public:
  CrossEntropy(KernelContext &context, unsigned scoresOperand, unsigned weightOperand);

  LogicalResult emitLosses();
  LogicalResult emitGradients();

private:
  /// What a row's loss depends on; a value a lane where lanes are rows. All in f64 but `largest`, which has the type that scores
  /// are computed in.
  struct Row {
    Value isIgnored, target; // a target that is there also where the row is ignored
    Value largest, sum;      // of exp(score - largest)
    Value picked;            // the target's score
    Value weight;            // the target's
    Value weightedScores;    // the sum over all classes; null without smoothing
  };
  /// A row or `lanes` rows.
  struct Place {
    Value number, begin; // begin: of the first score
    int64_t lanes;
  };

  void overRows(function_ref<void(Place)> body);
  Row readRow(Place place);
  Row readAcross(Place place);
  Row readAlong(Place place);
  void loadTarget(Place place, Row &row);

  /// Calls `body` for whole vectors of a row's classes and then for the rest, of which `mask` says which lanes are there.
  Values overClasses(ValueRange init, function_ref<Values(Value classNumber, Value mask, ValueRange)> body);
  Value loadScores(Value at, Value mask, double otherwise);
  Value loadScore(Value at, int64_t lanes = 1) { return b.widened(b.load(scores, element, at, lanes)); }
  Value loadWeights(Value classNumber, Value mask);

  Value weightOf(Value classNumber);
  Value classWeights(); // the sum of all weights, f64
  Value loss(const Row &row);
  void storeGradients(Place place, const Row &row, Value cotangent);
  /// The factors of a row's gradient: of the probabilities, and what the target's class loses.
  std::pair<Value, Value> gradientFactors(const Row &row, Value cotangent);

  Value scalar(double value) { return b.constant(b.getF64Type(), value); }
  Value wide(double value, int64_t lanes) { return b.constant(KernelBuilder::vectorOf(b.getF64Type(), lanes), value); }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b, x, y); }
  Value select(Value condition, Value x, Value y) { return arith::SelectOp::create(b, condition, x, y); }
  Value larger(Value x, Value y) {
    // A NaN comes back by way of the sum.
    return select(arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, y), x, y);
  }
  Value expOf(Value x) { return math::ExpOp::create(b, x); }

  KernelContext &context;
  KernelBuilder &b;
  Value scores, targets, weights; // weights are null when there are none
  Type element, compute;
  DimExpr classes, positions = 1; // positions: of a sample
  bool isAlong;                   // lanes are classes
  double smoothing;
  int64_t ignoreIndex, vectorLanes;
  Value allWeights; // computed once
};

CrossEntropy::CrossEntropy(KernelContext &context, unsigned scoresOperand, unsigned weightOperand)
    : context(context), b(context.b), scores(context.anchors[scoresOperand]), targets(context.anchors[scoresOperand + 1]) {
  schedule::BufferType type = context.kernel.getAnchorType(scoresOperand);
  std::vector<DimExpr> sizes = type.getSizes();
  element = type.getElementType();
  compute = KernelBuilder::computeType(element);
  classes = sizes.size() == 1 ? sizes[0] : sizes[1];
  for (size_t d = 2; d < sizes.size(); ++d)
    positions = positions * sizes[d];
  isAlong = positions == DimExpr(1);
  if (boolAttribute(context, "weighted"))
    weights = context.anchors[weightOperand];
  smoothing = floatAttribute(context, "label_smoothing");
  ignoreIndex = integerAttribute(context, "ignore_index");
  vectorLanes = b.lanesOf(compute);
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

void CrossEntropy::overRows(function_ref<void(Place)> body) {
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

void CrossEntropy::loadTarget(Place place, Row &row) {
  Value target = b.load(targets, b.getI64Type(), place.number, place.lanes);
  row.isIgnored = b.equal(target, b.integerConstant(target.getType(), ignoreIndex));
  row.target = select(row.isIgnored, b.integerConstant(target.getType(), 0), target);
}

CrossEntropy::Row CrossEntropy::readRow(Place place) { return isAlong ? readAlong(place) : readAcross(place); }

Value CrossEntropy::weightOf(Value classNumber) {
  return weights ? toDouble(b, b.load(weights, element, classNumber)) : scalar(1);
}

/// Lanes are rows.
CrossEntropy::Row CrossEntropy::readAcross(Place place) {
  Row row;
  loadTarget(place, row);
  int64_t lanes = place.lanes;
  Value count = b.size(classes), step = b.size(positions);
  auto score = [&](Value classNumber) { return loadScore(b.add(place.begin, b.mul(classNumber, step)), lanes); };
  Value lowest = b.constant(KernelBuilder::vectorOf(compute, lanes), -kInfinity);
  row.largest = b.loop(b.constant(0), count, 1, {lowest},
                       [&](Value classNumber, ValueRange carried) { return Values{larger(score(classNumber), carried[0])}; })[0];
  Values sums = b.loop(b.constant(0), count, 1, Values(4, wide(0, lanes)), [&](Value classNumber, ValueRange carried) {
    Value x = score(classNumber), weight = b.broadcast(weightOf(classNumber), lanes);
    Value isTarget = b.equal(row.target, b.broadcast(classNumber, lanes));
    return Values{add(carried[0], toDouble(b, expOf(sub(x, row.largest)))), select(isTarget, toDouble(b, x), carried[1]),
                  select(isTarget, weight, carried[2]),
                  smoothing != 0 ? add(carried[3], mul(weight, toDouble(b, x))) : carried[3]};
  });
  row.sum = sums[0], row.picked = sums[1], row.weight = sums[2];
  if (smoothing != 0)
    row.weightedScores = sums[3];
  return row;
}

Values CrossEntropy::overClasses(ValueRange init, function_ref<Values(Value, Value, ValueRange)> body) {
  Value count = b.size(classes), middle = b.roundDown(count, vectorLanes);
  Values carried = b.loop(b.constant(0), middle, vectorLanes, init,
                          [&](Value classNumber, ValueRange values) { return body(classNumber, Value(), values); });
  if (std::optional<int64_t> constant = classes.constant(); constant && *constant % vectorLanes == 0)
    return carried;
  Value mask = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, b.iota(middle, vectorLanes), b.broadcast(count, vectorLanes));
  return body(middle, mask, carried);
}

Value CrossEntropy::loadScores(Value at, Value mask, double otherwise) {
  if (!mask)
    return loadScore(at, vectorLanes);
  Value loaded = b.widened(b.loadMasked(scores, element, at, mask));
  return otherwise == 0 ? loaded : select(mask, loaded, b.constant(loaded.getType(), otherwise));
}

Value CrossEntropy::loadWeights(Value classNumber, Value mask) {
  if (!weights)
    return wide(1, vectorLanes);
  return toDouble(b,
                  mask ? b.loadMasked(weights, element, classNumber, mask) : b.load(weights, element, classNumber, vectorLanes));
}

/// Lanes are classes.
CrossEntropy::Row CrossEntropy::readAlong(Place place) {
  Row row;
  loadTarget(place, row);
  row.picked = toDouble(b, loadScore(b.add(place.begin, row.target)));
  row.weight = weightOf(row.target);
  Value lowest = b.constant(KernelBuilder::vectorOf(compute, vectorLanes), -kInfinity);
  Value largest = overClasses({lowest}, [&](Value classNumber, Value mask, ValueRange carried) {
    return Values{larger(loadScores(b.add(place.begin, classNumber), mask, -kInfinity), carried[0])};
  })[0];
  row.largest = b.constant(compute, -kInfinity);
  for (int64_t lane = 0; lane < vectorLanes; ++lane)
    row.largest = larger(vector::ExtractOp::create(b, largest, ArrayRef<int64_t>{lane}), row.largest);
  Value level = b.broadcast(row.largest, vectorLanes);
  Values sums = overClasses(Values(2, wide(0, vectorLanes)), [&](Value classNumber, Value mask, ValueRange carried) {
    Value at = b.add(place.begin, classNumber);
    Value power = toDouble(b, expOf(sub(loadScores(at, mask, -kInfinity), level)));
    if (mask) // the exponential of a lane beyond the row is 0, unless the whole row is -inf
      power = select(mask, power, wide(0, vectorLanes));
    Value scored = carried[1];
    if (smoothing != 0)
      scored = add(scored, mul(loadWeights(classNumber, mask), toDouble(b, loadScores(at, mask, 0))));
    return Values{add(carried[0], power), scored};
  });
  row.sum = b.sumOfLanes(sums[0]);
  if (smoothing != 0)
    row.weightedScores = b.sumOfLanes(sums[1]);
  return row;
}

/// The sum of the weights of all classes, which smoothing takes.
Value CrossEntropy::classWeights() {
  if (!weights)
    return arith::SIToFPOp::create(b, b.getF64Type(), b.size(classes));
  return b.loop(b.constant(0), b.size(classes), 1, {scalar(0)},
                [&](Value classNumber, ValueRange carried) { return Values{add(carried[0], weightOf(classNumber))}; })[0];
}

//===----------------------------------------------------------------------===//
// Losses
//===----------------------------------------------------------------------===//

/// In f64.
Value CrossEntropy::loss(const Row &row) {
  int64_t lanes = KernelBuilder::lanesIn(row.sum);
  Value logarithm = add(toDouble(b, row.largest), math::LogOp::create(b, row.sum));
  Value loss = mul(row.weight, sub(logarithm, row.picked));
  if (smoothing != 0) {
    // The sum over all classes of weight * (logarithm - score).
    Value uniform = sub(mul(b.broadcast(allWeights, lanes), logarithm), row.weightedScores);
    Value share = div(b.constant(b.getF64Type(), smoothing), arith::SIToFPOp::create(b, b.getF64Type(), b.size(classes)));
    loss = add(mul(wide(1 - smoothing, lanes), loss), mul(b.broadcast(share, lanes), uniform));
  }
  return select(row.isIgnored, wide(0, lanes), loss);
}

LogicalResult CrossEntropy::emitLosses() {
  if (smoothing != 0)
    allWeights = classWeights();
  Type resultType = context.kernel.getResultType().getElementType();
  overRows([&](Place place) {
    Row row = readRow(place);
    b.store(b.rounded(loss(row), resultType), context.results[0], place.number);
  });
  return success();
}

//===----------------------------------------------------------------------===//
// Gradients
//===----------------------------------------------------------------------===//

/// With q(c) = (1 - smoothing) * weight(target) * [c is target] + smoothing / C * weight(c), the loss is the sum of
/// -q(c) * log softmax(c), and its gradient at c is softmax(c) * (the sum of all q) - q(c).
std::pair<Value, Value> CrossEntropy::gradientFactors(const Row &row, Value cotangent) {
  int64_t lanes = KernelBuilder::lanesIn(row.sum);
  Value certain = mul(cotangent, mul(wide(1 - smoothing, lanes), row.weight)), whole = certain;
  if (smoothing != 0) {
    Value share = div(scalar(smoothing), arith::SIToFPOp::create(b, b.getF64Type(), b.size(classes)));
    whole = add(whole, mul(cotangent, b.broadcast(mul(share, allWeights), lanes)));
  }
  return {div(whole, row.sum), certain};
}

void CrossEntropy::storeGradients(Place place, const Row &row, Value cotangent) {
  auto [ofProbabilities, ofTarget] = gradientFactors(row, cotangent);
  Value result = context.results[0], count = b.size(classes);
  Value share = div(scalar(smoothing), arith::SIToFPOp::create(b, b.getF64Type(), count));
  if (!isAlong) {
    Value step = b.size(positions), uniform = mul(cotangent, b.broadcast(share, place.lanes));
    b.loop(b.constant(0), count, 1, [&](Value classNumber) {
      Value at = b.add(place.begin, b.mul(classNumber, step));
      Value power = toDouble(b, expOf(sub(loadScore(at, place.lanes), row.largest)));
      Value isTarget = b.equal(row.target, b.broadcast(classNumber, place.lanes));
      Value gradient = sub(mul(ofProbabilities, power), select(isTarget, ofTarget, wide(0, place.lanes)));
      if (smoothing != 0)
        gradient = sub(gradient, mul(uniform, b.broadcast(weightOf(classNumber), place.lanes)));
      gradient = select(row.isIgnored, wide(0, place.lanes), gradient);
      b.store(b.rounded(gradient, element), result, at);
    });
    return;
  }
  Value level = b.broadcast(row.largest, vectorLanes), factor = b.broadcast(ofProbabilities, vectorLanes);
  Value uniform = mul(cotangent, share);
  overClasses({}, [&](Value classNumber, Value mask, ValueRange) {
    Value at = b.add(place.begin, classNumber);
    Value gradient = mul(factor, toDouble(b, expOf(sub(loadScores(at, mask, 0), level))));
    if (smoothing != 0)
      gradient = sub(gradient, mul(b.broadcast(uniform, vectorLanes), loadWeights(classNumber, mask)));
    gradient = b.rounded(select(row.isIgnored, wide(0, vectorLanes), gradient), element);
    if (mask)
      b.storeMasked(gradient, result, at, mask);
    else
      b.store(gradient, result, at);
    return Values();
  });
  // The target's class once more, rounded once.
  Value at = b.add(place.begin, row.target);
  Value power = toDouble(b, expOf(sub(loadScore(at), row.largest)));
  Value gradient = sub(mul(ofProbabilities, power), ofTarget);
  if (smoothing != 0)
    gradient = sub(gradient, mul(uniform, row.weight));
  b.store(b.rounded(select(row.isIgnored, scalar(0), gradient), element), result, at);
}

LogicalResult CrossEntropy::emitGradients() {
  if (smoothing != 0)
    allWeights = classWeights();
  bool isReduced = context.kernel.getAnchorType(0).getRank() == 0 && !(context.kernel.getAnchorType(2).getRank() == 0);
  Value whole;
  if (isReduced || boolAttribute(context, "mean")) {
    whole = toDouble(b, b.load(context.anchors[0], element, b.constant(0)));
    if (boolAttribute(context, "mean"))
      whole = div(whole, b.load(context.anchors[3], b.getF64Type(), b.constant(0)));
  }
  overRows([&](Place place) {
    Row row = readRow(place);
    Value cotangent =
        whole ? b.broadcast(whole, place.lanes) : toDouble(b, b.load(context.anchors[0], element, place.number, place.lanes));
    storeGradients(place, row, cotangent);
  });
  return success();
}

/// Adds up what `value` gives for each row that is not ignored, in order, and the rows' weights.
Values sumOverRows(KernelContext &context, unsigned targetOperand, function_ref<Value(Value row)> value) {
  KernelBuilder &b = context.b;
  schedule::BufferType targets = context.kernel.getAnchorType(targetOperand);
  bool isWeighted = boolAttribute(context, "weighted");
  int64_t ignoreIndex = integerAttribute(context, "ignore_index");
  Value zero = b.constant(b.getF64Type(), 0), one = b.constant(b.getF64Type(), 1);
  return b.loop(b.constant(0), b.size(targets.getElements()), 1, {zero, zero}, [&](Value row, ValueRange carried) {
    Value target = b.load(context.anchors[targetOperand], b.getI64Type(), row);
    Value isIgnored = b.equal(target, b.constant(ignoreIndex)), weight = one;
    if (isWeighted) {
      // A target that is no class is reported by another kernel; here it must only not be read.
      schedule::BufferType weights = context.kernel.getAnchorType(targetOperand + 1);
      Value last = b.sub(b.size(weights.getElements()), b.constant(1));
      Value inside = b.maximum(b.minimum(target, last), b.constant(0));
      weight = toDouble(b, b.load(context.anchors[targetOperand + 1], weights.getElementType(), inside));
    }
    auto accumulate = [&](Value sum, Value addend) -> Value {
      return arith::AddFOp::create(b, sum, arith::SelectOp::create(b, isIgnored, zero, addend));
    };
    return Values{value ? accumulate(carried[0], value(row)) : zero, accumulate(carried[1], weight)};
  });
}

/// The first target that is no class.
FailureOr<Value> checkTargets(KernelContext &context, unsigned scoresOperand, Value errorValues) {
  KernelBuilder &b = context.b;
  std::vector<DimExpr> sizes = context.kernel.getAnchorType(scoresOperand).getSizes();
  Value classes = b.size(sizes.size() == 1 ? sizes[0] : sizes[1]);
  Value count = b.size(context.kernel.getAnchorType(scoresOperand + 1).getElements());
  Value ignoreIndex = b.constant(integerAttribute(context, "ignore_index"));
  Value ok = b.integerConstant(b.getI32Type(), KILN_OK);
  Value wrong = b.integerConstant(b.getI32Type(), KILN_ERROR_TARGET_OUT_OF_BOUNDS);
  // From the last to the first, so that the first one remains.
  Values last = b.loop(b.constant(0), count, 1, {ok, b.constant(0)}, [&](Value i, ValueRange carried) {
    Value target = b.load(context.anchors[scoresOperand + 1], b.getI64Type(), b.sub(b.sub(count, b.constant(1)), i));
    Value isOutside = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, target, classes); // a negative one is a huge one
    Value isMeant = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, target, ignoreIndex);
    Value isWrong = arith::AndIOp::create(b, isOutside, isMeant);
    return Values{arith::SelectOp::create(b, isWrong, wrong, carried[0]),
                  arith::SelectOp::create(b, isWrong, target, carried[1])};
  });
  b.store(last[1], errorValues, b.constant(0));
  b.store(classes, errorValues, b.constant(1));
  return last[0];
}

} // namespace

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

LogicalResult emitCrossEntropy(KernelContext &context) { return CrossEntropy(context, 0, 2).emitLosses(); }

FailureOr<Value> checkCrossEntropy(KernelContext &context, Value errorValues) { return checkTargets(context, 0, errorValues); }

LogicalResult emitCrossEntropyTotal(KernelContext &context) {
  KernelBuilder &b = context.b;
  Values sums = sumOverRows(context, 1, [&](Value row) { return b.load(context.anchors[0], b.getF64Type(), row); });
  Value total = sums[0];
  if (boolAttribute(context, "mean"))
    total = arith::DivFOp::create(b, total, sums[1]);
  b.store(b.rounded(total, context.kernel.getResultType().getElementType()), context.results[0], b.constant(0));
  return success();
}

LogicalResult emitCrossEntropyCount(KernelContext &context) {
  KernelBuilder &b = context.b;
  b.store(sumOverRows(context, 0, nullptr)[1], context.results[0], b.constant(0));
  return success();
}

LogicalResult emitCrossEntropyBackward(KernelContext &context) {
  return CrossEntropy(context, 1, boolAttribute(context, "mean") ? 4 : 3).emitGradients();
}

FailureOr<Value> checkCrossEntropyBackward(KernelContext &context, Value errorValues) {
  return checkTargets(context, 1, errorValues);
}

} // namespace kiln::codegen
