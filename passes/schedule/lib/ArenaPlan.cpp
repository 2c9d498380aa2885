//===- ArenaPlan.cpp - places in an arena of symbolic size ----------------===//
//
// Sizes that are constant multiples of one expression can be compared whatever the symbols are: 2048 * batch and 1024 * batch are
// 2048 and 1024 units of `batch`. Each such expression has a region of the arena, packed by first fit in its own units.
//
//===----------------------------------------------------------------------===//

#include "ArenaPlan.h"

#include <algorithm>
#include <map>
#include <numeric>

using kiln::semantics::DimExpr;

namespace kiln::schedule {

/// What vector loads and cache lines want.
static constexpr int64_t kAlignment = 64;

namespace {

/// units * unit, where `units` is a multiple of 64.
struct Measured {
  DimExpr unit = 1;
  int64_t units = 0;
};

/// A request with its place in its region.
struct Placed {
  size_t request;
  int64_t units, offset = 0;
};

int64_t roundUp(int64_t value) { return (value + kAlignment - 1) / kAlignment * kAlignment; }

/// Splits a size into a number and an expression without a common factor.
Measured measure(const DimExpr &bytes) {
  if (auto constant = bytes.constant())
    return {DimExpr(1), roundUp(*constant)};
  int64_t content = 0;
  for (const DimExpr::Term &term : bytes.terms())
    content = std::gcd(content, term.coefficient);
  // A few bytes for each unit would waste much when rounded up to 64: round the whole size up instead.
  if (content % kAlignment != 0 && content < kAlignment / 4)
    return {(bytes + DimExpr(kAlignment - 1)).floordiv(kAlignment), kAlignment};
  return {*bytes.divide_exactly(DimExpr(content)), roundUp(content)};
}

bool aliveTogether(const ArenaRequest &a, const ArenaRequest &b) { return a.first <= b.last && b.first <= a.last; }

/// First fit in order of size, largest first; gives each its offset. Returns the units in use.
int64_t pack(std::vector<Placed> &region, const std::vector<ArenaRequest> &requests, bool share) {
  std::sort(region.begin(), region.end(),
            [](const Placed &a, const Placed &b) { return a.units != b.units ? a.units > b.units : a.request < b.request; });
  int64_t end = 0;
  for (size_t i = 0; i < region.size(); ++i) {
    std::vector<std::pair<int64_t, int64_t>> taken; // [begin, end) of those alive together with it
    for (size_t j = 0; j < i; ++j)
      if (!share || aliveTogether(requests[region[i].request], requests[region[j].request]))
        taken.emplace_back(region[j].offset, region[j].offset + region[j].units);
    std::sort(taken.begin(), taken.end());
    int64_t offset = 0;
    for (auto [begin, last] : taken) {
      if (begin - offset >= region[i].units)
        break;
      offset = std::max(offset, last);
    }
    region[i].offset = offset;
    end = std::max(end, offset + region[i].units);
  }
  return end;
}

} // namespace

ArenaPlan planArena(const std::vector<ArenaRequest> &requests, bool share) {
  std::map<DimExpr, std::vector<Placed>> regions;
  std::vector<DimExpr> order; // of first use, so that the plan reads like the program
  ArenaPlan plan;
  plan.offsets.resize(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    Measured size = measure(requests[i].bytes);
    auto [region, isNew] = regions.try_emplace(size.unit);
    if (isNew)
      order.push_back(size.unit);
    region->second.push_back({i, size.units});
    plan.bytesWithoutSharing = plan.bytesWithoutSharing + size.unit * DimExpr(size.units);
  }
  for (const DimExpr &unit : order) {
    std::vector<Placed> &region = regions[unit];
    int64_t units = pack(region, requests, share);
    for (size_t i = 0; i < region.size(); ++i) {
      const Placed &placed = region[i];
      plan.offsets[placed.request] = plan.bytes + unit * DimExpr(placed.offset);
      plan.shared += std::any_of(region.begin(), region.begin() + i, [&](const Placed &other) {
        return placed.offset < other.offset + other.units && other.offset < placed.offset + placed.units;
      });
    }
    plan.bytes = plan.bytes + unit * DimExpr(units);
  }
  return plan;
}

} // namespace kiln::schedule
