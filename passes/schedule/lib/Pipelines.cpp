//===- Pipelines.cpp - the schedule's pipeline ----------------------------===//
//
// See Passes.h.
//
//===----------------------------------------------------------------------===//

#include "kiln/schedule/Passes.h"

#include "mlir/Pass/PassRegistry.h"

namespace kiln::schedule {

#define GEN_PASS_REGISTRATION
#include "kiln/schedule/Passes.h.inc"

void buildSchedulePipeline(mlir::OpPassManager &pm, const SchedulePipelineOptions &options) {
  pm.addPass(createNnToSchedulePass());
  if (options.shareKernels)
    pm.addPass(createScheduleShareKernelsPass());
  pm.addNestedPass<FuncOp>(createSchedulePlanMemoryPass());
}

void registerSchedulePasses() {
  registerKilnSchedulePasses();
  mlir::PassPipelineRegistration<>("nn-schedule", "Lower an nn program to kernels, launches and planned memory",
                                   [](mlir::OpPassManager &pm) { buildSchedulePipeline(pm); });
}

} // namespace kiln::schedule
