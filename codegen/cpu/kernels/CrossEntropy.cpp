//===- CrossEntropy.cpp - losses of classes and their gradients -----------===//
//
// Scores [C], [N, C] or [N, C, ...]; a row is the C scores of one target (SoftmaxRows.h). The kernels are those of
// CrossEntropyForms.h (passes/schedule). Losses and gradients are computed in f64.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "SoftmaxRows.h"

#include "kiln/runtime/abi.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace kiln::codegen {

namespace {

/// What the losses and their gradients have in common: a row's scores, its target, the weights of classes.
class CrossEntropy {
public:
  CrossEntropy(KernelContext &context, unsigned scoresOperand, unsigned weightOperand);

  LogicalResult emitLosses();
  LogicalResult emitGradients();

private:
  using Place = SoftmaxRows::Place;
  using Scores = SoftmaxRows::Scores;

  /// What a row's loss depends on; a value a lane where lanes are rows. All in f64 but `largest`, which has the type that scores
  /// are computed in.
  struct Row {
    Value isIgnored, target; // a target that is there also where the row is ignored
    Value largest, sum;      // of exp(score - largest)
    Value picked;            // the target's score
    Value weight;            // the target's
    Value weightedScores;    // the sum over all classes; 0 without smoothing
  };

  Row readRow(Place place);
  Value isTarget(const Row &row, const Scores &scores);
  /// The weights of the scores' classes, f64; one where there are none.
  Value weightsOf(const Scores &scores);
  Value weightOf(Value classNumber);
  Value classWeights(); // the sum of all weights, f64
  Value share();        // of the smoothing that each class gets
  Value loss(const Row &row);
  void storeGradients(Place place, const Row &row, Value cotangent);

  Value scalar(double value) { return b.constant(b.getF64Type(), value); }
  Value wide(double value, int64_t lanes) { return b.constant(KernelBuilder::vectorOf(b.getF64Type(), lanes), value); }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b, x, y); }
  Value select(Value condition, Value x, Value y) { return arith::SelectOp::create(b, condition, x, y); }

  KernelContext &context;
  KernelBuilder &b;
  SoftmaxRows rows;
  Value targets, weights; // weights are null when there are none
  double smoothing;
  int64_t ignoreIndex;
  Value allWeights; // computed once
};

/// The dimension of classes.
int64_t classDim(schedule::BufferType scores) { return scores.getRank() == 1 ? 0 : 1; }

CrossEntropy::CrossEntropy(KernelContext &context, unsigned scoresOperand, unsigned weightOperand)
    : context(context), b(context.b), rows(context, scoresOperand, classDim(context.kernel.getAnchorType(scoresOperand))),
      targets(context.anchors[scoresOperand + 1]), smoothing(floatAttribute(context, "label_smoothing")),
      ignoreIndex(integerAttribute(context, "ignore_index")) {
  if (boolAttribute(context, "weighted"))
    weights = context.anchors[weightOperand];
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

Value CrossEntropy::weightOf(Value classNumber) {
  return weights ? toDouble(b, b.load(weights, rows.element, classNumber)) : scalar(1);
}

Value CrossEntropy::weightsOf(const Scores &scores) {
  if (!weights)
    return wide(1, scores.lanes);
  if (!rows.lanesAreClasses())
    return b.broadcast(weightOf(scores.firstClass), scores.lanes);
  return toDouble(b, scores.mask ? b.loadMasked(weights, rows.element, scores.firstClass, scores.mask)
                                 : b.load(weights, rows.element, scores.firstClass, scores.lanes));
}

Value CrossEntropy::isTarget(const Row &row, const Scores &scores) {
  Value classes = rows.lanesAreClasses() ? b.iota(scores.firstClass, scores.lanes) : b.broadcast(scores.firstClass, scores.lanes);
  return b.equal(rows.spread(row.target), classes);
}

CrossEntropy::Row CrossEntropy::readRow(Place place) {
  Row row;
  Value target = b.load(targets, b.getI64Type(), place.number, place.lanes);
  row.isIgnored = b.equal(target, b.integerConstant(target.getType(), ignoreIndex));
  row.target = select(row.isIgnored, b.integerConstant(target.getType(), 0), target);
  row.largest = rows.largest(place);
  // The target's score is found on the way: where the row is ignored, there may be no score to read.
  Values sums = rows.overClasses(place, Values(4, wide(0, rows.lanesOf(place))), [&](Scores scores, ValueRange carried) {
    Value score = toDouble(b, rows.load(scores)), weight = weightsOf(scores), isPicked = isTarget(row, scores);
    return Values{add(carried[0], toDouble(b, rows.power(scores, row.largest))), select(isPicked, score, carried[1]),
                  select(isPicked, weight, carried[2]), smoothing != 0 ? add(carried[3], mul(weight, score)) : carried[3]};
  });
  row.sum = rows.gather(sums[0]);
  row.picked = rows.gather(sums[1]);
  row.weight = rows.gather(sums[2]);
  row.weightedScores = rows.gather(sums[3]);
  return row;
}

/// The sum of the weights of all classes, which smoothing takes.
Value CrossEntropy::classWeights() {
  if (!weights)
    return arith::SIToFPOp::create(b, b.getF64Type(), b.size(rows.classes));
  return b.loop(b.constant(0), b.size(rows.classes), 1, {scalar(0)},
                [&](Value classNumber, ValueRange carried) { return Values{add(carried[0], weightOf(classNumber))}; })[0];
}

Value CrossEntropy::share() { return div(scalar(smoothing), arith::SIToFPOp::create(b, b.getF64Type(), b.size(rows.classes))); }

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
    loss = add(mul(wide(1 - smoothing, lanes), loss), mul(b.broadcast(share(), lanes), uniform));
  }
  return select(row.isIgnored, wide(0, lanes), loss);
}

