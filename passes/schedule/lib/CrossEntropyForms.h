//===- CrossEntropyForms.h - the kernels of a cross entropy -------*- C++ -*-===//
//
// A loss is rows that are independent, and a sum over them, which is not. Two kernels, so that the first can be split.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_SCHEDULE_LIB_CROSSENTROPYFORMS_H
#define KILN_SCHEDULE_LIB_CROSSENTROPYFORMS_H

#include "KernelForm.h"

namespace kiln::schedule {

/// The kernels of nn.cross_entropy and nn.cross_entropy_backward, as `formsOf` gives them; none for another op.
///
///   nn.cross_entropy          (input, target, weight?) -> the loss of each row; in f64 where they are still to be added up
///   nn.cross_entropy_total    (losses, target, weight?) -> their sum, divided by the sum of the weights if `mean`
///   nn.cross_entropy_count    (target, weight?) -> the sum of the weights of all rows, f64
///   nn.cross_entropy_backward (grad, input, target, count if `mean`, weight?) -> the gradient of the input
///
/// All have `ignore_index`; the first and the last `label_smoothing`; all `weighted`, whether there is a weight.
llvm::SmallVector<KernelForm, 1> formsOfCrossEntropy(mlir::Operation *op);

} // namespace kiln::schedule

#endif // KILN_SCHEDULE_LIB_CROSSENTROPYFORMS_H
