//===- Gradients.h - rules of differentiation -------------------*- C++ -*-===//
//
// How the rules of lib/gradients, models of ir::DifferentiableOpInterface, get onto the ops of the nn dialect.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_PASSES_GRADIENTS_H
#define KILN_PASSES_GRADIENTS_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace kiln::passes {

/// Attaches all rules when the nn dialect is loaded. nn-differentiate calls it among its dependent dialects, so nobody
/// else has to.
void registerGradientRules(mlir::DialectRegistry &registry);

} // namespace kiln::passes

#endif // KILN_PASSES_GRADIENTS_H
