//===- Softmax.cpp - probabilities, their logarithms and gradients --------===//
//
// A unit is a row (SoftmaxRows.h). Probabilities take three passes over it: the largest score, the exponentials and their sum, the
// quotients. Exponentials wait for their sum where the result will lie, if its elements hold them; else they are computed again.
// Logarithms and gradients are computed in f64 and rounded once.
//
// A number taken off all cotangents does not change the gradient of softmax. That of the largest probability is: where it is near 1,
// it would drown the others in their sum.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "SoftmaxRows.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

using namespace mlir;

namespace kiln::codegen {

namespace {

int64_t softmaxDim(KernelContext &context) {
  return semantics::wrap_dim(integerAttribute(context, "dim"), context.kernel.getAnchorType(0).getRank());
}

/// Writes results in the places of scores, through the kernel's body.
class SoftmaxWriter {
public:
  SoftmaxWriter(KernelContext &context, SoftmaxRows &rows)
      : context(context), b(context.b), rows(rows),
        writer(context.b, context.kernel, context.extras, context.results.front()) {
    int64_t rank = context.kernel.getResultType().getRank(), dim = softmaxDim(context);
    isLast = dim + 1 >= rank;
    isSecondToLast = dim + 2 == rank && !rows.lanesAreClasses();
  }

  /// An error where the kernel's body asks for more than the element itself and lanes are not neighbours in a row of the result.
  LogicalResult verify() {
    if (isLast || isSecondToLast || isEmptyBody())
      return success();
    return context.error() << "is over dimension " << softmaxDim(context) << " of " << context.kernel.getResultType().getRank()
                           << "; operations can follow it in its kernel over the last two only";
  }

  /// Of a value in the type that scores are computed in, or f64.
  void write(Value value, SoftmaxRows::Place place, const SoftmaxRows::Scores &scores) {
    Value element = b.rounded(value, rows.element);
    if (!isLast && !isSecondToLast)
      return rows.store(element, context.results.front(), scores);
    Value number = isLast ? place.number : b.add(b.mul(place.sample, b.size(rows.classes)), scores.firstClass);
    Row row(writer.getBox(), number);
    if (failed(writer.write(row, isLast ? scores.firstClass : place.position, scores.lanes, element, scores.mask)))
      result = failure();
  }

  LogicalResult result = success();

private:
  bool isEmptyBody() {
    Block &body = context.kernel.getBodyBlock();
    return cast<schedule::YieldOp>(body.getTerminator()).getValue() == body.getArgument(0);
  }

