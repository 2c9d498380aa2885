//===- remarks.h - what was optimised, at the user's lines ------*- C++ -*-===//
//
// Prints MLIR's optimisation remarks in the shape of the driver's other messages.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_TOOLS_KILN_REMARKS_H
#define KILN_TOOLS_KILN_REMARKS_H

namespace mlir {
class MLIRContext;
} // namespace mlir

namespace kiln::tools {

/// From now on, each fold, fusion or hoisting that passes do or miss in `context` is printed. Passes run on one thread then, so
/// that the order is the program's.
void printRemarks(mlir::MLIRContext &context);

} // namespace kiln::tools

#endif // KILN_TOOLS_KILN_REMARKS_H
