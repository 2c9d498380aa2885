//===- PackedLinear.cpp - rows of the input times panels of weights -------===//
//
// input [M, K] times packed [panels, K, panel]: tiles of rows x vectors accumulate over K in registers and go through the body to memory.
//
// A single row reads each weight once whatever is done, so there the panel is read as it lies, with several accumulators over K, because
// one would wait for its own additions. All tiles add in the order of k, so a row's bits depend only on whether it is the only one.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "PackedPanels.h"
#include "RegisterTile.h"
#include "Transpose.h"
#include "Windows.h"

#include "kiln/schedule/GridUnits.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace kiln::codegen {

namespace {

class PackedLinear {
public:
  explicit PackedLinear(KernelContext &context)
      : context(context), b(context.b), writer(b, context.kernel, context.extras, context.results.front()),
        input(context.anchors[0]) {
    std::vector<DimExpr> packedSizes = context.kernel.getAnchorType(1).getSizes();
    element = context.kernel.getAnchorType(0).getElementType();
    compute = KernelBuilder::computeType(element);
    innerSize = packedSizes[1];
    inner = b.size(innerSize);
    panel = *packedSizes[2].constant();
    lanes = b.lanesOf(compute);
    panels = {context.anchors[1], element, panel, lanes, inner, context.kernel.getResultType().getSizes().back()};
    int64_t unit = schedule::panelsOfUnit(panel);
    endPanel = b.minimum(b.mul(context.end1, unit), b.size(packedSizes[0]));
    firstPanel = b.minimum(b.mul(context.begin1, unit), endPanel);
  }

  LogicalResult emit();

private:
  void emitManyRows();
  void emitOneRow();
  void emitTiles(Value firstColumn, const Values &weights);
  void write(Value rowNumber, Value column, Value sum);

  KernelContext &context;
  KernelBuilder &b;
  ResultWriter writer;
  Value input, inner, firstPanel, endPanel;
  Type element, compute;
  PackedPanels panels;
  DimExpr innerSize;
  int64_t panel = 0, lanes = 1;
  LogicalResult result = success();
};

LogicalResult PackedLinear::emit() {
  if (!isa<FloatType>(element))
    return context.error() << "is compiled for floating-point types, not for " << element;
  if (panel % lanes != 0)
    return context.error() << "has panels of " << panel << " features, which vectors of " << lanes << " do not divide";
  DimExpr rows = writer.getBox().rows();
  if (rows == DimExpr(1)) {
    emitOneRow();
  } else if (rows.is_constant()) {
    emitManyRows();
  } else {
    b.when(
        b.equal(b.size(rows), b.constant(1)), [&] { emitOneRow(); }, [&] { emitManyRows(); });
  }
  return result;
}

void PackedLinear::write(Value rowNumber, Value column, Value sum) {
  Row row(writer.getBox(), rowNumber);
  if (failed(writer.write(row, column, lanes, b.rounded(sum, element), panels.mask(b, column))))
    result = failure();
}

void PackedLinear::emitManyRows() {
  panels.forEachTile(b, firstPanel, b.sub(endPanel, firstPanel),
                     [&](Value firstColumn, const Values &weights) { emitTiles(firstColumn, weights); });
}

void PackedLinear::emitTiles(Value firstColumn, const Values &weights) {
  forEachTile(b, context.begin0, context.end0, [&](Value firstRow, int64_t rows, Value valid) {
    RegisterTile tile;
    tile.left = tile.right = element;
    tile.lanes = lanes;
    tile.rowStep = b.constant(1);
    tile.columns = weights;
    tile.columnStep = b.constant(panel);
    tile.unroll = innerSize.divide_exactly(2) ? 2 : 1;
    Value base = b.pointer(input, element, b.mul(firstRow, inner));
    tile.addRows(b, base, inner, rows, valid);
    Values sums = tile.accumulate(b, b.constant(0), inner, tile.zeros(b));
    int64_t vectors = weights.size();
    forEachValidRow(b, rows, valid, [&](int64_t r) {
      for (int64_t j = 0; j < vectors; ++j)
        write(b.add(firstRow, r), b.add(firstColumn, j * lanes), sums[r * vectors + j]);
    });
  });
}

void PackedLinear::emitOneRow() {
  int64_t vectors = largestDivisor(panel / lanes, b.target.rowAccumulators);
  int64_t sets = std::max<int64_t>(1, b.target.rowAccumulators / vectors);
  Type vector = KernelBuilder::vectorOf(compute, lanes);

  b.loop(firstPanel, endPanel, 1, [&](Value p) {
    Value panelBegin = b.mul(b.mul(p, inner), panel);
    b.loop(b.constant(0), b.constant(panel), vectors * lanes, [&](Value h) {
      Value firstColumn = b.add(b.mul(p, panel), h);
      panels.unlessPadding(b, firstColumn, [&] {
        Value weights = b.pointer(panels.base, element, b.add(panelBegin, h));
        auto step = [&](Value k, int64_t set, Values &sums) {
          Value x = b.broadcast(b.widened(b.load(input, element, k)), lanes);
          for (int64_t j = 0; j < vectors; ++j) {
            Value w = b.widened(b.load(weights, element, b.add(b.mul(k, panel), j * lanes), lanes));
            sums[set * vectors + j] = b.multiplyAdd(x, w, sums[set * vectors + j]);
          }
        };
        Values sums(sets * vectors, b.constant(vector, 0));
        Value middle = b.roundDown(inner, sets);
        sums = b.loop(b.constant(0), middle, sets, sums, [&](Value k, ValueRange carried) {
          Values next(carried);
          for (int64_t set = 0; set < sets; ++set)
            step(b.add(k, set), set, next);
          return next;
        });
        if (sets > 1)
          sums = b.loop(middle, inner, 1, sums, [&](Value k, ValueRange carried) {
            Values next(carried);
            step(k, 0, next);
            return next;
          });
        for (int64_t width = sets / 2; width >= 1; width /= 2)
          for (int64_t i = 0; i < width * vectors; ++i)
            sums[i] = arith::AddFOp::create(b, sums[i], sums[i + width * vectors]);
        for (int64_t j = 0; j < vectors; ++j)
          write(b.constant(0), b.add(firstColumn, j * lanes), sums[j]);
      });
    });
  });
}

} // namespace

