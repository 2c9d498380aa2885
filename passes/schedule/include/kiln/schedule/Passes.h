//===- Passes.h - passes of the schedule ------------------------*- C++ -*-===//
//
// Declares the passes of Passes.td and the pipeline that runs them: the last step before a back end.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_SCHEDULE_PASSES_H
#define KILN_SCHEDULE_PASSES_H

#include "kiln/schedule/Schedule.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace kiln::schedule {

#define GEN_PASS_DECL
#include "kiln/schedule/Passes.h.inc"

struct SchedulePipelineOptions {
  /// Whether kernels that differ in constant sizes only become one. Not for CUDA: a kernel takes its compiler a tenth of a second, and
  /// run-time sizes take registers.
  bool shareKernels = true;
};

/// Appends nn-to-schedule, schedule-share-kernels and schedule-plan-memory to `pm`, a pass manager of builtin.module.
void buildSchedulePipeline(mlir::OpPassManager &pm, const SchedulePipelineOptions &options = {});

/// Registers the passes, and the pipeline as `nn-schedule`, with MLIR's global registry.
void registerSchedulePasses();

} // namespace kiln::schedule

#endif // KILN_SCHEDULE_PASSES_H
