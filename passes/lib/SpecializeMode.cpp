//===- SpecializeMode.cpp - evaluation mode made explicit -----------------===//
//
// Defines nn-specialize-mode: dropout and batch norm outside training become nothing and an affine map per channel.
//
//===----------------------------------------------------------------------===//

#include "PassRemarks.h"
#include "kiln/ir/Build.h"
#include "kiln/ir/Statistics.h"
#include "kiln/passes/Passes.h"

using namespace mlir;

namespace kiln::passes {

static ir::Statistic numDropouts("nn-specialize-mode", "Number of dropouts removed");
static ir::Statistic numBatchNorms("nn-specialize-mode", "Number of batch norms turned into affine maps");
static ir::Statistic numTraining("nn-specialize-mode", "Number of ops left alone because they are in training mode");

#define GEN_PASS_DEF_SPECIALIZEMODEPASS
#include "kiln/passes/Passes.h.inc"

namespace {

constexpr llvm::StringLiteral kPass = "nn-specialize-mode";

/// Scale and shift of a batch norm with fixed statistics, in the order of operations of PyTorch's CPU kernel.
std::pair<Value, Value> buildAffine(OpBuilder &builder, ir::BatchNormOp norm) {
  Location location = norm.getLoc();
  Value variance = norm.getRunningVar();
  auto dtype = *ir::toDType(cast<RankedTensorType>(variance.getType()).getElementType());
  Value eps = ir::createOp<ir::FullOp>(
      builder, location, {},
      {{"value", norm.getEps().convertToDouble()}, {"shape", std::vector<semantics::DimExpr>()}, {"dtype", dtype}});
  Value scale = ir::RsqrtOp::create(builder, location, ir::AddOp::create(builder, location, variance, eps));
  if (Value weight = norm.getWeight())
    scale = ir::MulOp::create(builder, location, weight, scale);
  Value shift = ir::MulOp::create(builder, location, norm.getRunningMean(), scale);
  if (Value bias = norm.getBias())
    shift = ir::SubOp::create(builder, location, bias, shift);
  else
    shift = ir::NegOp::create(builder, location, shift);
  return {scale, shift};
}

struct SpecializeMode : impl::SpecializeModePassBase<SpecializeMode> {
  void runOnOperation() override {
    getOperation().walk([&](Operation *op) {
      if (auto dropout = dyn_cast<ir::DropoutOp>(op))
        visit(dropout);
      else if (auto norm = dyn_cast<ir::BatchNormOp>(op))
        visit(norm);
    });
  }

  void visit(ir::DropoutOp dropout) {
    if (dropout.getTraining() && !dropout.getP().isZero()) {
      ++numTraining;
      missedRemark(dropout, kPass, "dropout") << remark::reason("it is in training mode and draws random numbers");
      return;
    }
    ++numDropouts;
    passedRemark(dropout, kPass, "dropout") << remark::add("removed: {0}",
                                                           dropout.getTraining() ? "its probability is 0" : "evaluation mode");
    dropout.replaceAllUsesWith(dropout.getInput());
    dropout.erase();
  }

  void visit(ir::BatchNormOp norm) {
    if (norm.getTraining()) {
      ++numTraining;
      missedRemark(norm, kPass, "batch_norm") << remark::reason("it is in training mode and uses the batch's own statistics");
      return;
    }
    if (!norm.getRunningMean() || !norm.getRunningVar()) {
      missedRemark(norm, kPass, "batch_norm") << remark::reason("it has no running statistics");
      return;
    }
    ++numBatchNorms;
    passedRemark(norm, kPass, "batch_norm") << remark::add("became an affine map per channel: evaluation mode");
    OpBuilder builder(norm);
    auto [scale, shift] = buildAffine(builder, norm);
    norm.getOutput().replaceAllUsesWith(
        ir::ChannelAffineOp::create(builder, norm.getLoc(), norm.getInput(), scale, shift).getOutput());
    norm.erase();
  }
};

} // namespace
} // namespace kiln::passes
