//===- Products.cpp - products of operands in their own layout ------------===//
//
// Where the weight is not known before the call there is no packing: a linear layer is dot products along K, which both operands
// hold contiguously; a matrix product reads rows of its right operand. Every element is added in one order, whatever the tile.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"

#include "kiln/schedule/GridUnits.h"

using namespace mlir;

namespace kiln::codegen {

using schedule::kColumnBlock;

namespace {

/// Dot products of rows of `left` with rows of `right`, both K long, in the type that they are computed in.
class DotProducts {
public:
  DotProducts(KernelBuilder &b, Type element, Value left, Value right, Value inner)
      : b(b), element(element), compute(KernelBuilder::computeType(element)), left(left), right(right), inner(inner),
        lanes(b.lanesOf(compute)) {}

  /// For rows and columns in the ranges, calls `write(row, column, sum)`.
  void emit(Value firstRow, Value endRow, Value firstColumn, Value endColumn, function_ref<void(Value, Value, Value)> write) {
    constexpr int64_t kTile = 4; // columns that share a load of the row
    b.loop(firstRow, endRow, 1, [&](Value row) {
      auto tiles = [&](int64_t width) {
        Value last = b.sub(endColumn, b.constant(width));
        b.loop(firstColumn, endColumn, width, [&](Value column) { tile(row, b.minimum(column, last), width, write); });
      };
      b.when(
          b.atLeast(b.sub(endColumn, firstColumn), b.constant(kTile)), [&] { tiles(kTile); }, [&] { tiles(1); });
    });
  }

private:
  void tile(Value row, Value column, int64_t width, function_ref<void(Value, Value, Value)> write) {
    Value middle = b.roundDown(inner, lanes);
    Value rowBegin = b.pointer(left, element, b.mul(row, inner));
    SmallVector<Value> columnBegins;
    for (int64_t j = 0; j < width; ++j)
      columnBegins.push_back(b.pointer(right, element, b.mul(b.add(column, j), inner)));
    auto products = [&](Value begin, Value end, int64_t count) {
      Values zeros(width, b.constant(KernelBuilder::vectorOf(compute, count), 0));
      return b.loop(begin, end, count, zeros, [&](Value k, ValueRange carried) {
        Values next;
        Value x = b.widened(b.load(rowBegin, element, k, count));
        for (int64_t j = 0; j < width; ++j)
          next.push_back(b.multiplyAdd(x, b.widened(b.load(columnBegins[j], element, k, count)), carried[j]));
        return next;
      });
    };
    Values sums = products(b.constant(0), middle, lanes), rest = products(middle, inner, 1);
    for (int64_t j = 0; j < width; ++j)
      write(row, b.add(column, j), b.sum(b.sumOfLanes(sums[j]), rest[j]));
  }

  KernelBuilder &b;
  Type element, compute;
  Value left, right, inner;
  int64_t lanes;
};

/// The columns that the context's range of blocks has.
std::pair<Value, Value> columnRange(KernelContext &context, const DimExpr &columns) {
  KernelBuilder &b = context.b;
  Value end = b.minimum(b.mul(context.end1, kColumnBlock), b.size(columns));
  return {b.minimum(b.mul(context.begin1, kColumnBlock), end), end};
}

} // namespace

//===----------------------------------------------------------------------===//
// Linear
//===----------------------------------------------------------------------===//

LogicalResult emitLinear(KernelContext &context) {
  KernelBuilder &b = context.b;
  schedule::BufferType weight = context.kernel.getAnchorType(1);
  ResultWriter writer(b, context.kernel, context.extras, context.results.front());
  auto [first, end] = columnRange(context, weight.getSizes()[0]);
  LogicalResult result = success();
  DotProducts dots(b, weight.getElementType(), context.anchors[0], context.anchors[1], b.size(weight.getSizes()[1]));
  dots.emit(context.begin0, context.end0, first, end, [&](Value rowNumber, Value column, Value sum) {
    if (context.anchors.size() == 3)
      sum = b.sum(sum, b.widened(b.load(context.anchors[2], weight.getElementType(), column)));
    Row row(writer.getBox(), rowNumber);
    if (failed(writer.write(row, column, 1, b.rounded(sum, weight.getElementType()))))
      result = failure();
  });
  return result;
}

//===----------------------------------------------------------------------===//
// Matmul
//===----------------------------------------------------------------------===//

namespace {

class Matmul {
public:
  explicit Matmul(KernelContext &context)
      : context(context), b(context.b), writer(b, context.kernel, context.extras, context.results.front()) {
    lhs = context.kernel.getAnchorType(0).getSizes();
    rhs = context.kernel.getAnchorType(1).getSizes();
    element = context.kernel.getAnchorType(0).getElementType();
    rows = lhs.size() >= 2 ? lhs[lhs.size() - 2] : DimExpr(1);
    columns = rhs.size() >= 2 ? rhs.back() : DimExpr(1);
    inner = lhs.back();
  }

  LogicalResult emit();

private:
  void emitMatrix(Value batch, Value lhsBegin, Value rhsBegin, Value firstRow, Value endRow, Value firstColumn, Value endColumn);
  void emitTile(Value batch, Value rowBegin, Value rhsBegin, Value firstRow, int64_t tileRows, Value column, int64_t vectors,
                int64_t lanes);
  void write(Value batch, Value row, Value column, int64_t lanes, Value sum);
  std::vector<DimExpr> batchStrides(ArrayRef<DimExpr> operand, const Box &batches);

