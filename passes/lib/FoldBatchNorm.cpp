//===- FoldBatchNorm.cpp - affine maps folded into weights ----------------===//
//
// Defines nn-fold-batch-norm. Which ops have weights to fold into, and how, is said by ChannelScalableInterface; the
// algebra is here, once.
//
//===----------------------------------------------------------------------===//

#include "PassRemarks.h"
#include "StateDependence.h"
#include "kiln/ir/Build.h"
#include "kiln/ir/Statistics.h"
#include "kiln/passes/Interfaces.h"
#include "kiln/passes/Passes.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace kiln::passes {

static ir::Statistic numFolded("nn-fold-batch-norm", "Number of affine maps folded into weights");
static ir::Statistic numMissed("nn-fold-batch-norm", "Number of affine maps left where they are");

#define GEN_PASS_DEF_FOLDBATCHNORMPASS
#include "kiln/passes/Passes.h.inc"

namespace {

constexpr llvm::StringLiteral kPass = "nn-fold-batch-norm";

/// Why the map can't be folded into the op before it, as a clause; empty when it can.
std::string obstacle(ir::ChannelAffineOp affine, const StateDependence &dependence) {
  Operation *producer = affine.getInput().getDefiningOp();
  if (!producer)
    return "its input is an input of the function";
  auto scalable = dyn_cast<ChannelScalableInterface>(producer);
  if (!scalable)
    return llvm::formatv("its input is the result of {0}, which has no weight to fold into", producer->getName()).str();
  if (scalable.getChannelDim() != 1)
    return llvm::formatv("dimension {0} of {1}'s result holds its output features, not dimension 1", scalable.getChannelDim(),
                         producer->getName())
        .str();
  if (!affine.getInput().hasOneUse())
    return llvm::formatv("the result of {0} has {1} uses", producer->getName(),
                         std::distance(affine.getInput().use_begin(), affine.getInput().use_end()))
        .str();
  std::pair<const char *, Value> parameters[] = {{"weight", scalable.getScaledWeight()},
                                                 {"bias", scalable.getScaledBias()},
                                                 {"scale", affine.getScale()},
                                                 {"shift", affine.getShift()}};
  for (auto [name, value] : parameters)
    if (value && !dependence.onStateAlone(value))
      return llvm::formatv("the {0} is not fixed: {1}", name, dependence.reason(value)).str();
  return {};
}

struct FoldBatchNorm : impl::FoldBatchNormPassBase<FoldBatchNorm> {
  void getDependentDialects(DialectRegistry &registry) const override { registerInterfaceModels(registry); }

  void runOnOperation() override {
    StateDependence dependence(getOperation());
    SmallVector<ir::ChannelAffineOp> affines;
    getOperation().walk([&](ir::ChannelAffineOp affine) { affines.push_back(affine); });
    for (ir::ChannelAffineOp affine : affines) { // in program order: a chain of maps folds one by one
      if (std::string reason = obstacle(affine, dependence); !reason.empty()) {
        ++numMissed;
        missedRemark(affine, kPass, "fold") << remark::reason("{0}", reason);
        continue;
      }
      ++numFolded;
      Operation *producer = affine.getInput().getDefiningOp();
      passedRemark(affine, kPass, "fold") << remark::add("folded into {0} of {1}", producer->getName().getStringRef().str(),
                                                         ir::describeLocation(producer->getLoc()));
      fold(affine, cast<ChannelScalableInterface>(producer), dependence);
    }
  }

  /// scale * (W x + b) + shift = (scale * W) x + (scale * b + shift).
  static void fold(ir::ChannelAffineOp affine, ChannelScalableInterface producer, StateDependence &dependence) {
    OpBuilder builder(affine);
    Location location = affine.getLoc();
    auto known = [&](Value value) {
      dependence.add(value.getDefiningOp());
      return value;
    };

    // The scale as a column (or whatever shape lines it up with the weight's channels).
    auto weightType = cast<RankedTensorType>(producer.getScaledWeight().getType());
    std::vector<semantics::DimExpr> aligned(weightType.getRank(), 1);
    aligned[producer.getWeightChannelDim()] = weightType.getDimSize(producer.getWeightChannelDim());
    Value column = known(ir::createOp<ir::ReshapeOp>(builder, location, {affine.getScale()}, {{"shape", aligned}}));

    Value weight = known(ir::MulOp::create(builder, location, producer.getScaledWeight(), column));
    Value bias = affine.getShift();
    if (Value old = producer.getScaledBias()) {
      Value scaled = known(ir::MulOp::create(builder, location, old, affine.getScale()));
      bias = known(ir::AddOp::create(builder, location, scaled, bias));
    }
    Location both = FusedLoc::get(builder.getContext(), {producer->getLoc(), location});
    Value folded = producer.buildWith(builder, both, weight, bias);
    dependence.add(folded.getDefiningOp());
    affine.getOutput().replaceAllUsesWith(folded);
    affine.erase();
    producer->erase();
  }
};

} // namespace
} // namespace kiln::passes
