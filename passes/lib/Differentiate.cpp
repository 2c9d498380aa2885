//===- Differentiate.cpp - nn.backward becomes the ops that compute it ----===//
//
// Defines nn-differentiate. Reverse mode: one walk from the first op to the request marks what depends on a target, one
// back from the request asks each marked op that the loss depends on for its vector-Jacobian product.
//
//===----------------------------------------------------------------------===//

#include "PassRemarks.h"
#include "kiln/ir/Build.h"
#include "kiln/ir/Statistics.h"
#include "kiln/passes/Gradients.h"
#include "kiln/passes/Passes.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace kiln::passes {

static ir::Statistic numRequests("nn-differentiate", "Number of nn.backward expanded");
static ir::Statistic numDifferentiated("nn-differentiate", "Number of ops that gradients were built of");
static ir::Statistic numBuilt("nn-differentiate", "Number of ops that gradients were built from");
static ir::Statistic numStored("nn-differentiate", "Number of values of the forward computation that gradients read");
static ir::Statistic numZeros("nn-differentiate", "Number of targets that their loss does not depend on");

#define GEN_PASS_DEF_DIFFERENTIATEPASS
#include "kiln/passes/Passes.h.inc"

namespace {

constexpr llvm::StringLiteral kPass = "nn-differentiate";

bool propagates(Operation *op, unsigned operand, unsigned result) {
  if (auto differentiable = dyn_cast<ir::DifferentiableOpInterface>(op))
    return differentiable.propagatesGradient(operand, result);
  return ir::detail::areFloating(op, operand, result);
}

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

Value fill(OpBuilder &builder, Location location, RankedTensorType type, double value) {
  return ir::createOp<ir::FullOp>(
      builder, location, {}, {{"value", value}, {"shape", ir::sizesOf(type)}, {"dtype", *ir::toDType(type.getElementType())}});
}

//===----------------------------------------------------------------------===//
// One request
//===----------------------------------------------------------------------===//

class Expansion {
public:
  explicit Expansion(ir::BackwardOp backward) : backward(backward), block(*backward->getBlock()), builder(backward) {}

  LogicalResult run() {
    markActive();
    Operation *before = backward->getPrevNode();
    seed();
    if (failed(sweep()))
      return failure();
    replace();
    // Constants that others were folded into are not used any more.
    for (Operation *op = backward->getPrevNode(); op && op != before;) {
      Operation *dead = isOpTriviallyDead(op) ? op : nullptr;
      op = op->getPrevNode();
      if (dead)
        dead->erase();
    }
    report([&](Operation *op) { return !before || before->isBeforeInBlock(op); });
    backward->erase();
    return success();
  }

private:
  /// What depends on a target, in program order.
  void markActive() {
    for (Value target : backward.getTargets())
      active.insert(target);
    for (Operation &op : llvm::make_range(block.begin(), Block::iterator(backward)))
      for (unsigned result = 0; result < op.getNumResults(); ++result)
        if (llvm::any_of(llvm::seq(op.getNumOperands()), [&](unsigned operand) {
              return active.contains(op.getOperand(operand)) && propagates(&op, operand, result);
            }))
          active.insert(op.getResult(result));
  }

  void seed() {
    Value loss = backward.getLoss(), gradient = backward.getGradient();
    if (!active.contains(loss))
      return;
    cotangents[loss] = gradient ? gradient : fill(builder, backward.getLoc(), typeOf(loss), 1);
  }

  /// From the last op before the request to the first: an op's users have all been asked when it is its turn.
  LogicalResult sweep() {
    SmallVector<Operation *> forward;
    for (Operation &op : llvm::make_range(block.begin(), Block::iterator(backward)))
      if (llvm::any_of(op.getResults(), [&](Value result) { return active.contains(result); }))
        forward.push_back(&op);
    for (Operation *op : llvm::reverse(forward)) {
      SmallVector<Value> incoming;
      SmallVector<bool> needed(op->getNumOperands(), false);
      for (OpResult result : op->getResults()) {
        incoming.push_back(cotangents.lookup(result));
        for (unsigned operand = 0; incoming.back() && operand < op->getNumOperands(); ++operand)
          needed[operand] =
              needed[operand] || (active.contains(op->getOperand(operand)) && propagates(op, operand, result.getResultNumber()));
      }
      // A target that is computed from inputs that nobody asks about ends the way.
      if (llvm::is_contained(needed, true) && failed(differentiate(op, incoming, needed)))
        return failure();
    }
    return success();
  }

