//===- Rematerialize.cpp - cheap values computed again ---------------------===//
//
// Defines nn-rematerialize. A use of a value is *far* when a product, a sum or the like lies between it and the use
// before. Far uses of cheap values get a copy of their own when what the copy is computed from is there anyway.
//
//===----------------------------------------------------------------------===//

#include "FusionRegion.h"
#include "PassRemarks.h"
#include "PreparedPool.h"
#include "kiln/ir/Statistics.h"
#include "kiln/passes/Interfaces.h"
#include "kiln/passes/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace kiln::passes {

static ir::Statistic numValues("nn-rematerialize", "Number of values that live shorter");
static ir::Statistic numCopies("nn-rematerialize", "Number of ops that were built to compute values again");
static ir::Statistic numMissed("nn-rematerialize",
                               "Number of cheap values that live on because what they are computed from does not");

#define GEN_PASS_DEF_REMATERIALIZEPASS
#include "kiln/passes/Passes.h.inc"

namespace {

constexpr llvm::StringLiteral kPass = "nn-rematerialize";

/// What one element costs, in units of an addition: throughput of vector code on current CPUs, roughly.
unsigned scalarCost(Operation *op) {
  if (isa<math::MathDialect>(op->getDialect()))
    return isa<math::AbsFOp, math::AbsIOp>(op) ? 1 : isa<math::SqrtOp>(op) ? 4 : 8;
  if (op->hasTrait<OpTrait::ConstantLike>())
    return 0;
  return isa<arith::DivFOp, arith::DivSIOp>(op) ? 4 : 1;
}

/// Whether `op` needs no memory of its own in a region: an element-wise op, or an expansion, which joins a map.
bool isRecomputable(Operation *op) { return isa<ir::ExpandOp>(op) || isElementwise(op); }

bool haveSameSizes(Type left, Type right) {
  auto leftType = cast<RankedTensorType>(left), rightType = cast<RankedTensorType>(right);
  return leftType.getShape() == rightType.getShape() && leftType.getEncoding() == rightType.getEncoding();
}

//===----------------------------------------------------------------------===//
// Positions and costs
//===----------------------------------------------------------------------===//

/// Ops of a block by position. Copies stand where their user does.
class Timeline {
public:
  explicit Timeline(Block &block) {
    for (Operation &op : block) {
      positions[&op] = heavyBefore.size();
      heavyBefore.push_back(heavy);
      heavy += isHeavy(&op);
    }
  }

  unsigned positionOf(Operation *op) const { return positions.lookup(op); }
  void place(Operation *copy, Operation *user) { positions[copy] = positions.lookup(user); }
  /// Kernels of their own that run between two ops.
  unsigned distance(Operation *from, Operation *to) const {
    unsigned first = positionOf(from) + 1, end = positionOf(to);
    return first < end ? heavyBefore[end] - heavyBefore[first] : 0;
  }

private:
  static bool isHeavy(Operation *op) {
    return op->getNumResults() > 0 && !isFree(op) && !isRecomputable(op) && !isa<ir::ReshapeOp, ir::PermuteOp>(op);
  }

  llvm::DenseMap<Operation *, unsigned> positions;
  SmallVector<unsigned> heavyBefore;
  unsigned heavy = 0;
};

/// The ops to copy so that a value can be computed again, in program order, and what an element of it costs.
struct Recipe {
  llvm::SetVector<Operation *> ops;
  unsigned cost = 0;
};

struct Rematerialize : impl::RematerializePassBase<Rematerialize> {
  using RematerializePassBase::RematerializePassBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    RematerializePassBase::getDependentDialects(registry);
    registerInterfaceModels(registry);
  }

  void runOnOperation() override {
    costs.clear();
    written.clear();
    getOperation().walk([&](ir::WriteOp write) { written.insert(write.getStateAttr().getAttr()); });
    for (Block &block : getOperation().getBody()) {
      Timeline timeline(block);
      SmallVector<Operation *> candidates;
      for (Operation &op : block)
        if (isElementwise(&op) && isLarge(typeOf(op.getResult(0))))
          candidates.push_back(&op);
      for (Operation *op : candidates)
        visit(op, timeline);
    }
  }

private:
  static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

  bool isLarge(RankedTensorType type) const { return !type.hasStaticShape() || type.getNumElements() >= minElements; }

