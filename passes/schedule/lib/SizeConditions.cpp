//===- SizeConditions.cpp - What the sizes of a call must satisfy ---------===//
//
// Implements sizeConditions. Symbols are sizes of inputs and so never negative; an expression whose coefficients are all positive needs
// no check.
//
//===----------------------------------------------------------------------===//

#include "SizeConditions.h"

#include "kiln/ir/Ops.h"
#include "kiln/ir/Types.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace kiln;
using semantics::DimExpr;

static bool isNeverNegative(const DimExpr &expression) {
  return llvm::all_of(expression.terms(), [](const DimExpr::Term &term) {
    return term.coefficient >= 0 && llvm::all_of(term.atoms, [](const DimExpr::Atom &atom) {
             return !atom.numerator || isNeverNegative(*atom.numerator);
           });
  });
}

std::vector<DimExpr> kiln::schedule::sizeConditions(func::FuncOp function) {
  std::vector<DimExpr> conditions;
  auto require = [&](const DimExpr &expression) {
    if (!isNeverNegative(expression) && !llvm::is_contained(conditions, expression))
      conditions.push_back(expression);
  };
  auto requireSlice = [&](Value whole, int64_t dim, const DimExpr &start, const DimExpr &end) {
    require(start);
    require(end - start);
    require(ir::sizeOf(cast<RankedTensorType>(whole.getType()), dim) - end);
  };
  function.walk([&](Operation *op) {
    if (auto slice = dyn_cast<ir::SliceOp>(op))
      requireSlice(slice.getInput(), slice.getDim(), slice.getStart().getExpression(), slice.getEnd().getExpression());
    else if (auto scatter = dyn_cast<ir::SliceScatterOp>(op))
      requireSlice(scatter.getInput(), scatter.getDim(), scatter.getStart().getExpression(), scatter.getEnd().getExpression());
    for (Type type : op->getResultTypes())
      if (ir::isNNTensorType(type))
        llvm::for_each(ir::sizesOf(cast<RankedTensorType>(type)), require);
  });
  return conditions;
}
