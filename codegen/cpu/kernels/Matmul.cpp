//===- Matmul.cpp - matrix products ---------------------------------------===//
//
// Gemm.h does the work. Products of few rows or one column read their operands as they lie: where the right one holds its columns
// contiguously, lanes are columns; where it is transposed and the left one is not, the product is one of dot products. Every element is
// added up in the order of k and stored once, whatever the tile: its bits depend on the shape alone, and an operand of the epilogue may
// be the result's own memory.
//
//===----------------------------------------------------------------------===//

#include "DotProducts.h"
#include "Gemm.h"
#include "Kernels.h"

#include "kiln/schedule/GridUnits.h"
#include "kiln/schedule/MatmulShape.h"

using namespace mlir;

namespace kiln::codegen {

namespace {

class Matmul {
public:
  explicit Matmul(KernelContext &context)
      : context(context), b(context.b), writer(b, context.kernel, context.extras, context.results.front()), shape(context.kernel),
        element(context.kernel.getAnchorType(0).getElementType()), compute(KernelBuilder::computeType(element)) {}

  LogicalResult emit();

private:
  /// One matrix of each operand, and a range of its rows and columns.
  struct Part {
    Value batch, lhs, rhs;
    Value firstRow, endRow, firstColumn, endColumn;
  };

  void emitMatrix(const Part &part);
  void emitFewRows(const Part &part);
  bool canMask() const { return b.target.hasMasks && KernelBuilder::bytesOf(element) >= 4; }
  void emitRowTile(const Part &part, Value row, Value column, int64_t vectors, int64_t lanes);
  void write(Value batch, Value row, Value column, int64_t lanes, Value sum, Value mask = {});
  std::vector<DimExpr> batchStrides(unsigned operand, ArrayRef<DimExpr> leading, const Box &batches);

  KernelContext &context;
  KernelBuilder &b;
  ResultWriter writer;
  schedule::MatmulShape shape;
  Type element, compute; // sums and products are of the latter
  LogicalResult result = success();
};

/// Strides of an operand's matrices along the result's batch dimensions; 0 where the operand is broadcast.
std::vector<DimExpr> Matmul::batchStrides(unsigned operand, ArrayRef<DimExpr> leading, const Box &batches) {
  std::vector<DimExpr> strides(batches.rank(), DimExpr(0)); // the last one is a dimension of size 1
  std::vector<DimExpr> own = rowMajorStrides(context.kernel.getAnchorType(operand).getSizes());
  int64_t offset = batches.rank() - 1 - static_cast<int64_t>(leading.size());
  for (size_t d = 0; d < leading.size(); ++d)
    if (!(leading[d] == DimExpr(1)))
      strides[offset + d] = own[d];
  return strides;
}

LogicalResult Matmul::emit() {
  auto [firstColumn, endColumn] = columnRange(context, shape.columns);
  if (shape.isSingle()) {
    emitMatrix({b.constant(0), context.anchors[0], context.anchors[1], context.begin0, context.end0, firstColumn, endColumn});
    return result;
  }
  std::vector<DimExpr> sizes = shape.batch;
  sizes.push_back(1);
  Box batches = Box::all(sizes);
  b.loop(context.begin0, context.end0, 1, [&](Value batch) {
    Row index(batches, batch);
    Value lhs = b.pointer(context.anchors[0], element, index.offset(b, batchStrides(0, shape.lhsBatch, batches)));
    Value rhs = b.pointer(context.anchors[1], element, index.offset(b, batchStrides(1, shape.rhsBatch, batches)));
    emitMatrix({batch, lhs, rhs, b.constant(0), b.size(shape.rows), firstColumn, endColumn});
  });
  return result;
}

void Matmul::emitMatrix(const Part &part) {
  bool isSmall = shape.isRhsVector || shape.columns == DimExpr(1) || !Gemm::isWorth(shape.rows);
  if (isSmall && !(shape.isLhsTransposed && shape.isRhsTransposed)) {
    emitFewRows(part);
    return;
  }
  Value leftPitch = b.size(shape.isLhsTransposed ? shape.rows : shape.inner);
  Value rightPitch = b.size(shape.isRhsTransposed ? shape.inner : shape.columns);
  Gemm gemm(b, {element, part.lhs, shape.isLhsTransposed, leftPitch}, {element, part.rhs, shape.isRhsTransposed, rightPitch},
            shape.inner, shape.columns, canMask());
  gemm.emit(part.firstRow, part.endRow, part.firstColumn, part.endColumn,
            [&](Value row, Value column, int64_t lanes, Value sum, Value mask) { write(part.batch, row, column, lanes, sum, mask); });
}

/// Too few rows, or columns, for copies of the operands to pay.
void Matmul::emitFewRows(const Part &part) {
  bool isOneColumn = shape.columns == DimExpr(1);
  if ((isOneColumn || shape.isRhsTransposed) && !shape.isLhsTransposed) {
    DotProducts dots(b, element, part.lhs, part.rhs, b.size(shape.inner));
    dots.emit(part.firstRow, part.endRow, part.firstColumn, part.endColumn,
              [&](Value row, Value column, Value sum) { write(part.batch, row, column, 1, sum); });
    return;
  }
  // All rows of a range of columns, then the next: these columns of the right operand stay in the cache.
  int64_t lanes = b.lanesOf(compute);
  Value begin = part.firstColumn;
  auto columns = [&](int64_t vectors, int64_t lanes) {
    Value end = b.add(begin, b.roundDown(b.sub(part.endColumn, begin), vectors * lanes));
    b.loop(begin, end, vectors * lanes, [&](Value column) {
      b.loop(part.firstRow, part.endRow, 1, [&](Value row) { emitRowTile(part, row, column, vectors, lanes); });
    });
    begin = end;
  };
  columns(b.target.tileVectors, lanes);
  columns(1, lanes);
  columns(1, 1);
}

/// One row of vectors, whose right operand holds its columns contiguously.
void Matmul::emitRowTile(const Part &part, Value row, Value column, int64_t vectors, int64_t lanes) {
  Value depth = b.size(shape.inner), pitch = b.size(shape.columns);
  RegisterTile tile;
  tile.left = tile.right = element;
  tile.lanes = lanes;
  tile.rowStep = shape.isLhsTransposed ? b.size(shape.rows) : b.constant(1);
  tile.columnStep = pitch;
  tile.addRows(b, b.pointer(part.lhs, element, b.mul(row, shape.isLhsTransposed ? b.constant(1) : depth)), b.constant(0), 1);
  for (int64_t j = 0; j < vectors; ++j)
    tile.columns.push_back(b.pointer(part.rhs, element, b.add(column, j * lanes)));
  Values sums = tile.accumulate(b, b.constant(0), depth, tile.zeros(b));
  for (int64_t j = 0; j < vectors; ++j)
    write(part.batch, row, b.add(column, j * lanes), lanes, sums[j]);
}

void Matmul::write(Value batch, Value rowNumber, Value column, int64_t lanes, Value sum, Value mask) {
  Value line = b.add(b.mul(batch, b.size(shape.rows)), rowNumber); // of a result whose last dimension is the columns
  if (shape.isRhsVector) {
    Value last = b.size(writer.getBox().columns());
    column = b.rem(line, last);
    line = b.div(line, last);
  }
  Row row(writer.getBox(), line);
  if (failed(writer.write(row, column, lanes, b.rounded(sum, element), mask)))
    result = failure();
}

} // namespace

LogicalResult emitMatmul(KernelContext &context) { return Matmul(context).emit(); }

} // namespace kiln::codegen
