//===- Product.cpp - linear layers and matrix products --------------------===//
//
// Calls of product.h: what differs between linear layers, packed ones and products is where an operand's elements lie.
//
//===----------------------------------------------------------------------===//

#include "KernelText.h"

#include "kiln/schedule/MatmulShape.h"

using namespace mlir;

namespace kiln::codegen {

using schedule::KernelOp;

// The numbers of product.h; the emitted source asserts that they agree.
static constexpr unsigned kThreads = 256;
static constexpr int64_t kTileSide = 64;
/// Columns that a block of the form for few rows computes: one a warp where a weight's row is contiguous, one a lane where it is not.
static constexpr int64_t kColumnsByWarp = 8, kColumnsByLane = 32;
/// Up to here, reading the weight once for every four rows beats tiles of 64 rows that are mostly empty.
static constexpr int64_t kFewRows = 8;

namespace {
/// An operand as product.h takes it.
struct OperandText {
  std::string text;
  bool isInnerContiguous;
};
struct ProductShape {
  DimExpr rows, columns, inner;
  OperandText left, right;
};
} // namespace

static llvm::Expected<ProductShape> shapeOf(KernelOp kernel) {
  std::string type = *scalarTypeText(kernel.getAnchorType(0).getElementType());
  auto matrix = [&](StringRef base, const DimExpr &inner) {
    return OperandText{("Matrix<" + type + ">{" + base + ", " + sizeText(inner) + "}").str(), true};
  };
  auto transposed = [&](StringRef base, const DimExpr &outer) {
    return OperandText{("Transposed<" + type + ">{" + base + ", " + sizeText(outer) + "}").str(), false};
  };
  if (*kernel.getAnchor() == "nn.matmul") {
    schedule::MatmulShape shape(kernel);
    if (!shape.isSingle() || shape.isRhsVector)
      return llvm::createStringError("'nn.matmul' of batches, or by a vector, has no CUDA kernel");
    return ProductShape{shape.rows, shape.columns, shape.inner,
                        shape.isLhsTransposed ? transposed("a0", shape.rows) : matrix("a0", shape.inner),
                        shape.isRhsTransposed ? matrix("a1", shape.inner) : transposed("a1", shape.columns)};
  }
  std::vector<DimExpr> sizes = kernel.getResultType().getSizes();
  DimExpr inner = kernel.getAnchorType(0).getSizes().back();
  OperandText right = matrix("a1", inner);
  if (*kernel.getAnchor() == "nn.packed_linear") {
    int64_t panel = *kernel.getAnchorType(1).getSizes().back().constant();
    right = {("Panels<" + type + ", " + Twine(panel) + ">{a1, " + sizeText(inner) + "}").str(), false};
  }
  return ProductShape{productOf(ArrayRef(sizes).drop_back()), sizes.back(), inner, matrix("a0", inner), right};
}

static llvm::Error writeForm(KernelWriter &writer, const ProductShape &shape, StringRef suffix, StringRef function, CudaForm form) {
  std::string type = *scalarTypeText(writer.getKernel().getAnchorType(0).getElementType());
  writer.begin(suffix, "kProductThreads", kThreads, std::move(form));
  writer.os() << "  " << function << "<" << type << ">(" << sizeText(shape.rows) << ", " << sizeText(shape.columns) << ", "
              << sizeText(shape.inner) << ",\n      " << shape.left.text << ", " << shape.right.text << ",\n      [=](i64 row, i64 column, "
              << type << " product) {\n        const i64 index = row * " << factorText(shape.columns) << " + column;\n";
  if (llvm::Error error = writer.writeElement("        ", "product", KernelWriter::Place::RowAndColumn))
    return error;
  writer.os() << "      });\n";
  writer.end();
  return llvm::Error::success();
}

llvm::Error writeProduct(KernelWriter &writer) {
  KernelOp kernel = writer.getKernel();
  if (!isa<FloatType>(kernel.getAnchorType(0).getElementType()))
    return llvm::createStringError("'%s' of integers has no CUDA kernel", kernel.getAnchor()->str().c_str());
  llvm::Expected<ProductShape> shape = shapeOf(kernel);
  if (!shape)
    return shape.takeError();
  int64_t columns = shape->right.isInnerContiguous ? kColumnsByWarp : kColumnsByLane;
  // A launch without rows has no work in either form.
  bool mayBeFew = !shape->rows.constant() || *shape->rows.constant() <= kFewRows;
  bool mayBeMany = !shape->rows.constant() || *shape->rows.constant() > kFewRows;
  if (mayBeFew)
    if (llvm::Error error = writeForm(writer, *shape, mayBeMany ? "_few_rows" : "", "product_of_few_rows",
                                      {0, shape->rows.constant() == 0 ? DimExpr(0) : ceilDiv(shape->columns, columns), shape->rows,
                                       mayBeMany ? kFewRows : -1}))
      return error;
  if (!mayBeMany)
    return llvm::Error::success();
  return writeForm(writer, *shape, "", "product_in_tiles",
                   {0, ceilDiv(shape->rows, kTileSide) * ceilDiv(shape->columns, kTileSide), {}, -1});
}

} // namespace kiln::codegen
