//===- Pipelines.h - the order in which passes run --------------*- C++ -*-===//
//
// One function builds the optimisation of nn programs, from the importer's output to what the schedule lowers. The
// driver and kiln-opt (`--nn-optimize`) both call it, so a failing program can be taken apart pass by pass outside
// the driver.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_PASSES_PIPELINES_H
#define KILN_PASSES_PIPELINES_H

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace kiln::passes {

/// What may be turned off or tuned in `buildOptimizationPipeline`. The defaults are what the driver uses.
struct OptimizationOptions : public mlir::PassPipelineOptions<OptimizationOptions> {
  Option<bool> diagnose{*this, "diagnose", llvm::cl::desc("Warn about programs that are most likely not meant"),
                        llvm::cl::init(true)};
  Option<bool> foldBatchNorm{*this, "fold-batch-norm",
                             llvm::cl::desc("Multiply batch norms of evaluation mode into the weights before them"),
                             llvm::cl::init(true)};
  Option<bool> channelsLast{*this, "channels-last",
                            llvm::cl::desc("Compute convolutions and what follows them with the channels last"),
                            llvm::cl::init(true)};
  Option<bool> layout{*this, "layout", llvm::cl::desc("Pack the weights of matrix products into panels"), llvm::cl::init(true)};
  Option<int64_t> panel{*this, "panel", llvm::cl::desc("Output features a panel of packed weights"), llvm::cl::init(32)};
  Option<bool> hoist{*this, "hoist", llvm::cl::desc("Compute what depends on state alone once, in prepare functions"),
                     llvm::cl::init(true)};
  Option<bool> rematerialize{*this, "rematerialize",
                             llvm::cl::desc("Compute cheap values again instead of keeping them for gradients"),
                             llvm::cl::init(true)};
  Option<unsigned> maxRecomputeCost{*this, "max-recompute-cost",
                                    llvm::cl::desc("Scalar work an element that computing a value again may cost"),
                                    llvm::cl::init(16)};
  Option<bool> fuse{*this, "fuse", llvm::cl::desc("Join element-wise ops to each other and to what produces their input"),
                    llvm::cl::init(true)};
  Option<unsigned> maxFusedOps{*this, "max-fused-ops", llvm::cl::desc("Element-wise ops a fused region may have"),
                               llvm::cl::init(64)};
};

// clang-format off
/// Appends the passes to `pm`, a pass manager of builtin.module:
///
///   resolve shapes           everything after relies on types; so does the verifier, which is why text with open types is
///                            parsed without it
///   diagnose                 before anything else is rewritten, so that warnings are about the user's own program
///   differentiate            while ops stand as the user wrote them: the gradient of a batch norm in evaluation mode is
///                            PyTorch's, not that of the map it becomes
///   specialise mode          then canonicalise and CSE: a dropout gone may join its neighbours, a read twice is read once,
///                            gradients and forward computation share what is equal
///   fold batch norm, channels last, layout
///                            still on whole functions, where a product and its affine map are neighbours; CSE after
///   hoist                    before fusion, so that fusion never puts what should be hoisted into one region with what
///                            can't be
///   rematerialise            directly before fusion: copies are meant to join their users, and CSE would undo them
///   fuse                     in entry functions and in prepare functions; canonicalise and CSE after
// clang-format on
void buildOptimizationPipeline(mlir::OpPassManager &pm, const OptimizationOptions &options);

/// Registers the pipeline as `nn-optimize`.
void registerOptimizationPipeline();

} // namespace kiln::passes

#endif // KILN_PASSES_PIPELINES_H
