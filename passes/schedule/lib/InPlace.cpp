//===- InPlace.cpp - destinations in the memory of operands ---------------===//
//
// See InPlace.h.
//
//===----------------------------------------------------------------------===//

#include "kiln/schedule/InPlace.h"

using namespace mlir;

namespace kiln::schedule {

/// The k-th list of results is the new value of a list of operands: parameters, which come first, then what the optimizer keeps,
/// which comes after the gradients.
static bool isUpdatedBy(KernelOp kernel, unsigned result, unsigned operand) {
  unsigned count = cast<IntegerAttr>(kernel.getAnchorAttribute("count")).getInt();
  unsigned list = result / count, number = result % count;
  return operand == (list == 0 ? number : (list + 1) * count + number);
}

/// Results 1 and 2 are the new running mean and variance; as operands these follow input, weight and bias, of which the last two
/// may be absent.
static bool isRunningStatistic(KernelOp kernel, unsigned result, unsigned operand) {
  unsigned present = 3;
  if (auto attribute = dyn_cast_if_present<DenseBoolArrayAttr>(kernel.getAnchorAttribute("present"))) {
    if (!attribute[3])
      return false;
    present = llvm::count(attribute.asArrayRef().take_front(3), true);
  }
  return (result == 1 || result == 2) && operand == present + result - 1;
}

bool mayShareMemory(KernelOp kernel, unsigned result, unsigned operand) {
  StringRef anchor = kernel.getAnchor().value_or("");
  if (anchor == "nn.sgd" || anchor == "nn.adam")
    return isUpdatedBy(kernel, result, operand);
  if (anchor == "nn.batch_norm")
    return isRunningStatistic(kernel, result, operand);
  if (!anchor.empty() && anchor != "nn.matmul")
    return false;
  unsigned anchors = kernel.getNumAnchorOperands();
  return operand >= anchors && kernel.getExtraMap(operand - anchors).isIdentity() &&
         kernel.getExtraType(operand - anchors) == kernel.getResultType(result);
}

} // namespace kiln::schedule
