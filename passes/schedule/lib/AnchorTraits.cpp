//===- AnchorTraits.cpp - what the schedule knows of anchors --------------===//
//
// Grids say what is independent, not how it is run. Costs are for one decision, whether a launch is worth several threads, so
// they are rough: a core moves 16 bytes or does 64 floating-point operations in a nanosecond. They are added up in 64ths of one,
// so that one division rounds the whole.
//
//===----------------------------------------------------------------------===//

#include "AnchorTraits.h"

#include "kiln/schedule/GridUnits.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using kiln::semantics::DimExpr;

namespace kiln::schedule {

/// The unit of costs while they are added up: one floating-point operation.
static constexpr int64_t kNanosecond = 64;
static constexpr int64_t kMoveByte = 4;

static DimExpr ceilDiv(const DimExpr &value, int64_t divisor) { return (value + DimExpr(divisor - 1)).floordiv(divisor); }

static DimExpr product(ArrayRef<DimExpr> sizes) {
  DimExpr result = 1;
  for (const DimExpr &size : sizes)
    result = result * size;
  return result;
}

//===----------------------------------------------------------------------===//
// Grids
//===----------------------------------------------------------------------===//

/// Rows (all dimensions but the last), or blocks of elements when there is one dimension or none.
static Grid rowGrid(KernelOp kernel) {
  std::vector<DimExpr> sizes = kernel.getResultType().getSizes();
  if (sizes.size() <= 1)
    return {ceilDiv(product(sizes), kFlatBlock)};
  return {product(ArrayRef(sizes).drop_back())};
}

static Grid linearGrid(KernelOp kernel) {
  std::vector<DimExpr> sizes = kernel.getResultType().getSizes();
  return {product(ArrayRef(sizes).drop_back()), ceilDiv(sizes.back(), kColumnBlock)};
}

static Grid packedLinearGrid(KernelOp kernel) {
  std::vector<DimExpr> sizes = kernel.getResultType().getSizes();
  return {product(ArrayRef(sizes).drop_back()), kernel.getAnchorType(1).getSizes().front()};
}

/// Batches, when there are any, else rows; and columns.
static Grid matmulGrid(KernelOp kernel) {
  std::vector<DimExpr> lhs = kernel.getAnchorType(0).getSizes(), rhs = kernel.getAnchorType(1).getSizes();
  DimExpr rows = lhs.size() >= 2 ? lhs[lhs.size() - 2] : DimExpr(1);
  DimExpr columns = rhs.size() >= 2 ? rhs.back() : DimExpr(1);
  if (lhs.size() <= 2 && rhs.size() <= 2)
    return {rows, ceilDiv(columns, kColumnBlock)};
  std::vector<DimExpr> sizes = kernel.getResultType().getSizes();
  int64_t inner = (lhs.size() >= 2) + (rhs.size() >= 2);
  return {product(ArrayRef(sizes).drop_back(inner)), ceilDiv(columns, kColumnBlock)};
}

static Grid elementGrid(KernelOp kernel) { return {kernel.getResultType().getElements()}; }
static Grid channelGrid(KernelOp kernel) { return {kernel.getAnchorType(0).getSizes()[1]}; }
static Grid panelGrid(KernelOp kernel) { return {kernel.getResultType().getSizes().front()}; }
static Grid fractionGrid(KernelOp) { return {DimExpr(kFractions)}; }
static Grid oneUnit(KernelOp) { return {DimExpr(1)}; }

//===----------------------------------------------------------------------===//
// Costs
//===----------------------------------------------------------------------===//

static DimExpr trafficCost(KernelOp kernel) {
  DimExpr bytes = 0;
  for (unsigned i = 0; i < kernel.getNumAnchorOperands(); ++i)
    bytes = bytes + kernel.getAnchorType(i).getBytes();
  for (unsigned i = 0; i < kernel.getNumResults(); ++i)
    bytes = bytes + kernel.getResultType(i).getBytes();
  return bytes * DimExpr(kMoveByte);
}

static DimExpr productCost(KernelOp kernel) {
  DimExpr inner = kernel.getAnchorType(0).getSizes().back();
  return DimExpr(2) * kernel.getResultType().getElements() * inner;
}

/// A table is read where indices point only.
static DimExpr gatherCost(KernelOp kernel) { return kernel.getResultType().getBytes() * DimExpr(2 * kMoveByte); }

/// Two passes over the data in double precision.
static DimExpr batchNormCost(KernelOp kernel) { return kernel.getResultType().getElements() * DimExpr(2 * kNanosecond); }

/// Ten rounds of integer multiplication for four elements.
static DimExpr dropoutCost(KernelOp kernel) { return kernel.getResultType().getElements() * DimExpr(2 * kNanosecond); }

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

static std::string sizesName(ArrayRef<DimExpr> sizes) {
  std::string name;
  for (const DimExpr &size : sizes) {
    if (!name.empty())
      name += 'x';
    name += size.constant() ? std::to_string(*size.constant()) : "n";
  }
  return name;
}

static std::string linearName(KernelOp kernel) {
  return sizesName({kernel.getAnchorType(0).getSizes().back(), kernel.getResultType().getSizes().back()});
}
static std::string operandName(KernelOp kernel) { return sizesName(kernel.getAnchorType(0).getSizes()); }
static std::string resultName(KernelOp kernel) { return sizesName(kernel.getResultType().getSizes()); }
static std::string matmulName(KernelOp kernel) {
  return sizesName(kernel.getAnchorType(0).getSizes()) + "_" + sizesName(kernel.getAnchorType(1).getSizes());
}
static std::string tableName(KernelOp kernel) { return sizesName(kernel.getAnchorType(1).getSizes()); }

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

const AnchorTraits &anchorTraits(StringRef anchor) {
  static const llvm::StringMap<AnchorTraits> table = {
      {"", {false, rowGrid, trafficCost, resultName}},
      {"nn.packed_linear", {true, packedLinearGrid, productCost, linearName}},
      {"nn.linear", {true, linearGrid, productCost, linearName}},
      {"nn.matmul", {false, matmulGrid, productCost, matmulName}},
      {"nn.sum", {false, elementGrid, trafficCost, operandName}},
      {"nn.mean", {false, elementGrid, trafficCost, operandName}},
      {"nn.embedding", {false, rowGrid, gatherCost, tableName}},
      {"nn.pack_panels", {false, panelGrid, trafficCost, operandName}},
      {"nn.cat", {false, fractionGrid, trafficCost, resultName}},
      {"nn.slice_scatter", {false, oneUnit, trafficCost, resultName}},
      {"nn.batch_norm", {false, channelGrid, batchNormCost, operandName}},
      {"nn.dropout", {false, rowGrid, dropoutCost, resultName}},
  };
  static const AnchorTraits other = {false, rowGrid, trafficCost, resultName};
  auto entry = table.find(anchor);
  return entry == table.end() ? other : entry->second;
}

DimExpr costOf(KernelOp kernel) {
  DimExpr cost = anchorTraits(kernel.getAnchor().value_or("")).cost(kernel);
  DimExpr extraBytes = 0;
  for (unsigned i = 0; i < kernel.getNumExtras(); ++i)
    extraBytes = extraBytes + kernel.getExtraType(i).getBytes();
  // A transcendental function takes about 16 vector operations.
  int64_t work = 0;
  for (Operation &op : kernel.getBodyBlock().without_terminator())
    if (op.getName().getDialectNamespace() == "math")
      work += 32;
    else if (!op.hasTrait<OpTrait::ConstantLike>())
      work += 2;
  cost = cost + extraBytes * DimExpr(kMoveByte) + kernel.getResultType().getElements() * DimExpr(work);
  return cost.floordiv(kNanosecond);
}

} // namespace kiln::schedule
