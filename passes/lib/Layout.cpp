//===- Layout.cpp - weights in the order that kernels read ----------------===//
//
// Defines nn-layout: linear layers read their weight from panels that are packed once, and their bias becomes an add
// that fusion takes up.
//
//===----------------------------------------------------------------------===//

#include "PassRemarks.h"
#include "StateDependence.h"
#include "kiln/ir/Build.h"
#include "kiln/ir/Statistics.h"
#include "kiln/passes/Passes.h"

using namespace mlir;

namespace kiln::passes {

static ir::Statistic numPacked("nn-layout", "Number of matrix products whose weight is read from panels");
static ir::Statistic numMissed("nn-layout", "Number of matrix products whose weight stays as it is");

#define GEN_PASS_DEF_LAYOUTPASS
#include "kiln/passes/Passes.h.inc"

namespace {

constexpr llvm::StringLiteral kPass = "nn-layout";

struct Layout : impl::LayoutPassBase<Layout> {
  using LayoutPassBase::LayoutPassBase;

  LogicalResult initialize(MLIRContext *context) override {
    if (panel > 0)
      return success();
    return emitError(UnknownLoc::get(context)) << "nn-layout: panel must be at least 1, and is " << panel.getValue();
  }

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!function->hasAttr(ir::NNDialect::kEntryAttrName))
      return;
    StateDependence dependence(function);
    SmallVector<ir::LinearOp> linears;
    function.walk([&](ir::LinearOp linear) { linears.push_back(linear); });
    for (ir::LinearOp linear : linears)
      rewrite(linear, dependence);
  }

  void rewrite(ir::LinearOp linear, const StateDependence &dependence) {
    OpBuilder builder(linear);
    Location location = linear.getLoc();
    auto weightType = cast<RankedTensorType>(linear.getWeight().getType());
    Value product;
    if (std::string reason = obstacle(linear, weightType, dependence); reason.empty()) {
      ++numPacked;
      passedRemark(linear, kPass, "pack") << remark::add("weight {0} packed in panels of {1} outputs",
                                                         ir::shapeText(weightType), panel.getValue());
      Value packed = ir::createOp<ir::PackPanelsOp>(builder, location, {linear.getWeight()}, {{"panel", panel.getValue()}});
      product = ir::createOp<ir::PackedLinearOp>(builder, location, {linear.getInput(), packed},
                                                 {{"out_features", weightType.getDimSize(0)}});
    } else {
      ++numMissed;
      missedRemark(linear, kPass, "pack") << remark::reason("{0}", reason);
      if (!linear.getBias() || addsBiasBeforeRounding(linear))
        return;
      product = ir::LinearOp::create(builder, location, linear.getInput(), linear.getWeight(), Value());
    }
    if (Value bias = linear.getBias())
      product = ir::AddOp::create(builder, location, product, bias);
    linear.getOutput().replaceAllUsesWith(product);
    linear.erase();
  }

  static std::string obstacle(ir::LinearOp linear, RankedTensorType weightType, const StateDependence &dependence) {
    if (!dependence.onStateAlone(linear.getWeight()))
      return "the weight is not fixed: " + dependence.reason(linear.getWeight());
    if (!isa<FloatType>(weightType.getElementType()))
      return "the weight holds integers, which have no kernel for panels";
    if (weightType.getNumElements() == 0)
      return "the weight has no elements";
    if (linear.getBias() && addsBiasBeforeRounding(linear))
      return "the bias is added before the sum is rounded to 16 bits";
    return {};
  }

  /// Sums of 16-bit floats are f32; an add of its own would see them rounded.
  static bool addsBiasBeforeRounding(ir::LinearOp linear) {
    return isa<Float16Type, BFloat16Type>(getElementTypeOrSelf(linear.getOutput().getType()));
  }
};

} // namespace
} // namespace kiln::passes
