//===- Pipelines.cpp - the order in which passes run ----------------------===//
//
// See Pipelines.h, which says why the order is what it is.
//
//===----------------------------------------------------------------------===//

#include "kiln/passes/Pipelines.h"

#include "kiln/passes/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace kiln::passes {

/// Canonicalisation with CSE after it; each makes work for the other, and one round of both is enough on
/// straight-line code.
static void addCleanup(OpPassManager &pm) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void buildOptimizationPipeline(OpPassManager &pm, const OptimizationOptions &options) {
  pm.addPass(createResolveShapesPass());
  if (options.diagnose)
    pm.addPass(createDiagnosePass());
  pm.addNestedPass<func::FuncOp>(createDifferentiatePass());
  pm.addNestedPass<func::FuncOp>(createSpecializeModePass());
  addCleanup(pm);
  if (options.foldBatchNorm)
    pm.addNestedPass<func::FuncOp>(createFoldBatchNormPass());
  if (options.channelsLast) {
    ChannelsLastPassOptions channelsLast;
    channelsLast.panel = options.panel;
    pm.addNestedPass<func::FuncOp>(createChannelsLastPass(channelsLast));
  }
  if (options.layout) {
    LayoutPassOptions layout;
    layout.panel = options.panel;
    pm.addNestedPass<func::FuncOp>(createLayoutPass(layout));
  }
  addCleanup(pm);
  if (options.hoist)
    pm.addPass(createHoistPreparePass());
  if (options.rematerialize) {
    RematerializePassOptions rematerialize;
    rematerialize.maxCost = options.maxRecomputeCost;
    pm.addNestedPass<func::FuncOp>(createRematerializePass(rematerialize));
  }
  if (options.fuse) {
    FusePassOptions fuse;
    fuse.maxOps = options.maxFusedOps;
    pm.addNestedPass<func::FuncOp>(createFusePass(fuse));
  }
  addCleanup(pm);
}

void registerOptimizationPipeline() {
  PassPipelineRegistration<OptimizationOptions>(
      "nn-optimize", "Optimise an nn program: from the importer's output to what the schedule lowers",
      [](OpPassManager &pm, const OptimizationOptions &options) { buildOptimizationPipeline(pm, options); });
}

} // namespace kiln::passes
