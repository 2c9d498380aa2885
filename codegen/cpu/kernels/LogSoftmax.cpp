//===- LogSoftmax.cpp - logarithms of probabilities -----------------------===//
//
// A unit is a row. The result is computed in f64 and rounded once.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "SoftmaxRows.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace kiln::codegen {

LogicalResult emitLogSoftmax(KernelContext &context) {
  KernelBuilder &b = context.b;
  int64_t dim = semantics::wrap_dim(integerAttribute(context, "dim"), context.kernel.getAnchorType(0).getRank());
  SoftmaxRows rows(context, 0, dim);
  rows.overRows([&](SoftmaxRows::Place place) {
    Value largest = rows.largest(place);
    Value zero = b.constant(KernelBuilder::vectorOf(b.getF64Type(), rows.lanesOf(place)), 0);
    Values sums = rows.overClasses(place, {zero}, [&](SoftmaxRows::Scores scores, ValueRange carried) {
      return Values{b.sum(carried[0], rows.power(scores, largest))};
    });
    Value logarithm = rows.spread(math::LogOp::create(b, rows.gather(sums[0])));
    Value level = rows.spread(toDouble(b, largest));
    rows.overClasses(place, {}, [&](SoftmaxRows::Scores scores, ValueRange) {
      Value centred = arith::SubFOp::create(b, toDouble(b, rows.load(scores)), level);
      rows.store(b.rounded(arith::SubFOp::create(b, centred, logarithm), rows.element), context.results[0], scores);
      return Values();
    });
  });
  return success();
}

} // namespace kiln::codegen