  KernelContext &context;
  KernelBuilder &b;
  SoftmaxRows &rows;
  ResultWriter writer;
  bool isLast, isSecondToLast;
};

/// Calls `emitRow(rows, writer, place)` for all rows.
LogicalResult emitByRows(KernelContext &context,
                         function_ref<void(SoftmaxRows &, SoftmaxWriter &, SoftmaxRows::Place)> emitRow) {
  SoftmaxRows rows(context, 0, softmaxDim(context));
  SoftmaxWriter writer(context, rows);
  if (failed(writer.verify()))
    return failure();
  rows.overRows([&](SoftmaxRows::Place place) { emitRow(rows, writer, place); });
  return writer.result;
}

/// The sums of what `terms` gives for the scores of a row, added up in f64.
Values sumsOverRow(KernelBuilder &b, SoftmaxRows &rows, SoftmaxRows::Place place, int64_t count,
                   function_ref<Values(const SoftmaxRows::Scores &)> terms) {
  Value zero = b.constant(KernelBuilder::vectorOf(b.getF64Type(), rows.lanesOf(place)), 0);
  Values sums = rows.overClasses(place, Values(count, zero), [&](SoftmaxRows::Scores scores, ValueRange carried) {
    Values next;
    for (auto [sum, term] : llvm::zip_equal(carried, terms(scores)))
      next.push_back(b.sum(sum, toDouble(b, term)));
    return next;
  });
  for (Value &sum : sums)
    sum = rows.gather(sum);
  return sums;
}

} // namespace

LogicalResult emitSoftmax(KernelContext &context) {
  KernelBuilder &b = context.b;
  Value target = context.results.front();
  return emitByRows(context, [&](SoftmaxRows &rows, SoftmaxWriter &writer, SoftmaxRows::Place place) {
    bool isKept = context.kernel.getResultType().getElementType() == rows.compute;
    Value largest = rows.largest(place);
    // A few exponentials are added up in their own type before the step to f64: a rounding or two, like that of the quotient.
    constexpr int64_t kGroup = 4;
    Value zero = b.constant(KernelBuilder::vectorOf(b.getF64Type(), rows.lanesOf(place)), 0);
    Values sums = rows.overClasses(place, kGroup, {zero}, [&](ArrayRef<SoftmaxRows::Scores> group, ValueRange carried) {
      Values powers;
      for (const SoftmaxRows::Scores &scores : group) {
        powers.push_back(rows.power(scores, largest));
        if (isKept)
          rows.store(powers.back(), target, scores);
      }
      for (; powers.size() > 1; powers.resize(powers.size() / 2))
        for (size_t i = 0; i < powers.size() / 2; ++i)
          powers[i] = b.sum(powers[i], powers[i + powers.size() / 2]);
      return Values{b.sum(carried[0], toDouble(b, powers.front()))};
    });
    Value sum = rows.gather(sums[0]);
    Value one = b.constant(sum.getType(), 1);
    Value factor = rows.spread(b.rounded(arith::DivFOp::create(b, one, sum), rows.compute));
    rows.overClasses(place, {}, [&](SoftmaxRows::Scores scores, ValueRange) {
      Value power = isKept ? rows.loadFrom(target, rows.compute, scores) : rows.power(scores, largest);
      writer.write(arith::MulFOp::create(b, power, factor), place, scores);
      return Values();
    });
  });
}

LogicalResult emitLogSoftmax(KernelContext &context) {
  KernelBuilder &b = context.b;
  return emitByRows(context, [&](SoftmaxRows &rows, SoftmaxWriter &writer, SoftmaxRows::Place place) {
    Value largest = rows.largest(place);
    Value sum = sumsOverRow(b, rows, place, 1, [&](const SoftmaxRows::Scores &scores) {
      return Values{rows.power(scores, largest)};
    })[0];
    Value logarithm = rows.spread(math::LogOp::create(b, sum)), level = rows.spread(toDouble(b, largest));
    rows.overClasses(place, {}, [&](SoftmaxRows::Scores scores, ValueRange) {
      Value centred = arith::SubFOp::create(b, toDouble(b, rows.load(scores)), level);
      writer.write(arith::SubFOp::create(b, centred, logarithm), place, scores);
      return Values();
    });
  });
}

// Of the gradients' two operands, the cotangent has the place of the scores.

/// The cotangent of the largest output of each row of a place, f64; 0 where all outputs are NaN.
static Value cotangentOfLargest(KernelBuilder &b, SoftmaxRows &rows, SoftmaxRows::Place place, Value outputs) {
  constexpr double kLowest = -std::numeric_limits<double>::infinity();
  auto larger = [&](ValueRange x, ValueRange y) { // of pairs: output and cotangent
    Value isLarger = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x[0], y[0]);
    return Values{arith::SelectOp::create(b, isLarger, x[0], y[0]), arith::SelectOp::create(b, isLarger, x[1], y[1])};
  };
  Type lanes = KernelBuilder::vectorOf(rows.compute, rows.lanesOf(place));
  Values pair = {b.constant(lanes, kLowest), b.constant(lanes, 0)};
  pair = rows.overClasses(place, pair, [&](SoftmaxRows::Scores scores, ValueRange carried) {
    return larger(Values{rows.loadFrom(outputs, rows.element, scores, kLowest), rows.load(scores)}, carried);
  });
  if (rows.lanesAreClasses()) {
    auto half = [&](int64_t first, int64_t end) {
      SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(first, end));
      return Values{vector::ShuffleOp::create(b, pair[0], pair[0], order), vector::ShuffleOp::create(b, pair[1], pair[1], order)};
    };
    for (int64_t count = rows.lanesOf(place) / 2; count > 0; count /= 2)
      pair = larger(half(0, count), half(count, 2 * count));
    pair[1] = vector::ExtractOp::create(b, pair[1], ArrayRef<int64_t>{0});
  }
  return toDouble(b, pair[1]);
}

/// (g * sum(y) - sum(g * y)) * y
LogicalResult emitSoftmaxBackward(KernelContext &context) {
  KernelBuilder &b = context.b;
  return emitByRows(context, [&](SoftmaxRows &rows, SoftmaxWriter &writer, SoftmaxRows::Place place) {
    Value level = rows.spread(cotangentOfLargest(b, rows, place, context.anchors[1]));
    auto cotangent = [&](const SoftmaxRows::Scores &scores) -> Value {
      return arith::SubFOp::create(b, toDouble(b, rows.load(scores)), level);
    };
    auto output = [&](const SoftmaxRows::Scores &scores) {
      return toDouble(b, rows.loadFrom(context.anchors[1], rows.element, scores));
    };
    Values sums = sumsOverRow(b, rows, place, 2, [&](const SoftmaxRows::Scores &scores) {
      Value y = output(scores);
      return Values{arith::MulFOp::create(b, cotangent(scores), y), y};
    });
    Value sum = rows.spread(sums[0]), whole = rows.spread(sums[1]);
    rows.overClasses(place, {}, [&](SoftmaxRows::Scores scores, ValueRange) {
      Value centred = arith::SubFOp::create(b, arith::MulFOp::create(b, cotangent(scores), whole), sum);
      writer.write(arith::MulFOp::create(b, centred, output(scores)), place, scores);
      return Values();
    });
  });
}

/// g - exp(y) * sum(g)
LogicalResult emitLogSoftmaxBackward(KernelContext &context) {
  KernelBuilder &b = context.b;
  return emitByRows(context, [&](SoftmaxRows &rows, SoftmaxWriter &writer, SoftmaxRows::Place place) {
    Value sum = sumsOverRow(b, rows, place, 1, [&](const SoftmaxRows::Scores &scores) { return Values{rows.load(scores)}; })[0];
    sum = rows.spread(sum);
    rows.overClasses(place, {}, [&](SoftmaxRows::Scores scores, ValueRange) {
      Value power = toDouble(b, math::ExpOp::create(b, rows.loadFrom(context.anchors[1], rows.element, scores)));
      Value lost = arith::MulFOp::create(b, power, sum);
      writer.write(arith::SubFOp::create(b, toDouble(b, rows.load(scores)), lost), place, scores);
      return Values();
    });
  });
}

} // namespace kiln::codegen
