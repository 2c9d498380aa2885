//===- SizeConditions.h - What the sizes of a call must satisfy ----*- C++ -*-===//
//
// Declares sizeConditions: expressions that must not be negative for a function's arithmetic on sizes to mean anything.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_SCHEDULE_LIB_SIZECONDITIONS_H
#define KILN_SCHEDULE_LIB_SIZECONDITIONS_H

#include "kiln/semantics/dim_expr.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <vector>

namespace kiln::schedule {

/// Sizes of the function's values, and the room that its slices leave on either side, as far as they could be negative for some
/// sizes of the inputs: `[n - 3 : n]` of `[n]` needs n - 3 >= 0. Each once, in program order.
std::vector<semantics::DimExpr> sizeConditions(mlir::func::FuncOp function);

} // namespace kiln::schedule

#endif // KILN_SCHEDULE_LIB_SIZECONDITIONS_H
