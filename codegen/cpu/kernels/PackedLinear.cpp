//===- PackedLinear.cpp - rows of the input times panels of weights -------===//
//
// input [M, K] times packed [panels, K, panel]: a tile of rows x vectors accumulates over K in registers, then goes through the
// body to memory. For each k it loads the tile's weights once and one input element a row.
//
// A remainder of rows is a whole tile that begins earlier and computes some rows again: same values, no other code. Fewer rows
// than a tile take smaller tiles. A single row reads each weight once whatever is done, so there the panel is read as it lies,
// with several accumulators over K, because one would wait for its own additions. All tiles add in the order of k, so a row's
// bits depend only on whether it is the only one.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace kiln::codegen {

namespace {

/// The largest divisor of `value` that is not above `limit`.
int64_t largestDivisor(int64_t value, int64_t limit) {
  int64_t divisor = std::min(value, limit);
  while (value % divisor != 0)
    --divisor;
  return divisor;
}

class PackedLinear {
public:
  explicit PackedLinear(KernelContext &context)
      : context(context), b(context.b), writer(b, context.kernel, context.extras, context.results.front()),
        input(context.anchors[0]), packed(context.anchors[1]) {
    std::vector<DimExpr> packedSizes = context.kernel.getAnchorType(1).getSizes();
    element = context.kernel.getAnchorType(0).getElementType();
    compute = KernelBuilder::computeType(element);
    inner = b.size(packedSizes[1]);
    panel = *packedSizes[2].constant();
    features = context.kernel.getResultType().getSizes().back();
    lanes = b.lanesOf(compute);
  }

  LogicalResult emit();

private:
  void emitManyRows();
  void emitOneRow();
  void emitTiles(Value firstColumn, Value weights, ArrayRef<int64_t> tileRows);
  void emitTile(Value firstRow, int64_t rows, Value firstColumn, Value weights);
  void write(Value rowNumber, Value column, Value sum);
  /// Calls `body` unless every column from `first` on is padding.
  void unlessPadding(Value first, function_ref<void()> body);
  bool hasPadding() const { return !features.constant() || *features.constant() % panel != 0; }

  KernelContext &context;
  KernelBuilder &b;
  ResultWriter writer;
  Value input, packed, inner;
  Type element, compute;
  DimExpr features;
  int64_t panel = 0, lanes = 1, tileVectors = 1;
  LogicalResult result = success();
};

LogicalResult PackedLinear::emit() {
  if (!isa<FloatType>(element))
    return context.error() << "is compiled for floating-point types, not for " << element;
  if (panel % lanes != 0)
    return context.error() << "has panels of " << panel << " features, which vectors of " << lanes << " do not divide";
  tileVectors = largestDivisor(panel / lanes, b.target.tileVectors);
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

void PackedLinear::unlessPadding(Value first, function_ref<void()> body) {
  if (hasPadding())
    b.when(b.lessThan(first, b.size(features)), body);
  else
    body();
}

void PackedLinear::write(Value rowNumber, Value column, Value sum) {
  Row row(writer.getBox(), rowNumber);
  Value mask;
  if (hasPadding() && lanes > 1)
    mask = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, b.iota(column, lanes), b.broadcast(b.size(features), lanes));
  if (failed(writer.write(row, column, lanes, b.rounded(sum, element), mask)))
    result = failure();
}

void PackedLinear::emitManyRows() {
  SmallVector<int64_t> tileRows;
  for (int64_t rows : {b.target.tileRows, int64_t(4), int64_t(2)})
    if (tileRows.empty() || rows < tileRows.back())
      tileRows.push_back(rows);

  b.loop(context.begin1, context.end1, 1, [&](Value p) {
    Value panelBegin = b.mul(b.mul(p, inner), panel);
    b.loop(b.constant(0), b.constant(panel), tileVectors * lanes, [&](Value h) {
      Value firstColumn = b.add(b.mul(p, panel), h);
      unlessPadding(firstColumn, [&] { emitTiles(firstColumn, b.pointer(packed, element, b.add(panelBegin, h)), tileRows); });
    });
  });
}

/// The rows of the range in tiles of tileRows[0]; fewer rows than that in the next smaller.
void PackedLinear::emitTiles(Value firstColumn, Value weights, ArrayRef<int64_t> tileRows) {
  int64_t rows = tileRows.front();
  auto tiles = [&] {
    Value last = b.sub(context.end0, b.constant(rows));
    b.loop(context.begin0, context.end0, rows, [&](Value row) { emitTile(b.minimum(row, last), rows, firstColumn, weights); });
  };
  if (tileRows.size() == 1) {
    tiles(); // a range has one row only if the result has, and that is another path
    return;
  }
  Value count = b.sub(context.end0, context.begin0);
  b.when(b.atLeast(count, b.constant(rows)), tiles, [&] { emitTiles(firstColumn, weights, tileRows.drop_front()); });
}

void PackedLinear::emitTile(Value firstRow, int64_t rows, Value firstColumn, Value weights) {
  int64_t vectors = tileVectors;
  Type vector = KernelBuilder::vectorOf(compute, lanes);
  Value rowBegin = b.pointer(input, element, b.mul(firstRow, inner));
  Values zeros(rows * vectors, b.constant(vector, 0));
  Values sums = b.loop(b.constant(0), inner, 1, zeros, [&](Value k, ValueRange carried) {
    Values next(carried), columns;
    Value at = b.mul(k, panel);
    for (int64_t j = 0; j < vectors; ++j)
      columns.push_back(b.widened(b.load(weights, element, b.add(at, j * lanes), lanes)));
    for (int64_t r = 0; r < rows; ++r) {
      Value x = b.broadcast(b.widened(b.load(rowBegin, element, b.add(b.mul(inner, r), k))), lanes);
      for (int64_t j = 0; j < vectors; ++j)
        next[r * vectors + j] = b.multiplyAdd(x, columns[j], next[r * vectors + j]);
    }
    return next;
  });
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < vectors; ++j)
      write(b.add(firstRow, r), b.add(firstColumn, j * lanes), sums[r * vectors + j]);
}

