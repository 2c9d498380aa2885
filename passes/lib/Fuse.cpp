//===- Fuse.cpp - element-wise ops join what produces their input ---------===//
//
// Defines nn-fuse. Regions grow from their last op backwards: ops of a block are visited from the last to the first,
// so by the time a producer is looked at, it is known whether all its uses are in the region.
//
//===----------------------------------------------------------------------===//

#include "FusionRegion.h"
#include "PassRemarks.h"
#include "kiln/ir/Statistics.h"
#include "kiln/passes/Interfaces.h"
#include "kiln/passes/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/PriorityQueue.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace kiln::passes {

static ir::Statistic numRegions("nn-fuse", "Number of regions formed");
static ir::Statistic numAnchored("nn-fuse", "Number of regions with an anchor");
static ir::Statistic numOps("nn-fuse", "Number of element-wise ops in regions");
static ir::Statistic numMissed("nn-fuse", "Number of producers that could not join their consumer");

#define GEN_PASS_DEF_FUSEPASS
#include "kiln/passes/Passes.h.inc"

namespace {

constexpr llvm::StringLiteral kPass = "nn-fuse";

/// Sizes alone: element types within a region may differ (casts).
bool haveSameSizes(Operation *left, Operation *right) {
  auto leftType = cast<RankedTensorType>(left->getResult(0).getType());
  auto rightType = cast<RankedTensorType>(right->getResult(0).getType());
  return leftType.getShape() == rightType.getShape() && leftType.getEncoding() == rightType.getEncoding();
}

struct Fuse : impl::FusePassBase<Fuse> {
  using FusePassBase::FusePassBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    FusePassBase::getDependentDialects(registry);
    registerInterfaceModels(registry);
  }

  void runOnOperation() override {
    reported.clear();
    func::FuncOp function = getOperation();
    for (Block &block : function.getBody())
      fuse(block);
  }

private:
  void fuse(Block &block) {
    // Regions are formed first and written after, so that growing sees the function as it was.
    SmallVector<FusionRegion> regions;
    llvm::DenseSet<Operation *> taken;
    for (Operation &op : llvm::reverse(block)) {
      if (taken.contains(&op) || !isElementwise(&op))
        continue;
      FusionRegion region = grow(&op);
      if (!region.anchor && region.members.size() == 1 && !wrapSingleOps)
        continue;
      taken.insert(region.members.begin(), region.members.end());
      if (region.anchor)
        taken.insert(region.anchor);
      regions.push_back(std::move(region));
    }
    for (FusionRegion &region : llvm::reverse(regions))
      write(region);
    // Expansions that joined the maps of extra operands, and constants that joined bodies.
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
      if (isa<ir::ExpandOp, ir::FullOp, ir::ConstantOp>(op) && op.use_empty())
        op.erase();
  }

  void write(FusionRegion &region) {
    ++numRegions;
    numOps += region.members.size();
    if (region.anchor)
      ++numAnchored;
    if (region.anchor || region.members.size() > 1) {
      auto remark = passedRemark(region.anchor ? region.anchor : region.root, kPass, "fuse");
      if (remark) {
        SmallVector<Operation *> ops(region.members.begin(), region.members.end());
        llvm::sort(ops, [](Operation *left, Operation *right) { return left->isBeforeInBlock(right); });
        std::string names = region.anchor ? region.anchor->getName().getStringRef().str() + " <- " : std::string();
        llvm::interleave(
            ops, [&](Operation *op) { names += op->getName().stripDialect(); }, [&] { names += ", "; });
        remark << remark::add("{0}", names);
      }
    }
    region.materialize();
  }

  //===--------------------------------------------------------------------===//
  // Growing a region
  //===--------------------------------------------------------------------===//