  void visit(Operation *op, Timeline &timeline) {
    auto uses = llvm::to_vector(llvm::make_pointer_range(op->getResult(0).getUses()));
    auto place = [&](OpOperand *use) { return std::pair(timeline.positionOf(use->getOwner()), use->getOperandNumber()); };
    llvm::sort(uses, [&](OpOperand *left, OpOperand *right) { return place(left) < place(right); });
    const size_t firstFar = firstFarUse(uses, timeline);
    if (firstFar >= uses.size())
      return;
    SmallVector<Recipe> recipes;
    for (OpOperand *use : llvm::drop_begin(uses, firstFar)) {
      Recipe recipe;
      if (std::string reason = collect(op, timeline.positionOf(use->getOwner()), timeline, recipe); !reason.empty()) {
        ++numMissed;
        missedRemark(op, kPass, "rematerialize") << remark::reason("{0}", reason);
        return;
      }
      recipes.push_back(std::move(recipe));
    }
    passedRemark(op, kPass, "rematerialize") << remark::add(
        "{0} of {1} is computed again in {2} of its {3} uses, for {4} of {5} units of cost", op->getName().getStringRef(),
        ir::shapeText(typeOf(op->getResult(0))), recipes.size(), uses.size(), recipes.front().cost, maxCost.getValue());
    ++numValues;
    for (auto [use, recipe] : llvm::zip_equal(llvm::drop_begin(uses, firstFar), recipes))
      copy(op, *use, recipe, timeline);
  }

  /// Uses before this one keep the value: one that needs it in memory keeps it for all before, and one near a use that
  /// keeps it reads it there.
  size_t firstFarUse(ArrayRef<OpOperand *> uses, const Timeline &timeline) const {
    size_t kept = uses.size();
    while (kept > 0 && canRecomputeIn(uses[kept - 1]))
      --kept;
    kept = std::max<size_t>(kept, 1);
    while (kept < uses.size() && timeline.distance(uses[kept - 1]->getOwner(), uses[kept]->getOwner()) < minDistance)
      ++kept;
    return kept;
  }

  /// A copy costs no memory only where it joins its user's region.
  static bool canRecomputeIn(OpOperand *use) {
    Operation *user = use->getOwner();
    return isElementwise(user) && haveSameSizes(use->get().getType(), user->getResult(0).getType()) &&
           operandMap(user, use->getOperandNumber()).isIdentity();
  }

  /// Adds what must be copied to compute `op` again at `place`. Gives the reason, as a clause, why that can't be done
  /// within the limits.
  std::string collect(Operation *op, unsigned place, const Timeline &timeline, Recipe &recipe) {
    for (Value operand : op->getOperands()) {
      if (livesUntil(operand, place, timeline))
        continue;
      Operation *producer = operand.getDefiningOp();
      if (!isRecomputable(producer))
        return "the result of " + producer->getName().getStringRef().str() + " that it is computed from is not kept so long";
      if (recipe.ops.contains(producer))
        continue;
      if (std::string reason = collect(producer, place, timeline, recipe); !reason.empty())
        return reason;
    }
    recipe.cost += costOf(op);
    if (recipe.cost > maxCost)
      return "it costs more than max-cost allows";
    recipe.ops.insert(op);
    return {};
  }

  /// Whether a value is there at `place` whatever this pass does.
  bool livesUntil(Value value, unsigned place, const Timeline &timeline) const {
    Operation *producer = value.getDefiningOp();
    if (!producer || isa<ir::FullOp, ir::LoadPreparedOp>(producer) || producer->hasTrait<OpTrait::ConstantLike>())
      return true;
    if (auto read = dyn_cast<ir::ReadOp>(producer); read && !written.contains(read.getStateAttr().getAttr()))
      return true;
    return llvm::any_of(value.getUsers(), [&](Operation *user) { return timeline.positionOf(user) >= place; });
  }

  /// By the op's scalar body: no list of ops here.
  unsigned costOf(Operation *op) {
    auto scalar = dyn_cast<ir::ScalarBodyInterface>(op);
    if (!scalar)
      return 0;
    auto [known, isNew] = costs.try_emplace(op->getName(), 0);
    if (!isNew)
      return known->second;
    Block body;
    OpBuilder builder(op->getContext());
    builder.setInsertionPointToStart(&body);
    SmallVector<Value> scalars;
    for (Value operand : op->getOperands())
      scalars.push_back(body.addArgument(ir::scalarTypeOf(typeOf(operand).getElementType()), op->getLoc()));
    scalar.buildScalarBody(builder, op->getLoc(), scalars);
    unsigned cost = 0;
    for (Operation &part : body)
      cost += scalarCost(&part);
    return costs[op->getName()] = cost;
  }

  void copy(Operation *op, OpOperand &use, const Recipe &recipe, Timeline &timeline) {
    OpBuilder builder(use.getOwner());
    IRMapping mapping;
    for (Operation *source : recipe.ops) {
      timeline.place(builder.clone(*source, mapping), use.getOwner());
      ++numCopies;
    }
    use.set(mapping.lookup(op->getResult(0)));
  }

  llvm::DenseMap<OperationName, unsigned> costs;
  llvm::DenseSet<StringAttr> written;
};

} // namespace
} // namespace kiln::passes
