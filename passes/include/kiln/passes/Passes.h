//===- Passes.h - nn to nn passes -------------------------------*- C++ -*-===//
//
// Constructors, options and registration of the passes that rewrite the nn dialect into itself. Passes.td documents
// each of them; Pipelines.h says in which order they run.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_PASSES_PASSES_H
#define KILN_PASSES_PASSES_H

#include <cstdint>
#include <memory>

#include "mlir/Pass/Pass.h"

namespace kiln::passes {

#define GEN_PASS_DECL
#include "kiln/passes/Passes.h.inc"

/// Registers every pass of this room, and the pipelines of Pipelines.h, with MLIR's global registry, for tools that
/// read pass pipelines from the command line.
void registerKilnPasses();

} // namespace kiln::passes

#endif // KILN_PASSES_PASSES_H
