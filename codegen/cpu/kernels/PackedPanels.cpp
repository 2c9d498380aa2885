//===- PackedPanels.cpp - weights in panels, as tiles read them -----------===//
//
// Tiles as wide as the instruction set's where panels are there for it, then panel by panel.
//
//===----------------------------------------------------------------------===//

#include "PackedPanels.h"

using namespace mlir;

namespace kiln::codegen {

int64_t largestDivisor(int64_t value, int64_t limit) {
  int64_t divisor = std::min(value, limit);
  while (value % divisor != 0)
    --divisor;
  return divisor;
}

void PackedPanels::unlessPadding(KernelBuilder &b, Value first, function_ref<void()> body) const {
  if (hasPadding())
    b.when(b.lessThan(first, b.size(features)), body);
  else
    body();
}

Value PackedPanels::mask(KernelBuilder &b, Value first) const {
  if (!hasPadding() || lanes == 1)
    return {};
  return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, b.iota(first, lanes), b.broadcast(b.size(features), lanes));
}

void PackedPanels::forEachTile(KernelBuilder &b, Value first, Value count,
                               function_ref<void(Value, const Values &)> tile) const {
  int64_t panelVectors = panel / lanes;
  Value end = b.add(first, count);
  if (std::optional<int64_t> columns = features.constant(); columns && *columns <= panel) {
    int64_t vectors = std::max<int64_t>(1, llvm::divideCeil(*columns, lanes));
    b.loop(first, end, 1, [&](Value p) { partsOf(b, p, 1, std::min(vectors, panelVectors), tile); });
    return;
  }
  if (int64_t together = b.target.tileVectors / panelVectors; together > 1) {
    Value middle = b.add(first, b.roundDown(count, together));
    b.loop(first, middle, together, [&](Value p) { partsOf(b, p, together, panelVectors, tile); });
    first = middle;
  }
  b.loop(first, end, 1, [&](Value p) { partsOf(b, p, 1, panelVectors, tile); });
}

/// Of the first `vectors` vectors of each of some panels.
void PackedPanels::partsOf(KernelBuilder &b, Value first, int64_t panels, int64_t vectors,
                           function_ref<void(Value, const Values &)> tile) const {
  Value firstColumn = b.mul(first, panel), begin = b.pointer(base, element, b.mul(b.mul(first, inner), panel));
  auto vectorsAt = [&](Value p, Value offset, int64_t count, Values &weights) {
    for (int64_t j = 0; j < count; ++j)
      weights.push_back(b.pointer(begin, element, b.add(b.mul(b.mul(p, inner), panel), b.add(offset, j * lanes))));
  };
  if (panels > 1 || vectors <= b.target.tileVectors) {
    Values weights;
    for (int64_t p = 0; p < panels; ++p)
      vectorsAt(b.constant(p), b.constant(0), vectors, weights);
    tile(firstColumn, weights);
    return;
  }
  int64_t tileVectors = largestDivisor(vectors, b.target.tileVectors);
  b.loop(b.constant(0), b.constant(vectors * lanes), tileVectors * lanes, [&](Value h) {
    Value column = b.add(firstColumn, h);
    unlessPadding(b, column, [&] {
      Values weights;
      vectorsAt(b.constant(0), h, tileVectors, weights);
      tile(column, weights);
    });
  });
}

} // namespace kiln::codegen