  LogicalResult differentiate(Operation *op, ArrayRef<Value> incoming, ArrayRef<bool> needed) {
    auto differentiable = dyn_cast<ir::DifferentiableOpInterface>(op);
    if (!differentiable) {
      auto diagnostic = op->emitError() << "the derivative for '" << op->getName() << "' is not implemented";
      diagnostic.attachNote(backward.getLoc()) << "backward() needs it; detach() stops gradients where none should flow";
      return diagnostic;
    }
    SmallVector<Value> outgoing = differentiable.buildGradient(builder, incoming, needed);
    if (outgoing.empty())
      return failure(); // reported
    for (auto [operand, gradient, isNeeded] : llvm::zip_equal(op->getOperands(), outgoing, needed))
      if (isNeeded)
        accumulate(operand, gradient);
    differentiated.push_back(op);
    return success();
  }

  /// The sum belongs to what made the value: it is that module's gradient.
  void accumulate(Value value, Value gradient) {
    Value &cotangent = cotangents[value];
    cotangent = cotangent ? ir::AddOp::create(builder, value.getLoc(), cotangent, gradient).getResult() : gradient;
  }

  /// A gradient is a constant for later requests, as in PyTorch without create_graph.
  void replace() {
    for (auto [target, gradient] : llvm::zip_equal(backward.getTargets(), backward.getGradients())) {
      Value cotangent = cotangents.lookup(target);
      if (!cotangent) {
        ++numZeros;
        cotangent = fill(builder, backward.getLoc(), typeOf(target), 0);
      }
      gradient.replaceAllUsesWith(ir::DetachOp::create(builder, backward.getLoc(), cotangent).getResult());
    }
  }

  /// Counts, and remarks on what lives until its gradient is computed. Arguments and states do so anyway, and constants
  /// take no room.
  void report(llvm::function_ref<bool(Operation *)> isBuilt) {
    llvm::SetVector<Value> stored;
    unsigned built = 0;
    for (Operation &op : llvm::make_range(block.begin(), Block::iterator(backward))) {
      if (!isBuilt(&op) || isa<ir::DetachOp>(op))
        continue;
      ++built;
      for (Value operand : op.getOperands()) {
        while (auto detach = operand.getDefiningOp<ir::DetachOp>())
          operand = detach.getInput();
        Operation *producer = operand.getDefiningOp();
        if (producer && !isBuilt(producer) && !isa<ir::ReadOp, ir::FullOp>(producer) &&
            !producer->hasTrait<OpTrait::ConstantLike>())
          stored.insert(operand);
      }
    }
    ++numRequests;
    numDifferentiated += differentiated.size();
    numBuilt += built;
    numStored += stored.size();
    passedRemark(backward, kPass, "differentiate")
        << remark::add("{0} ops differentiated for {1} gradients by {2} ops, which read {3} values of the forward computation",
                       differentiated.size(), backward.getTargets().size(), built, stored.size());
    for (Value value : stored)
      analysisRemark(value.getDefiningOp(), kPass, "store")
          << remark::add("the result of {0}, {1}, is kept for gradients", value.getDefiningOp()->getName().getStringRef(),
                         ir::shapeText(typeOf(value)));
  }

  ir::BackwardOp backward;
  Block &block;
  OpBuilder builder;
  llvm::DenseSet<Value> active;
  llvm::DenseMap<Value, Value> cotangents;
  SmallVector<Operation *> differentiated;
};

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

struct Differentiate : impl::DifferentiatePassBase<Differentiate> {
  void getDependentDialects(DialectRegistry &registry) const override { registerGradientRules(registry); }

  void runOnOperation() override {
    SmallVector<ir::BackwardOp> requests;
    getOperation().walk([&](ir::BackwardOp backward) { requests.push_back(backward); });
    for (ir::BackwardOp backward : requests) // in program order: a later one may use an earlier one's gradients
      if (failed(Expansion(backward).run()))
        return signalPassFailure();
    getOperation().walk([](ir::DetachOp detach) {
      detach.getOutput().replaceAllUsesWith(detach.getInput());
      detach.erase();
    });
  }
};

} // namespace
} // namespace kiln::passes
