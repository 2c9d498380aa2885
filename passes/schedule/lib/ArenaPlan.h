//===- ArenaPlan.h - places in an arena of symbolic size ----------*- C++ -*-===//
//
// Packs intervals of lifetime into bytes. Knows nothing of MLIR, so that it can be tested alone.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_SCHEDULE_LIB_ARENAPLAN_H
#define KILN_SCHEDULE_LIB_ARENAPLAN_H

#include "kiln/semantics/dim_expr.h"

#include <vector>

namespace kiln::schedule {

/// A temporary: its bytes, and the first and last step at which it is used.
struct ArenaRequest {
  semantics::DimExpr bytes;
  int64_t first = 0, last = 0;
};

struct ArenaPlan {
  /// In the order of the requests; multiples of 64.
  std::vector<semantics::DimExpr> offsets;
  semantics::DimExpr bytes = 0;
  /// What it would take if nothing shared.
  semantics::DimExpr bytesWithoutSharing = 0;
  /// Requests that use bytes another one used before.
  unsigned shared = 0;
};

/// Places every request. With `share`, requests that are not alive at the same step may overlap.
ArenaPlan planArena(const std::vector<ArenaRequest> &requests, bool share);

} // namespace kiln::schedule

#endif // KILN_SCHEDULE_LIB_ARENAPLAN_H