LogicalResult CrossEntropy::emitLosses() {
  if (smoothing != 0)
    allWeights = classWeights();
  Type resultType = context.kernel.getResultType().getElementType();
  rows.overRows([&](Place place) {
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
void CrossEntropy::storeGradients(Place place, const Row &row, Value cotangent) {
  int64_t lanes = place.lanes;
  Value ofTarget = mul(cotangent, mul(wide(1 - smoothing, lanes), row.weight)), whole = ofTarget, ofEach;
  if (smoothing != 0) {
    ofEach = mul(cotangent, b.broadcast(share(), lanes));
    whole = add(whole, mul(cotangent, b.broadcast(mul(share(), allWeights), lanes)));
    ofEach = rows.spread(ofEach);
  }
  Value ofProbabilities = rows.spread(div(whole, row.sum)), isIgnored = rows.spread(row.isIgnored);
  ofTarget = rows.spread(ofTarget);
  rows.overClasses(place, {}, [&](Scores scores, ValueRange) {
    Value zero = wide(0, scores.lanes);
    Value power = toDouble(b, rows.power(scores, row.largest));
    Value gradient = sub(mul(ofProbabilities, power), select(isTarget(row, scores), ofTarget, zero));
    if (smoothing != 0)
      gradient = sub(gradient, mul(ofEach, weightsOf(scores)));
    rows.store(b.rounded(select(isIgnored, zero, gradient), rows.element), context.results[0], scores);
    return Values();
  });
}

LogicalResult CrossEntropy::emitGradients() {
  if (smoothing != 0)
    allWeights = classWeights();
  bool isReduced = context.kernel.getAnchorType(0).getRank() == 0 && !(context.kernel.getAnchorType(2).getRank() == 0);
  Value whole;
  if (isReduced || boolAttribute(context, "mean")) {
    whole = toDouble(b, b.load(context.anchors[0], rows.element, b.constant(0)));
    if (boolAttribute(context, "mean"))
      whole = div(whole, b.load(context.anchors[3], b.getF64Type(), b.constant(0)));
  }
  rows.overRows([&](Place place) {
    Row row = readRow(place);
    Value cotangent = whole ? b.broadcast(whole, place.lanes)
                            : toDouble(b, b.load(context.anchors[0], rows.element, place.number, place.lanes));
    storeGradients(place, row, cotangent);
  });
  return success();
}

//===----------------------------------------------------------------------===//
// All rows
//===----------------------------------------------------------------------===//

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
  schedule::BufferType scores = context.kernel.getAnchorType(scoresOperand);
  Value classes = b.size(scores.getSizes()[classDim(scores)]);
  Value count = b.size(context.kernel.getAnchorType(scoresOperand + 1).getElements());
  Value ignoreIndex = b.constant(integerAttribute(context, "ignore_index"));
  Value ok = b.integerConstant(b.getI32Type(), KILN_OK);
  Value wrong = b.integerConstant(b.getI32Type(), KILN_ERROR_TARGET_OUT_OF_BOUNDS);
  // From the last to the first, so that the first one remains.
  Values last = b.loop(b.constant(0), count, 1, {ok, b.constant(0), b.constant(0)}, [&](Value i, ValueRange carried) {
    Value place = b.sub(b.sub(count, b.constant(1)), i);
    Value target = b.load(context.anchors[scoresOperand + 1], b.getI64Type(), place);
    Value isOutside = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, target, classes); // a negative one is a huge one
    Value isMeant = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, target, ignoreIndex);
    Value isWrong = arith::AndIOp::create(b, isOutside, isMeant);
    return Values{arith::SelectOp::create(b, isWrong, wrong, carried[0]),
                  arith::SelectOp::create(b, isWrong, target, carried[1]),
                  arith::SelectOp::create(b, isWrong, place, carried[2])};
  });
  b.store(last[1], errorValues, b.constant(0));
  b.store(classes, errorValues, b.constant(1));
  b.store(last[2], errorValues, b.constant(2));
  b.store(count, errorValues, b.constant(3));
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
