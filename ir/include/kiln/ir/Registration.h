//===- Registration.h - What tools load ----------------------------*- C++ -*-===//
//
// Registers the dialect and those that its modules use.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_IR_REGISTRATION_H
#define KILN_IR_REGISTRATION_H

namespace mlir {
class DialectRegistry;
}

namespace kiln::ir {

/// nn, and func, arith, math: what a module holds between import and schedule.
void registerDialects(mlir::DialectRegistry &registry);

} // namespace kiln::ir

#endif // KILN_IR_REGISTRATION_H
