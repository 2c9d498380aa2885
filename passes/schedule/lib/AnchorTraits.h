//===- AnchorTraits.h - what the schedule knows of anchors --------*- C++ -*-===//
//
// The schedule treats all anchors alike but for a few questions: how they are split, what they cost, how they are called, which results
// they may compute in the memory of which operands, and for which of their sizes they have code of their own. The answers are in one
// table, by the anchor's name; an anchor that is not in it is run as rows of its result.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_SCHEDULE_LIB_ANCHORTRAITS_H
#define KILN_SCHEDULE_LIB_ANCHORTRAITS_H

#include "kiln/schedule/Schedule.h"

#include <string>

namespace kiln::schedule {

/// The independent units of a launch, on one or two axes.
using Grid = llvm::SmallVector<semantics::DimExpr, 2>;

struct AnchorTraits {
  /// [..., in] to [..., out], the leading dimensions all alike.
  bool rowsOfFeatures = false;
  Grid (*grid)(KernelOp) = nullptr;
  /// Time on one core, body excluded, in 64ths of a nanosecond.
  semantics::DimExpr (*cost)(KernelOp) = nullptr;
  /// What is part of the kernel's name beside the anchor's: "784x512". May be null.
  std::string (*shapeName)(KernelOp) = nullptr;
  /// See mayShareMemory in InPlace.h; null where no result may.
  bool (*mayShareMemory)(KernelOp, unsigned result, unsigned operand) = nullptr;
  /// An attribute that the kernel's types say already; may be null.
  const char *impliedAttribute = nullptr;
  /// Whether its code is worth having for every combination of constant sizes.
  bool hasOwnSizes = false;
  /// An operand in panels: the width of a panel, its last size, is part of the code. -1: none.
  int panels = -1;
};

/// The traits of an anchor, or of a map for an empty name.
const AnchorTraits &anchorTraits(llvm::StringRef anchor);

/// The whole launch, the anchor's cost and the body's, in nanoseconds.
semantics::DimExpr costOf(KernelOp kernel);

/// "f32_packed_linear_784x512_bias_relu". Not unique.
std::string kernelName(KernelOp kernel);

/// `name`, or with a number behind it where the module has a symbol of that name.
std::string freeName(mlir::ModuleOp module, const std::string &name);

} // namespace kiln::schedule

#endif // KILN_SCHEDULE_LIB_ANCHORTRAITS_H
