//===- GroupLanes.cpp - several groups of channels in a vector ------------===//
//
// See GroupLanes.h. Which lane reads which channel is known as code is written, so it is a permutation of registers; where a
// vector is in one group, a broadcast. Nothing is read that no lane needs.
//
//===----------------------------------------------------------------------===//

#include "GroupLanes.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace kiln::codegen {

Value GroupChunk::mask(KernelBuilder &b, int64_t vector) const {
  if (columnsOf(vector) == lanes)
    return {};
  SmallVector<bool> isThere(lanes, false);
  std::fill_n(isThere.begin(), columnsOf(vector), true);
  auto type = cast<VectorType>(KernelBuilder::vectorOf(b.getI1Type(), lanes));
  return arith::ConstantOp::create(b, DenseElementsAttr::get(type, ArrayRef<bool>(isThere)));
}

void GroupLanes::forEachChunk(KernelBuilder &b, int64_t columns, int64_t vectors, int64_t vectorLanes,
                              function_ref<void(const GroupChunk &)> body) const {
  int64_t width = vectors * vectorLanes, column = 0;
  // Chunks that begin alike share their code.
  bool areAlike = width % lanes == 0 || lanes % width == 0;
  if (int64_t whole = columns / width * width; areAlike && whole > width) {
    b.loop(b.constant(0), b.constant(whole), width, [&](Value first) {
      body({first, b.mul(b.div(first, lanes), addends), 0, vectors, width, vectorLanes});
    });
    column = whole;
  }
  for (; column < columns; column += width) {
    int64_t left = std::min(width, columns - column), begin = column / lanes;
    int64_t inChunk = llvm::divideCeil(left, vectorLanes);
    body({b.constant(column), b.constant(begin * addends), column - begin * lanes, inChunk, left, vectorLanes});
  }
}

GroupVector::GroupVector(KernelBuilder &b, const GroupLanes &groups, const GroupChunk &chunk, int64_t vector, Value base,
                         Type element, Value offset, Value mask)
    : b(b), groups(groups), phase(chunk.phase + vector * chunk.lanes), lanes(chunk.lanes), columns(chunk.columnsOf(vector)),
      element(element) {
  int64_t group = phase / groups.lanes, count = (phase + columns - 1) / groups.lanes - group + 1;
  first = b.pointer(base, element, b.add(offset, group * groups.addends));
  phase -= group * groups.lanes;
  if (mask)
    loaded = b.widened(b.loadMasked(first, element, b.constant(0), mask));
  else if (count > 1)
    loaded = b.widened(b.load(first, element, b.constant(0), count * groups.addends));
}

/// Lanes that are not there read what the last one does.
int64_t GroupVector::indexOf(int64_t lane, int64_t k) const {
  return (phase + std::min(lane, columns - 1)) / groups.lanes * groups.addends + k;
}

Value GroupVector::channel(int64_t k) const {
  if (!loaded)
    return b.broadcast(b.widened(b.load(first, element, b.constant(k))), lanes);
  SmallVector<int64_t> indices;
  for (int64_t lane = 0; lane < lanes; ++lane)
    indices.push_back(indexOf(lane, k));
  if (KernelBuilder::lanesIn(loaded) == lanes && llvm::equal(indices, llvm::seq<int64_t>(0, lanes)))
    return loaded;
  return vector::ShuffleOp::create(b, loaded, loaded, indices);
}

} // namespace kiln::codegen
