//===- Registration.cpp - passes and pipelines by name --------------------===//
//
// Makes the passes of Passes.td and the pipelines of Pipelines.h known to MLIR's global registry.
//
//===----------------------------------------------------------------------===//

#include "kiln/passes/Passes.h"
#include "kiln/passes/Pipelines.h"

namespace kiln::passes {

namespace {
#define GEN_PASS_REGISTRATION
#include "kiln/passes/Passes.h.inc"
} // namespace

void registerKilnPasses() {
  registerKilnGeneratedPasses();
  registerOptimizationPipeline();
}

} // namespace kiln::passes
