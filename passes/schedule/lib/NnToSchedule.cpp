//===- NnToSchedule.cpp - the pass nn-to-schedule -------------------------===//
//
// Lowers every function of a module; Passes.td says what becomes of what.
//
//===----------------------------------------------------------------------===//

#include "FunctionLowering.h"
#include "kiln/ir/Statistics.h"
#include "kiln/schedule/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace kiln::schedule {

static ir::Statistic numKernels("nn-to-schedule", "Number of kernels made");
static ir::Statistic numLaunches("nn-to-schedule", "Number of launches, of which each names a kernel");
static ir::Statistic numCopies("nn-to-schedule", "Number of launches that only copy");

#define GEN_PASS_DEF_NNTOSCHEDULEPASS
#include "kiln/schedule/Passes.h.inc"

namespace {

struct NnToSchedulePass : public impl::NnToSchedulePassBase<NnToSchedulePass> {
  void runOnOperation() override {
    mlir::ModuleOp module = getOperation();
    KernelTable kernels(module);
    LoweringCounts counts;
    for (auto function : llvm::make_early_inc_range(module.getOps<mlir::func::FuncOp>()))
      if (mlir::failed(lowerFunction(function, kernels, counts)))
        return signalPassFailure();
    numKernels += kernels.size();
    numLaunches += counts.launches;
    numCopies += counts.copies;
  }
};

} // namespace

} // namespace kiln::schedule
