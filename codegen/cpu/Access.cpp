//===- Access.cpp - from an index of the result to an operand's element ---===//
//
// Strides are expressions, so what is known about them when compiling (broadcast, contiguous, a constant) chooses the code: one
// vector load, one scalar in all lanes, or element by element.
//
//===----------------------------------------------------------------------===//

#include "Access.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace kiln::codegen {

using schedule::BufferType;
using schedule::KernelOp;

//===----------------------------------------------------------------------===//
// Boxes and rows
//===----------------------------------------------------------------------===//

std::vector<DimExpr> rowMajorStrides(ArrayRef<DimExpr> sizes) {
  std::vector<DimExpr> strides(sizes.size(), DimExpr(1));
  for (size_t i = sizes.size(); i-- > 1;)
    strides[i - 1] = strides[i] * sizes[i];
  return strides;
}

Box Box::all(ArrayRef<DimExpr> sizes) {
  return {std::vector<DimExpr>(sizes.begin(), sizes.end()), std::vector<DimExpr>(sizes.size(), DimExpr(0)),
          std::vector<int64_t>(sizes.size(), 1)};
}

DimExpr Box::rows() const {
  DimExpr rows = 1;
  for (int64_t i = 0; i + 1 < rank(); ++i)
    rows = rows * sizes[i];
  return rows;
}

DimExpr Box::columns() const { return sizes.empty() ? DimExpr(1) : sizes.back(); }

// Indices are not kept: the next use may be in another region, where this one's values are not visible. LLVM finds what is
// common.
Value Row::index(KernelBuilder &b, int64_t dim) {
  Value rest = number;
  for (int64_t d = box->rank() - 2; d > dim; --d)
    rest = b.div(rest, b.size(box->sizes[d]));
  return dim == 0 ? rest : b.rem(rest, b.size(box->sizes[dim]));
}