  KernelContext &context;
  KernelBuilder &b;
  ResultWriter writer;
  std::vector<DimExpr> lhs, rhs;
  Type element;
  DimExpr rows, columns, inner;
  LogicalResult result = success();
};

/// Strides of an operand's matrices along the result's batch dimensions; 0 where the operand is broadcast.
std::vector<DimExpr> Matmul::batchStrides(ArrayRef<DimExpr> operand, const Box &batches) {
  std::vector<DimExpr> strides(batches.rank(), DimExpr(0)); // the last one is a dimension of size 1
  if (operand.size() <= 2)
    return strides;
  std::vector<DimExpr> own = rowMajorStrides(operand);
  int64_t count = operand.size() - 2, offset = batches.rank() - 1 - count;
  for (int64_t d = 0; d < count; ++d)
    if (!(operand[d] == DimExpr(1)))
      strides[offset + d] = own[d];
  return strides;
}

LogicalResult Matmul::emit() {
  auto [firstColumn, endColumn] = columnRange(context, columns);
  if (lhs.size() <= 2 && rhs.size() <= 2) {
    emitMatrix(b.constant(0), context.anchors[0], context.anchors[1], context.begin0, context.end0, firstColumn, endColumn);
    return result;
  }
  std::vector<DimExpr> sizes = context.kernel.getResultType().getSizes();
  sizes.resize(sizes.size() - (lhs.size() >= 2) - (rhs.size() >= 2));
  sizes.push_back(1);
  Box batches = Box::all(sizes);
  Value endRow = b.size(rows);
  b.loop(context.begin0, context.end0, 1, [&](Value batch) {
    Row index(batches, batch);
    Value lhsBegin = b.pointer(context.anchors[0], element, index.offset(b, batchStrides(lhs, batches)));
    Value rhsBegin = b.pointer(context.anchors[1], element, index.offset(b, batchStrides(rhs, batches)));
    emitMatrix(batch, lhsBegin, rhsBegin, b.constant(0), endRow, firstColumn, endColumn);
  });
  return result;
}

void Matmul::emitMatrix(Value batch, Value lhsBegin, Value rhsBegin, Value firstRow, Value endRow, Value firstColumn,
                        Value endColumn) {
  if (rhs.size() == 1 || columns == DimExpr(1)) {
    DotProducts dots(b, element, lhsBegin, rhsBegin, b.size(inner));
    dots.emit(firstRow, endRow, firstColumn, endColumn,
              [&](Value row, Value column, Value sum) { write(batch, row, column, 1, sum); });
    return;
  }
  constexpr int64_t kRows = 4, kVectors = 2;
  int64_t lanes = b.lanesOf(KernelBuilder::computeType(element));
  // All rows of a range of columns, then the next: these columns of the right operand stay in the cache.
  auto columnsOf = [&](int64_t vectors, int64_t width, Value begin, Value end) {
    b.loop(begin, end, vectors * width, [&](Value column) {
      auto rowsOf = [&](int64_t tileRows, Value first, Value last) {
        b.loop(first, last, tileRows, [&](Value row) {
          Value rowBegin = b.pointer(lhsBegin, element, b.mul(row, b.size(inner)));
          emitTile(batch, rowBegin, rhsBegin, row, tileRows, column, vectors, width);
        });
      };
      Value middleRow = b.add(firstRow, b.roundDown(b.sub(endRow, firstRow), kRows));
      rowsOf(kRows, firstRow, middleRow);
      rowsOf(1, middleRow, endRow);
    });
  };
  Value wide = b.add(firstColumn, b.roundDown(b.sub(endColumn, firstColumn), kVectors * lanes));
  columnsOf(kVectors, lanes, firstColumn, wide);
  columnsOf(1, 1, wide, endColumn);
}

void Matmul::emitTile(Value batch, Value rowBegin, Value rhsBegin, Value firstRow, int64_t tileRows, Value column,
                      int64_t vectors, int64_t lanes) {
  Value width = b.size(columns), depth = b.size(inner);
  Values zeros(tileRows * vectors, b.constant(KernelBuilder::vectorOf(KernelBuilder::computeType(element), lanes), 0));
  Values sums = b.loop(b.constant(0), depth, 1, zeros, [&](Value k, ValueRange carried) {
    Values next(carried), w;
    for (int64_t j = 0; j < vectors; ++j)
      w.push_back(b.widened(b.load(rhsBegin, element, b.add(b.add(b.mul(k, width), column), j * lanes), lanes)));
    for (int64_t r = 0; r < tileRows; ++r) {
      Value x = b.broadcast(b.widened(b.load(rowBegin, element, b.add(b.mul(depth, r), k))), lanes);
      for (int64_t j = 0; j < vectors; ++j)
        next[r * vectors + j] = b.multiplyAdd(x, w[j], next[r * vectors + j]);
    }
    return next;
  });
  for (int64_t r = 0; r < tileRows; ++r)
    for (int64_t j = 0; j < vectors; ++j)
      write(batch, b.add(firstRow, r), b.add(column, j * lanes), lanes, sums[r * vectors + j]);
}

void Matmul::write(Value batch, Value rowNumber, Value column, int64_t lanes, Value sum) {
  Value line = b.add(b.mul(batch, b.size(rows)), rowNumber); // of a result whose last dimension is the columns
  if (rhs.size() == 1) {
    Value last = b.size(writer.getBox().columns());
    column = b.rem(line, last);
    line = b.div(line, last);
  }
  Row row(writer.getBox(), line);
  if (failed(writer.write(row, column, lanes, b.rounded(sum, element))))
    result = failure();
}

} // namespace

LogicalResult emitMatmul(KernelContext &context) { return Matmul(context).emit(); }

} // namespace kiln::codegen