void PackedLinear::emitOneRow() {
  int64_t vectors = largestDivisor(panel / lanes, b.target.rowAccumulators);
  int64_t sets = std::max<int64_t>(1, b.target.rowAccumulators / vectors);
  Type vector = KernelBuilder::vectorOf(compute, lanes);

  b.loop(context.begin1, context.end1, 1, [&](Value p) {
    Value panelBegin = b.mul(b.mul(p, inner), panel);
    b.loop(b.constant(0), b.constant(panel), vectors * lanes, [&](Value h) {
      Value firstColumn = b.add(b.mul(p, panel), h);
      unlessPadding(firstColumn, [&] {
        Value weights = b.pointer(packed, element, b.add(panelBegin, h));
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

LogicalResult emitPackedLinear(KernelContext &context) { return PackedLinear(context).emit(); }

//===----------------------------------------------------------------------===//
// Packing
//===----------------------------------------------------------------------===//

/// weight [N, K] to [panels, K, panel]: element (n, k) at (n / panel, k, n % panel). A unit is a panel. The weight is read in its
/// own order; what is written lies within one panel, which fits a cache.
LogicalResult emitPackPanels(KernelContext &context) {
  KernelBuilder &b = context.b;
  std::vector<DimExpr> weight = context.kernel.getAnchorType(0).getSizes(), sizes = context.kernel.getResultType().getSizes();
  Type element = context.kernel.getAnchorType(0).getElementType();
  ResultWriter writer(b, context.kernel, context.extras, context.results.front());
  Value features = b.size(weight[0]), inner = b.size(weight[1]), panel = b.size(sizes[2]);
  LogicalResult result = success();
  b.loop(context.begin0, context.end0, 1, [&](Value p) {
    auto fill = [&](Value begin, Value end, function_ref<Value(Value column, Value k)> value) {
      b.loop(begin, end, 1, [&](Value column) {
        b.loop(b.constant(0), inner, 1, [&](Value k) {
          Row row(writer.getBox(), b.add(b.mul(p, inner), k));
          if (failed(writer.write(row, column, 1, value(column, k))))
            result = failure();
        });
      });
    };
    Value firstFeature = b.mul(p, panel);
    Value valid = b.minimum(panel, b.sub(features, firstFeature));
    fill(b.constant(0), valid, [&](Value column, Value k) {
      return b.load(context.anchors[0], element, b.add(b.mul(b.add(firstFeature, column), inner), k));
    });
    fill(valid, panel, [&](Value, Value) { return b.constant(element, 0); });
  });
  return result;
}

} // namespace kiln::codegen
