//===- Interfaces.h - what passes ask of single ops -------------*- C++ -*-===//
//
// The interfaces of Interfaces.td, and how their models get onto the ops of the nn dialect.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_PASSES_INTERFACES_H
#define KILN_PASSES_INTERFACES_H

#include <optional>

#include "kiln/semantics/dim_expr.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpDefinition.h"
#include "llvm/ADT/SmallVector.h"

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace kiln::passes {

/// Sizes of a tensor, as far as they are known.
using OptionalSizes = llvm::SmallVector<std::optional<semantics::DimExpr>>;

/// Attaches the models of InterfaceModels.cpp when the nn dialect is loaded. Passes that ask an interface call it
/// among their dependent dialects, so nobody else has to.
void registerInterfaceModels(mlir::DialectRegistry &registry);

} // namespace kiln::passes

#include "kiln/passes/Interfaces.h.inc"

#endif // KILN_PASSES_INTERFACES_H