  FusionRegion grow(Operation *root) {
    FusionRegion region;
    region.root = root;
    region.members.insert(root);
    SmallVector<Operation *> anchors; // the latest first

    auto isEarlier = [](Operation *left, Operation *right) { return left->isBeforeInBlock(right); };
    llvm::PriorityQueue<Operation *, std::vector<Operation *>, decltype(isEarlier)> candidates(isEarlier);
    llvm::DenseSet<Operation *> seen;
    auto addProducers = [&](Operation *op) {
      for (Value operand : op->getOperands())
        if (Operation *producer = operand.getDefiningOp();
            producer && producer->getBlock() == root->getBlock() && seen.insert(producer).second)
          candidates.push(producer);
    };
    addProducers(root);
    while (!candidates.empty()) { // the latest first: all its users in the region have been decided on
      Operation *producer = candidates.top();
      candidates.pop();
      bool anchor = !isElementwise(producer) && isAnchor(producer);
      if (!anchor && !isElementwise(producer))
        continue;
      if (std::string reason = obstacle(producer, region); !reason.empty()) {
        miss(producer, reason);
        continue;
      }
      if (anchor) {
        anchors.push_back(producer);
      } else {
        region.members.insert(producer);
        addProducers(producer);
      }
    }
    chooseAnchor(region, anchors);
    return region;
  }

  /// Why a producer that could be fused can't join the region, as a clause; empty when it can.
  std::string obstacle(Operation *producer, const FusionRegion &region) {
    if (!haveSameSizes(producer, region.root))
      return llvm::formatv("its result {0} is broadcast to {1}",
                           ir::shapeText(cast<RankedTensorType>(producer->getResult(0).getType())),
                           ir::shapeText(cast<RankedTensorType>(region.root->getResult(0).getType())));
    int64_t outside = 0, all = 0;
    for (OpOperand &use : producer->getUses()) {
      ++all;
      outside += !region.members.contains(use.getOwner());
    }
    if (outside > 0)
      return llvm::formatv("its result has {0} uses, {1} of them outside this region", all, outside);
    for (OpOperand &use : producer->getUses())
      if (!operandMap(use.getOwner(), use.getOperandNumber()).isIdentity())
        return llvm::formatv("{0} reads it in another order", use.getOwner()->getName());
    if (region.members.size() >= maxOps && isElementwise(producer))
      return llvm::formatv("the region has {0} ops, as many as max-ops allows", region.members.size());
    return {};
  }

  /// The latest anchor stays: the others' results are there when it runs. What leads to another anchor and not to it
  /// goes to that anchor's own region.
  void chooseAnchor(FusionRegion &region, ArrayRef<Operation *> anchors) {
    if (anchors.empty())
      return;
    region.anchor = anchors.front();
    if (anchors.size() == 1)
      return;
    for (Operation *other : anchors.drop_front())
      miss(other, llvm::formatv("the region already has {0} as its anchor", region.anchor->getName()).str());

    // Members were found from the root backwards, so operands come after their users.
    llvm::DenseSet<Operation *> toChosen = {region.anchor};
    llvm::DenseSet<Operation *> toOther(anchors.begin() + 1, anchors.end());
    for (Operation *member : llvm::reverse(region.members))
      for (Value operand : member->getOperands()) {
        if (toChosen.contains(operand.getDefiningOp()))
          toChosen.insert(member);
        if (toOther.contains(operand.getDefiningOp()))
          toOther.insert(member);
      }
    // Whatever has a user outside the smaller region goes too. No member that leads to the chosen anchor can: its
    // users lead there as well.
    FusionRegion smaller;
    smaller.root = region.root;
    smaller.anchor = region.anchor;
    for (Operation *member : region.members) {
      bool leadsAstray = toOther.contains(member) && !toChosen.contains(member);
      bool usedInside = llvm::all_of(member->getUsers(), [&](Operation *user) { return smaller.members.contains(user); });
      if (member == region.root || (!leadsAstray && usedInside))
        smaller.members.insert(member);
    }
    region = std::move(smaller);
  }

  void miss(Operation *producer, const std::string &reason) {
    if (!reported.insert(producer).second)
      return;
    ++numMissed;
    missedRemark(producer, kPass, "fuse") << remark::reason("{0}", reason);
  }

  /// Producers that have had their remark.
  llvm::DenseSet<Operation *> reported;
};

} // namespace
} // namespace kiln::passes
