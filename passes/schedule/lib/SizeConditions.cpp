//===- SizeConditions.cpp - What the sizes of a call must satisfy ---------===//
//
// Implements sizeConditions: what the program asks for, and what its slices and sizes need. Symbols are sizes of inputs and so
// never negative; an expression that can be shown not to be negative for any of them needs no check.
//
//===----------------------------------------------------------------------===//

#include "SizeConditions.h"

#include "kiln/ir/Locations.h"
#include "kiln/ir/Ops.h"
#include "kiln/ir/Types.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace kiln;
using semantics::DimExpr;

/// "\n  (model.cpp:12)"; empty where the line is not known. The file's name alone: where the source lay must not change the
/// program.
static std::string lineOf(Location location) {
  FileLineColLoc position = ir::sourceOf(location);
  if (!position)
    return {};
  StringRef file = position.getFilename().getValue();
  return ("\n  (" + file.substr(file.rfind('/') + 1) + ":" + Twine(position.getLine()) + ")").str();
}

/// The largest size that the type has, and PyTorch's name of the type; empty where all fit.
static std::optional<std::pair<int64_t, StringRef>> largestSize(Type type) {
  if (type.isF16())
    return std::pair(int64_t{65519}, StringRef("c10::Half")); // rounds to the largest finite number
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer || integer.getWidth() == 1 || integer.getWidth() == 64)
    return std::nullopt;
  if (integer.isUnsigned())
    return std::pair(int64_t{UINT8_MAX}, StringRef("uint8_t"));
  return std::pair((int64_t{1} << (integer.getWidth() - 1)) - 1, StringRef(integer.getWidth() == 8    ? "int8_t"
                                                                           : integer.getWidth() == 16 ? "int16_t"
                                                                                                      : "int"));
}

std::vector<kiln::schedule::SizeCondition> kiln::schedule::sizeConditions(func::FuncOp function) {
  std::vector<SizeCondition> conditions;
  auto require = [&](const DimExpr &expression, const Twine &message) {
    if (!expression.is_never_negative() &&
        llvm::none_of(conditions, [&](const SizeCondition &known) { return known.expression == expression; }))
      conditions.push_back({expression, message.str()});
  };
  auto requireSize = [&](const DimExpr &expression, Operation *op) {
    require(expression, "sizes are too small: " + op->getName().stripDialect() + " needs " + expression.text() +
                            " to be 0 or more" + lineOf(op->getLoc()));
  };
  auto requireSlice = [&](Operation *op, Value whole, int64_t dim, const DimExpr &start, const DimExpr &end) {
    requireSize(start, op);
    requireSize(end - start, op);
    requireSize(ir::sizeOf(cast<RankedTensorType>(whole.getType()), dim) - end, op);
  };
  function.walk([&](Operation *op) {
    if (auto asked = dyn_cast<ir::RequireOp>(op))
      require(asked.getCondition().getExpression(), asked.getMessage() + lineOf(op->getLoc()));
    else if (auto slice = dyn_cast<ir::SliceOp>(op))
      requireSlice(op, slice.getInput(), slice.getDim(), slice.getStart().getExpression(), slice.getEnd().getExpression());
    else if (auto scatter = dyn_cast<ir::SliceScatterOp>(op))
      requireSlice(op, scatter.getInput(), scatter.getDim(), scatter.getStart().getExpression(),
                   scatter.getEnd().getExpression());
    else if (auto full = dyn_cast<ir::FullOp>(op))
      if (auto size = dyn_cast<ir::DimAttr>(full.getValue()))
        if (auto largest = largestSize(full.getDtype()))
          require(DimExpr(largest->first) - size.getExpression(), "value cannot be converted to type " + largest->second +
                                                                      " without overflow\nthe value is " + size.getText() +
                                                                      lineOf(op->getLoc()));
    for (Type type : op->getResultTypes())
      if (ir::isNNTensorType(type))
        for (const DimExpr &size : ir::sizesOf(cast<RankedTensorType>(type)))
          requireSize(size, op);
  });
  return conditions;
}