Value Row::offset(KernelBuilder &b, ArrayRef<DimExpr> strides) {
  int64_t outer = box->rank() - 1;
  if (outer <= 0)
    return b.constant(0);
  // Rows evenly spaced in memory need no index by dimension.
  bool isEven = true;
  for (int64_t d = 0; d + 1 < outer; ++d)
    isEven &= strides[d] == strides[d + 1] * box->sizes[d + 1];
  if (isEven)
    return b.mul(number, b.size(strides[outer - 1]));
  Value offset = b.constant(0);
  for (int64_t d = 0; d < outer; ++d)
    if (!(strides[d] == DimExpr(0)))
      offset = b.add(offset, b.mul(index(b, d), b.size(strides[d])));
  return offset;
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

Access Access::throughMap(Value base, BufferType operand, AffineMap map, const Box &box) {
  Access access{base, operand.getElementType(), std::vector<DimExpr>(box.rank(), DimExpr(0)), 0};
  std::vector<DimExpr> sizes = operand.getSizes(), strides = rowMajorStrides(sizes);
  for (auto [i, result] : llvm::enumerate(map.getResults()))
    if (auto dim = dyn_cast<AffineDimExpr>(result)) {
      int64_t d = dim.getPosition();
      access.offset = access.offset + strides[i] * box.origin[d];
      access.strides[d] = access.strides[d] + strides[i] * DimExpr(box.steps[d]);
    }
  return access;
}

Access Access::contiguous(Value base, BufferType operand) {
  return {base, operand.getElementType(), rowMajorStrides(operand.getSizes()), 0};
}

Value Access::load(KernelBuilder &b, Row &row, Value column, int64_t lanes, Value mask) const {
  DimExpr stride = strides.empty() ? DimExpr(0) : strides.back();
  Value start = b.add(row.offset(b, strides), b.size(offset));
  if (stride == DimExpr(0))
    return b.broadcast(b.load(base, element, start), lanes);
  if (stride == DimExpr(1)) {
    Value at = b.add(start, column);
    return mask ? b.loadMasked(base, element, at, mask) : b.load(base, element, at, lanes);
  }
  Value step = b.size(stride), at = b.add(start, b.mul(column, step));
  if (!mask)
    return b.loadStrided(base, element, at, step, lanes);
  // Strided elements are read one at a time; lanes beyond the end read the first one, which is there.
  Value first = b.load(base, element, at);
  Value loaded = b.broadcast(first, lanes);
  for (int64_t lane = 1; lane < lanes; ++lane) {
    Value isRead = vector::ExtractOp::create(b, mask, ArrayRef<int64_t>{lane});
    Value offset = arith::SelectOp::create(b, isRead, b.add(at, b.mul(step, lane)), at);
    loaded = vector::InsertOp::create(b, b.load(base, element, offset), loaded, ArrayRef<int64_t>{lane});
  }
  return loaded;
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

int64_t widestElementBytes(KernelOp kernel) {
  int64_t bytes = 1;
  auto see = [&](Type type) {
    if (type.isIntOrFloat())
      bytes = std::max(bytes, KernelBuilder::bytesOf(type));
  };
  for (ArrayAttr types : {kernel.getAnchorTypes(), kernel.getExtraTypes(), kernel.getResultTypes()})
    for (Attribute type : types)
      see(cast<BufferType>(cast<TypeAttr>(type).getValue()).getElementType());
  for (Operation &op : kernel.getBodyBlock())
    for (Type type : op.getResultTypes())
      see(type);
  return bytes;
}

FailureOr<Value> applyBody(KernelBuilder &b, KernelOp kernel, ValueRange values) {
  Block &body = kernel.getBodyBlock();
  IRMapping mapping;
  mapping.map(body.getArguments(), values);
  int64_t lanes = 1;
  for (Value value : values)
    lanes = std::max(lanes, KernelBuilder::lanesIn(value));

  for (Operation &op : body.without_terminator()) {
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      Attribute value = constant.getValue();
      if (lanes > 1)
        value = DenseElementsAttr::get(cast<VectorType>(KernelBuilder::vectorOf(constant.getType(), lanes)), value);
      mapping.map(constant.getResult(), arith::ConstantOp::create(b, cast<TypedAttr>(value)));
      continue;
    }
    if (!OpTrait::hasElementwiseMappableTraits(&op)) {
      op.emitError() << "kernel @" << kernel.getSymName() << ": '" << op.getName() << "' has no vector form";
      return failure();
    }
    OperationState state(b.getLoc(), op.getName());
    for (Value operand : op.getOperands())
      state.addOperands(mapping.lookup(operand));
    for (Type type : op.getResultTypes())
      state.addTypes(KernelBuilder::vectorOf(type, lanes));
    state.addAttributes(op.getAttrDictionary().getValue());
    Operation *created = b.create(state);
    mapping.map(op.getResults(), created->getResults());
  }
  return mapping.lookup(cast<schedule::YieldOp>(body.getTerminator()).getValue());
}

ResultWriter::ResultWriter(KernelBuilder &b, KernelOp kernel, ValueRange extras, Value result)
    : ResultWriter(b, kernel, extras, result, Box::all(kernel.getResultType().getSizes())) {}

ResultWriter::ResultWriter(KernelBuilder &b, KernelOp kernel, ValueRange extraBases, Value resultBase, Box resultBox)
    : b(b), kernel(kernel), box(std::move(resultBox)) {
  for (auto [i, base] : llvm::enumerate(extraBases))
    extras.push_back(Access::throughMap(base, kernel.getExtraType(i), kernel.getExtraMap(i), box));
  AffineMap identity = AffineMap::getMultiDimIdentityMap(box.rank(), kernel.getContext());
  result = Access::throughMap(resultBase, kernel.getResultType(), identity, box);
  vectorLanes = std::max<int64_t>(1, b.target.vectorBytes / widestElementBytes(kernel));
  if (box.isStrided()) // elements that are apart are stored one at a time
    vectorLanes = 1;
}

LogicalResult ResultWriter::write(Row &row, Value column, int64_t lanes, Value anchor, Value mask) {
  Values arguments;
  if (anchor)
    arguments.push_back(anchor);
  for (const Access &extra : extras)
    arguments.push_back(extra.load(b, row, column, lanes, mask));
  FailureOr<Value> value = applyBody(b, kernel, arguments);
  if (failed(value))
    return failure();
  // A body without operands computes one scalar.
  Value stored = KernelBuilder::lanesIn(*value) == lanes ? *value : b.broadcast(*value, lanes);
  DimExpr stride = result.strides.empty() ? DimExpr(0) : result.strides.back();
  Value at = b.add(b.add(row.offset(b, result.strides), b.size(result.offset)), b.mul(column, b.size(stride)));
  if (mask)
    b.storeMasked(stored, result.base, at, mask);
  else
    b.store(stored, result.base, at);
  return success();
}

} // namespace kiln::codegen
