//===- MergeDimensions.cpp - fewer, longer dimensions ---------------------===//
//
// Two neighbouring dimensions of the result are one loop if every operand, walking along the inner one, ends where the outer
// one's next step begins (or stands still in both). A map over contiguous buffers becomes one flat loop; a linear layer on
// [batch, time, features] becomes one on [batch * time, features].
//
//===----------------------------------------------------------------------===//

#include "AnchorTraits.h"
#include "KernelForm.h"

#include "llvm/ADT/STLExtras.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using kiln::semantics::DimExpr;

namespace kiln::schedule {

namespace {

/// How far apart two elements of an operand are that are neighbours along a dimension of the result; 0 where it is broadcast.
std::vector<DimExpr> stridesAlongResult(BufferType operand, AffineMap map) {
  std::vector<DimExpr> strides(map.getNumDims(), DimExpr(0));
  DimExpr stride = 1;
  std::vector<DimExpr> sizes = operand.getSizes();
  for (int64_t i = operand.getRank() - 1; i >= 0; --i) {
    if (auto dim = dyn_cast<AffineDimExpr>(map.getResult(i)))
      strides[dim.getPosition()] = stride;
    stride = stride * sizes[i];
  }
  return strides;
}

/// The dimensions of the result, grouped into those of the merged one. A dropped dimension is in no group.
struct Grouping {
  SmallVector<DimExpr> sizes;
  SmallVector<int64_t> groupOf; // by dimension of the result; -1 when dropped
};

Grouping groupDimensions(KernelOp kernel, int64_t fixed) {
  std::vector<DimExpr> sizes = kernel.getResultType().getSizes();
  int64_t rank = sizes.size();
  SmallVector<std::vector<DimExpr>> strides;
  for (unsigned i = 0; i < kernel.getNumExtras(); ++i)
    strides.push_back(stridesAlongResult(kernel.getExtraType(i), kernel.getExtraMap(i)));

  Grouping grouping;
  grouping.groupOf.assign(rank, -1);
  int64_t previous = -1; // last dimension of the last group that may still grow
  for (int64_t dim = 0; dim < rank; ++dim) {
    bool mayMerge = dim < rank - fixed;
    if (mayMerge && sizes[dim] == DimExpr(1))
      continue;
    bool merges = mayMerge && previous >= 0 && llvm::all_of(strides, [&](const std::vector<DimExpr> &stride) {
                    return stride[previous] == stride[dim] * sizes[dim];
                  });
    if (merges) {
      grouping.sizes.back() = grouping.sizes.back() * sizes[dim];
    } else {
      grouping.sizes.push_back(sizes[dim]);
    }
    grouping.groupOf[dim] = grouping.sizes.size() - 1;
    previous = mayMerge ? dim : -1;
  }
  return grouping;
}

} // namespace

void mergeDimensions(KernelForm &form) {
  KernelOp kernel = *form.kernel;
  bool isMap = !kernel.getAnchor();
  if (!isMap && !anchorTraits(*kernel.getAnchor()).rowsOfFeatures)
    return;
  Grouping grouping = groupDimensions(kernel, isMap ? 0 : 1);
  Builder builder(kernel.getContext());
  Type element = kernel.getResultType().getElementType();

  SmallVector<Attribute> extraTypes;
  SmallVector<AffineMap> maps;
  for (unsigned i = 0; i < kernel.getNumExtras(); ++i) {
    SmallVector<int64_t> groups; // in the operand's own order
    for (AffineExpr result : kernel.getExtraMap(i).getResults())
      if (auto dim = dyn_cast<AffineDimExpr>(result)) {
        int64_t group = grouping.groupOf[dim.getPosition()];
        if (group >= 0 && (groups.empty() || groups.back() != group))
          groups.push_back(group);
      }
    std::vector<DimExpr> sizes;
    SmallVector<AffineExpr> exprs;
    for (int64_t group : groups) {
      sizes.push_back(grouping.sizes[group]);
      exprs.push_back(builder.getAffineDimExpr(group));
    }
    extraTypes.push_back(TypeAttr::get(BufferType::get(kernel.getExtraType(i).getElementType(), sizes)));
    maps.push_back(AffineMap::get(grouping.sizes.size(), 0, exprs, kernel.getContext()));
  }
  kernel.setExtraTypesAttr(builder.getArrayAttr(extraTypes));
  kernel.setExtraMapsAttr(builder.getAffineMapArrayAttr(maps));
  kernel.setResultTypesAttr(builder.getArrayAttr({TypeAttr::get(BufferType::get(element, grouping.sizes))}));

  if (!isMap) { // the input has the result's leading dimensions
    std::vector<DimExpr> sizes(grouping.sizes.begin(), grouping.sizes.end() - 1);
    sizes.push_back(kernel.getAnchorType(0).getSizes().back());
    SmallVector<Attribute> anchorTypes(kernel.getAnchorTypes().begin(), kernel.getAnchorTypes().end());
    anchorTypes[0] = TypeAttr::get(BufferType::get(kernel.getAnchorType(0).getElementType(), sizes));
    kernel.setAnchorTypesAttr(builder.getArrayAttr(anchorTypes));
  }
}

} // namespace kiln::schedule
