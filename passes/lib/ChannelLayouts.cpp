//===- ChannelLayouts.cpp - values in two layouts -------------------------===//
//
// See ChannelLayouts.h. Where only the order of single dimensions changes, memory stays as it is: a reshape takes the permutation's
// place.
//
//===----------------------------------------------------------------------===//

#include "ChannelLayouts.h"

#include "kiln/ir/Statistics.h"

using namespace mlir;

namespace kiln::passes {

using semantics::DimExpr;

static ir::Statistic numPermutations("nn-channels-last", "Number of permutations between the two layouts");

static bool areSingle(ArrayRef<DimExpr> sizes) {
  return llvm::all_of(sizes, [](const DimExpr &size) { return size == DimExpr(1); });
}

bool hasOnePosition(const DimSizes &sizes) { return areSingle(ArrayRef(sizes).drop_front(2)); }

DimSizes rotatedLast(DimSizes sizes) {
  std::rotate(sizes.begin() + 1, sizes.begin() + 2, sizes.end());
  return sizes;
}

static Value permuted(OpBuilder &builder, Location location, Value value, const std::vector<int64_t> &dims, bool moves) {
  if (moves) {
    ++numPermutations;
    return ir::createOp<ir::PermuteOp>(builder, location, {value}, {{"dims", dims}});
  }
  DimSizes sizes = sizesOf(value), shape;
  for (int64_t dim : dims)
    shape.push_back(sizes[dim]);
  return ir::createOp<ir::ReshapeOp>(builder, location, {value}, {{"shape", shape}});
}

Value rotatedLast(OpBuilder &builder, Location location, Value value) {
  int64_t rank = typeOf(value).getRank();
  std::vector<int64_t> dims = {0};
  for (int64_t dim = 2; dim < rank; ++dim)
    dims.push_back(dim);
  dims.push_back(1);
  DimSizes sizes = sizesOf(value);
  return permuted(builder, location, value, dims, !hasOnePosition(sizes) && !(sizes[1] == DimExpr(1)));
}

Value ChannelLayouts::last(Value value) {
  Value &entry = lasts[value];
  if (!entry) {
    OpBuilder builder(value.getContext());
    builder.setInsertionPointAfterValue(value);
    entry = rotatedLast(builder, value.getLoc(), value);
  }
  return entry;
}

Value ChannelLayouts::first(Value value) {
  OpBuilder builder(value.getContext());
  builder.setInsertionPointAfterValue(value);
  int64_t rank = typeOf(value).getRank();
  std::vector<int64_t> dims = {0, rank - 1};
  for (int64_t dim = 1; dim + 1 < rank; ++dim)
    dims.push_back(dim);
  DimSizes sizes = sizesOf(value);
  bool moves = !areSingle(ArrayRef(sizes).drop_front().drop_back()) && !(sizes.back() == DimExpr(1));
  return permuted(builder, value.getLoc(), value, dims, moves);
}

void ChannelLayouts::setNative(Value value, Value last) {
  lasts[value] = last;
  native.insert(value);
}

} // namespace kiln::passes
