//===- Channels.cpp - walks over the channels of [N, C, ...] --------------===//
//
// See Channels.h.
//
//===----------------------------------------------------------------------===//

#include "Channels.h"

#include "kiln/schedule/GridUnits.h"

using namespace mlir;

namespace kiln::codegen {

Channels::Channels(KernelContext &context, unsigned operand) : context(context), b(context.b) {
  schedule::BufferType type = context.kernel.getAnchorType(operand);
  element = type.getElementType();
  std::vector<DimExpr> sizes = type.getSizes();
  samples = sizes[0];
  channels = sizes[1];
  for (size_t d = 2; d < sizes.size(); ++d)
    positions = positions * sizes[d];
  areNeighbours = sizes.size() == 2;
}

void Channels::overGroups(function_ref<void(Group)> body) {
  Value begin = context.begin0, last = context.end0;
  if (areNeighbours) { // units are blocks
    last = b.minimum(b.mul(last, schedule::kSummedColumns), b.size(channels));
    begin = b.minimum(b.mul(begin, schedule::kSummedColumns), last);
  }
  auto over = [&](int64_t lanes) {
    Value end = b.add(begin, b.roundDown(b.sub(last, begin), lanes));
    b.loop(begin, end, lanes, [&](Value channel) { body({channel, lanes}); });
    begin = end;
  };
  if (areNeighbours) {
    // Whole cache lines of each row, in several vectors, which also hide the latency of additions.
    constexpr int64_t kVectors = 4;
    int64_t lanes = b.lanesOf(b.getF64Type());
    over(kVectors * lanes);
    if (lanes > 1)
      over(lanes);
  }
  over(1);
}

Values Channels::carryOver(Group group, ValueRange wide, ValueRange single,
                           function_ref<Values(Value, int64_t, ValueRange)> body) {
  Values init(wide);
  llvm::append_range(init, single);
  return b.loop(b.constant(0), b.size(samples), 1, init, [&](Value sample, ValueRange outer) {
    Value begin = b.mul(b.add(b.mul(sample, b.size(channels)), group.first), b.size(positions));
    if (areNeighbours)
      return body(begin, group.lanes, outer);
    int64_t lanes = b.lanesOf(b.getF64Type());
    Value count = b.size(positions), middle = b.roundDown(count, lanes);
    Values next = b.loop(b.constant(0), middle, lanes, outer.take_front(wide.size()),
                         [&](Value position, ValueRange inner) { return body(b.add(begin, position), lanes, inner); });
    llvm::append_range(next, b.loop(middle, count, 1, outer.drop_front(wide.size()),
                                    [&](Value position, ValueRange inner) { return body(b.add(begin, position), 1, inner); }));
    return next;
  });
}

void Channels::overElements(Group group, function_ref<void(Value, int64_t)> body) {
  carryOver(group, {}, {}, [&](Value offset, int64_t lanes, ValueRange) {
    body(offset, lanes);
    return Values();
  });
}

Values Channels::sumElements(Group group, size_t count, function_ref<Values(Value, int64_t)> body) {
  auto zeros = [&](int64_t lanes) { return Values(count, b.constant(KernelBuilder::vectorOf(b.getF64Type(), lanes), 0)); };
  auto accumulate = [&](Value offset, int64_t lanes, ValueRange sums) {
    Values next;
    for (auto [sum, addend] : llvm::zip_equal(sums, body(offset, lanes)))
      next.push_back(b.sum(sum, addend));
    return next;
  };
  if (areNeighbours)
    return carryOver(group, zeros(group.lanes), {}, accumulate);
  Values sums = carryOver(group, zeros(b.lanesOf(b.getF64Type())), zeros(1), accumulate), results;
  for (size_t i = 0; i < count; ++i)
    results.push_back(b.sum(b.sumOfLanes(sums[i]), sums[count + i]));
  return results;
}

Value Channels::countElements(Group group) {
  return b.broadcast(arith::SIToFPOp::create(b, b.getF64Type(), b.size(samples * positions)), group.lanes);
}

} // namespace kiln::codegen
