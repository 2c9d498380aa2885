//===- KernelNames.cpp - names that say what a kernel is ------------------===//
//
// Element type, anchor, sizes, epilogue: what a person who reads a profile or a disassembly needs first.
//
//===----------------------------------------------------------------------===//

#include "AnchorTraits.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace kiln::schedule {

/// Longer epilogues are named by their length.
static constexpr size_t kMaxSteps = 6;

static std::string elementName(Type type) {
  std::string name;
  llvm::raw_string_ostream(name) << type;
  return name == "i1" ? "bool" : name;
}

/// "bias" for a vector along the last dimension that is added to an anchor's result; otherwise "add".
static std::string additionName(KernelOp kernel, Operation &op) {
  if (!kernel.getAnchor())
    return "add";
  for (Value operand : op.getOperands()) {
    auto argument = dyn_cast<BlockArgument>(operand);
    if (!argument || argument.getArgNumber() == 0)
      continue;
    AffineMap map = kernel.getExtraMap(argument.getArgNumber() - 1);
    if (map.getNumResults() == 1 && map.getResult(0) == getAffineDimExpr(map.getNumDims() - 1, kernel.getContext()))
      return "bias";
  }
  return "add";
}

/// What a select computes: "relu" when it takes zero below zero; "maximum" or "minimum" when it takes the larger or smaller of two
/// values, where a further select may keep a NaN.
static StringRef selectName(arith::SelectOp select) {
  auto compare = select.getCondition().getDefiningOp<arith::CmpFOp>();
  if (!compare)
    return "select";
  Value yes = select.getTrueValue(), no = select.getFalseValue();
  switch (compare.getPredicate()) {
  case arith::CmpFPredicate::UNO:
    if (auto inner = no.getDefiningOp<arith::SelectOp>())
      return selectName(inner);
    return "select";
  case arith::CmpFPredicate::OLT:
    if (compare.getRhs() == yes && compare.getLhs() == no && matchPattern(yes, m_AnyZeroFloat()))
      return "relu";
    return compare.getLhs() == yes && compare.getRhs() == no ? "minimum" : "select";
  case arith::CmpFPredicate::OGT:
    return compare.getLhs() == yes && compare.getRhs() == no ? "maximum" : "select";
  default:
    return "select";
  }
}

/// Whether the op only serves another one, which is named: a condition of selects, the inner select of two, or 16-bit floats widened
/// to be computed with.
static bool isPartOfAnother(Operation &op) {
  if (isa<arith::CmpFOp, arith::SelectOp>(op) && llvm::all_of(op.getUsers(), [](Operation *user) {
        auto select = dyn_cast<arith::SelectOp>(user);
        return select && selectName(select) != "select";
      }))
    return true;
  auto isNarrow = [](Type type) { return isa<Float16Type, BFloat16Type>(type); };
  return (isa<arith::ExtFOp>(op) && isNarrow(op.getOperand(0).getType())) ||
         (isa<arith::TruncFOp>(op) && isNarrow(op.getResult(0).getType()));
}

static std::string stepName(KernelOp kernel, Operation &op) {
  if (auto select = dyn_cast<arith::SelectOp>(op))
    return selectName(select).str();
  if (isa<arith::AddFOp, arith::AddIOp>(op))
    return additionName(kernel, op);
  if (isa<arith::MaximumFOp, arith::MaxSIOp>(op) &&
      llvm::any_of(op.getOperands(), [](Value v) { return matchPattern(v, m_AnyZeroFloat()) || matchPattern(v, m_Zero()); }))
    return "relu";
  if (isa<CastOpInterface>(op))
    return "cast";
  StringRef name = op.getName().stripDialect();
  // The type is said at the beginning of the kernel's name.
  if (op.getName().getDialectNamespace() == "arith" && name.size() > 3)
    name.consume_back("f") || name.consume_back("si") || name.consume_back("ui") || name.consume_back("i");
  return name.str();
}

std::string kernelName(KernelOp kernel) {
  SmallVector<std::string> steps;
  bool computes = false;
  for (Operation &op : kernel.getBodyBlock().without_terminator()) {
    if (op.hasTrait<OpTrait::ConstantLike>())
      continue;
    computes = true;
    if (isPartOfAnother(op))
      continue;
    std::string step = stepName(kernel, op);
    if (steps.empty() || step != "cast" || steps.back() != step) // a conversion may take two steps
      steps.push_back(step);
  }
  if (steps.empty() && computes) // between a 16-bit float and another one
    steps.push_back("cast");
  std::string body = llvm::join(steps, "_");
  if (size_t at = body.find("neg_exp_add_div"); at != std::string::npos)
    body.replace(at, StringRef("neg_exp_add_div").size(), "sigmoid");
  else if (steps.size() > kMaxSteps)
    body = "fused" + std::to_string(steps.size());

  StringRef anchor = kernel.getAnchor().value_or("");
  std::string name = elementName(kernel.getResultType().getElementType());
  auto append = [&](StringRef part) {
    if (!part.empty())
      name += ("_" + part).str();
  };
  if (anchor.empty() && body.empty())
    body = kernel.getNumExtras() == 0 ? "fill" : kernel.getExtraMap(0).isIdentity() ? "copy" : "move";
  const AnchorTraits &traits = anchorTraits(anchor);
  std::string shape = traits.shapeName ? traits.shapeName(kernel) : "";
  if (anchor.empty()) {
    append(body);
    append(shape);
  } else {
    append(anchor.substr(anchor.rfind('.') + 1));
    append(shape);
    append(body);
  }
  return name;
}

} // namespace kiln::schedule
