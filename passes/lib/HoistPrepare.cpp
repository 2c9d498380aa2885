//===- HoistPrepare.cpp - state-only work leaves the entry functions ------===//
//
// Defines nn-hoist-prepare. For each entry function: find the last values that depend on state alone, give each a
// slot, load it instead. What a value is computed from moves to a prepare function (PreparedPool.cpp).
//
//===----------------------------------------------------------------------===//

#include "PassRemarks.h"
#include "PreparedPool.h"
#include "StateDependence.h"
#include "kiln/ir/Statistics.h"
#include "kiln/passes/Passes.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace kiln::passes {

static ir::Statistic numSlots("nn-hoist-prepare", "Number of prepared values");
static ir::Statistic numShared("nn-hoist-prepare", "Number of values that share the slot of an equal computation");
static ir::Statistic numFunctions("nn-hoist-prepare", "Number of prepare functions made");
static ir::Statistic numElements("nn-hoist-prepare", "Number of elements in all prepared values");

#define GEN_PASS_DEF_HOISTPREPAREPASS
#include "kiln/passes/Passes.h.inc"

namespace {

constexpr llvm::StringLiteral kPass = "nn-hoist-prepare";

/// What leaves one entry function.
class Candidates {
public:
  Candidates(func::FuncOp function, const StateDependence &dependence, int64_t minElements)
      : block(function.getBody().front()), dependence(dependence), minElements(minElements) {}

  /// The values that the function needs and that others can compute, in program order.
  SmallVector<Value> hoisted() const {
    SmallVector<Value> values;
    for (Operation &op : block)
      for (Value result : op.getResults())
        if (isMoved(&op) && isNeeded(result))
          values.push_back(result);
    return values;
  }

  /// Values that would leave if the function did not write a state they depend on.
  SmallVector<Value> kept() const {
    SmallVector<Value> values;
    for (Operation &op : block)
      for (Value result : op.getResults())
        if (!isFree(&op) && dependence.onWrittenState(result) && llvm::none_of(op.getUsers(), [&](Operation *user) {
              return user->getNumResults() && !isFree(user) && dependence.onWrittenState(user->getResult(0));
            }))
          values.push_back(result);
    return values;
  }

private:
  bool isMoved(Operation *op) const {
    return op->getNumResults() > 0 && !isFree(op) && dependence.onStateAlone(op->getResult(0)) && largest(op) >= minElements;
  }

  /// Whether something that stays uses the value. An expansion stays, unless all that uses it leaves.
  bool isNeeded(Value value) const {
    return llvm::any_of(value.getUsers(), [&](Operation *user) {
      if (isMoved(user))
        return false;
      bool looksThrough = user->getNumResults() == 1 && isFree(user) && dependence.onStateAlone(user->getResult(0));
      return !looksThrough || isNeeded(user->getResult(0));
    });
  }

  /// Elements of the largest value among the op's results and what they are computed from.
  int64_t largest(Operation *op) const {
    auto [entry, isNew] = sizes.try_emplace(op, 0);
    if (!isNew)
      return entry->second;
    int64_t elements = 0;
    for (Type type : op->getResultTypes())
      if (auto tensor = dyn_cast<RankedTensorType>(type); tensor && tensor.hasStaticShape())
        elements = std::max(elements, tensor.getNumElements());
    for (Value operand : op->getOperands())
      if (Operation *producer = operand.getDefiningOp())
        elements = std::max(elements, largest(producer));
    return sizes[op] = elements;
  }

  Block &block;
  const StateDependence &dependence;
  int64_t minElements;
  mutable llvm::DenseMap<Operation *, int64_t> sizes;
};

struct HoistPrepare : impl::HoistPreparePassBase<HoistPrepare> {
  using HoistPreparePassBase::HoistPreparePassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    PreparedPool pool(module);
    SmallVector<std::pair<Value, unsigned>> loads;
    SmallVector<func::FuncOp> functions;
    for (auto function : module.getOps<func::FuncOp>()) {
      if (!function->hasAttr(ir::NNDialect::kEntryAttrName) || !function.getBody().hasOneBlock())
        continue;
      functions.push_back(function);
      StateDependence dependence(function);
      Candidates candidates(function, dependence, minElements);
      for (Value value : candidates.hoisted()) {
        size_t before = pool.getSlots().size();
        unsigned slot = pool.slotFor(value, dependence);
        loads.emplace_back(value, slot);
        bool shared = slot < before;
        numShared += shared;
        passedRemark(value.getDefiningOp(), kPass, "hoist")
            << remark::add("{0} computed once, {1}", ir::shapeText(cast<RankedTensorType>(value.getType())),
                           shared ? "shared with an equal value" : "not at each call");
      }
      for (Value value : candidates.kept())
        missedRemark(value.getDefiningOp(), kPass, "hoist") << remark::reason("{0}", dependence.reason(value));
    }
    if (loads.empty())
      return markAllAnalysesPreserved();

    numFunctions += pool.emit();
    for (const PreparedPool::Slot &slot : pool.getSlots()) {
      ++numSlots;
      numElements += cast<RankedTensorType>(slot.value.getType()).getNumElements();
    }
    for (auto [value, slot] : loads) {
      OpBuilder builder(value.getDefiningOp());
      value.replaceAllUsesWith(ir::LoadPreparedOp::create(builder, value.getLoc(), pool.getSlots()[slot].prepared).getOutput());
    }
    for (func::FuncOp function : functions)
      for (Operation &op : llvm::make_early_inc_range(llvm::reverse(function.getBody().front())))
        if (isOpTriviallyDead(&op))
          op.erase();
  }
};

} // namespace
} // namespace kiln::passes
