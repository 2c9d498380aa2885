//===- LaunchWork.h - how much a launch does ----------------------*- C++ -*-===//
//
// Floating-point operations and bytes of a launch, for people and for measuring. Unlike a launch's cost, nothing is decided by
// them.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_SCHEDULE_LAUNCHWORK_H
#define KILN_SCHEDULE_LAUNCHWORK_H

#include "kiln/schedule/Schedule.h"

namespace kiln::schedule {

/// In the symbols of the function.
struct LaunchWork {
  /// A multiply-add is two; an operation of the body is one for each element, a transcendental function too. What an anchor that
  /// is no product computes is counted as its formula has it, not as the kernel does it.
  semantics::DimExpr flops;
  /// Each buffer that is read, once, and each that is written, once; of a table that indices point into, the rows they ask for.
  semantics::DimExpr bytes;
};

LaunchWork workOf(LaunchOp launch);

} // namespace kiln::schedule

#endif // KILN_SCHEDULE_LAUNCHWORK_H