LogicalResult emitPackedLinear(KernelContext &context) {
  if (!context.kernel.getAnchorType(1).getSizes().back().is_constant())
    return context.error() << "needs panels of a constant width";
  return PackedLinear(context).emit();
}

//===----------------------------------------------------------------------===//
// Packing
//===----------------------------------------------------------------------===//

/// Each weight [N, K] of some to [panels, K, panel]: element (n, k) at (n / panel, k, n % panel). A unit is a panel: squares of it
/// through registers, the rest element by element.
LogicalResult emitPackPanels(KernelContext &context) {
  KernelBuilder &b = context.b;
  std::vector<DimExpr> weight = lastSizes(context.kernel.getAnchorType(0), 2), sizes = lastSizes(context.kernel.getResultType(), 3);
  Type element = context.kernel.getAnchorType(0).getElementType();
  ResultWriter writer(b, context.kernel, context.extras, context.results.front());
  Value features = b.size(weight[0]), inner = b.size(weight[1]), panels = b.size(sizes[0]), panel = b.size(sizes[2]);
  int64_t lanes = b.lanesOf(KernelBuilder::computeType(element));
  LogicalResult result = success();
  b.loop(context.begin0, context.end0, 1, [&](Value p) {
    Value matrix = b.div(p, panels), firstFeature = b.mul(b.rem(p, panels), panel);
    Value valid = b.minimum(panel, b.sub(features, firstFeature));
    Value firstRow = b.add(b.mul(matrix, features), firstFeature);
    auto write = [&](Value k, Value column, int64_t lanes, Value value) {
      Row row(writer.getBox(), b.add(b.mul(p, inner), k));
      if (failed(writer.write(row, column, lanes, value)))
        result = failure();
    };
    auto weightAt = [&](Value column, Value k) { return b.add(b.mul(b.add(firstRow, column), inner), k); };
    auto single = [&](Value column, Value k) { write(k, column, 1, b.load(context.anchors[0], element, weightAt(column, k))); };
    Value wholeColumns = b.roundDown(valid, lanes), wholeInner = b.roundDown(inner, lanes);
    b.loop(b.constant(0), wholeColumns, lanes, [&](Value column) {
      b.loop(b.constant(0), wholeInner, lanes, [&](Value k) {
        Values square;
        for (int64_t i = 0; i < lanes; ++i)
          square.push_back(b.widened(b.load(context.anchors[0], element, weightAt(b.add(column, i), k), lanes)));
        for (auto [i, vector] : llvm::enumerate(transposed(b, square)))
          write(b.add(k, i), column, lanes, b.rounded(vector, element));
      });
      b.loop(column, b.add(column, lanes), 1, [&](Value c) {
        b.loop(wholeInner, inner, 1, [&](Value k) { single(c, k); });
      });
    });
    b.loop(wholeColumns, valid, 1, [&](Value c) { b.loop(b.constant(0), inner, 1, [&](Value k) { single(c, k); }); });
    b.loop(valid, panel, 1, [&](Value c) {
      b.loop(b.constant(0), inner, 1, [&](Value k) { write(k, c, 1, b.constant(element, 0)); });
    });
  });
  return result;
}

} // namespace kiln::codegen
