//===- SizeConditions.h - What the sizes of a call must satisfy ----*- C++ -*-===//
//
// Declares sizeConditions: expressions that must not be negative for a function's arithmetic on sizes to mean anything, and those
// that the recorded program asks for.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_SCHEDULE_LIB_SIZECONDITIONS_H
#define KILN_SCHEDULE_LIB_SIZECONDITIONS_H

#include "kiln/semantics/dim_expr.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <string>
#include <vector>

namespace kiln::schedule {

struct SizeCondition {
  semantics::DimExpr expression; // must not be negative
  std::string message;           // for a caller whose sizes make it negative
};

/// What nn.require asks for; sizes of the function's values, and the room that its slices leave on either side, as far as they
/// could be negative for some sizes of the inputs: `[n - 3 : n]` of `[n]` needs n - 3 >= 0; that at least one window of a
/// convolution or pooling fits its input; and the range of the element types that sizes are converted to. Each once, in
/// program order.
std::vector<SizeCondition> sizeConditions(mlir::func::FuncOp function);

} // namespace kiln::schedule

#endif // KILN_SCHEDULE_LIB_SIZECONDITIONS_H
