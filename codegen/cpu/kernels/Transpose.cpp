//===- Transpose.cpp - matrices turned over in registers ------------------===//
//
// Squares of lanes x lanes through registers, the rest element by element.
//
//===----------------------------------------------------------------------===//

#include "Transpose.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace kiln::codegen {

/// Exchanges the off-diagonal halves of ever smaller squares.
Values transposed(KernelBuilder &b, ValueRange vectors) {
  Values current(vectors);
  int64_t lanes = current.size();
  for (int64_t half = lanes / 2; half >= 1; half /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      bool isUpper = lane & half;
      low.push_back(isUpper ? lanes + lane - half : lane);
      high.push_back(isUpper ? lanes + lane : lane + half);
    }
    for (int64_t i = 0; i < lanes; ++i) {
      if (i & half)
        continue;
      Value upper = current[i], lower = current[i + half];
      current[i] = vector::ShuffleOp::create(b, upper, lower, low);
      current[i + half] = vector::ShuffleOp::create(b, upper, lower, high);
    }
  }
  return current;
}

void TransposedCopy::emit(KernelBuilder &b) const {
  Type compute = KernelBuilder::computeType(element);
  int64_t lanes = b.lanesOf(compute);
  auto single = [&](Value row, Value column) {
    Value value = b.widened(b.load(from, element, b.add(b.mul(row, pitch), column)));
    b.store(value, to, b.add(b.mul(column, toPitch), row));
  };
  Value wholeRows = hasWholeRows ? rows : b.roundDown(rows, lanes);
  Value wholeColumns = hasWholeColumns ? columns : b.roundDown(columns, lanes);
  b.loop(b.constant(0), wholeRows, lanes, [&](Value row) {
    b.loop(b.constant(0), wholeColumns, lanes, [&](Value column) {
      Values square;
      for (int64_t i = 0; i < lanes; ++i)
        square.push_back(b.widened(b.load(from, element, b.add(b.mul(b.add(row, i), pitch), column), lanes)));
      for (auto [i, vector] : llvm::enumerate(transposed(b, square)))
        b.store(vector, to, b.add(b.mul(b.add(column, i), toPitch), row));
    });
    if (!hasWholeColumns)
      b.loop(wholeColumns, columns, 1, [&](Value column) {
        b.loop(row, b.add(row, lanes), 1, [&](Value r) { single(r, column); });
      });
  });
  if (hasWholeRows)
    return;
  Value zeros = b.constant(KernelBuilder::vectorOf(compute, lanes), 0);
  b.when(b.lessThan(wholeRows, rows), [&] {
    b.loop(b.constant(0), columns, 1, [&](Value column) {
      b.store(zeros, to, b.add(b.mul(column, toPitch), wholeRows));
      b.loop(wholeRows, rows, 1, [&](Value row) { single(row, column); });
    });
  });
}

} // namespace kiln::codegen
