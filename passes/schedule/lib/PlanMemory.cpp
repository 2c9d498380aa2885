//===- PlanMemory.cpp - the pass schedule-plan-memory ---------------------===//
//
// Finds lifetimes, asks the plan for places, and writes them down.
//
//===----------------------------------------------------------------------===//

#include "ArenaPlan.h"
#include "kiln/ir/Statistics.h"
#include "kiln/schedule/Passes.h"

#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace kiln::schedule {

static ir::Statistic numTemporaries("schedule-plan-memory", "Number of temporaries placed");
static ir::Statistic numShared("schedule-plan-memory", "Number of temporaries that use bytes another one used before");

#define GEN_PASS_DEF_SCHEDULEPLANMEMORYPASS
#include "kiln/schedule/Passes.h.inc"

namespace {

/// First and last launch that touches the buffer or a view of it, as positions in `steps`.
ArenaRequest requestOf(ArenaOp arena, const DenseMap<Operation *, int64_t> &steps) {
  ArenaRequest request;
  request.bytes = arena.getBuffer().getType().getBytes();
  request.first = INT64_MAX;
  SmallVector<Value> pending = {arena.getBuffer()};
  while (!pending.empty())
    for (Operation *user : pending.pop_back_val().getUsers()) {
      if (auto view = dyn_cast<ViewOp>(user)) {
        pending.push_back(view.getBuffer());
        continue;
      }
      request.first = std::min(request.first, steps.at(user));
      request.last = std::max(request.last, steps.at(user));
    }
  return request;
}

struct SchedulePlanMemoryPass : public impl::SchedulePlanMemoryPassBase<SchedulePlanMemoryPass> {
  using SchedulePlanMemoryPassBase::SchedulePlanMemoryPassBase;

  void runOnOperation() override {
    FuncOp function = getOperation();
    DenseMap<Operation *, int64_t> steps;
    for (auto launch : function.getBodyBlock().getOps<LaunchOp>())
      steps.try_emplace(launch, steps.size());

    SmallVector<ArenaOp> arenas(function.getBodyBlock().getOps<ArenaOp>());
    llvm::erase_if(arenas, [](ArenaOp arena) {
      if (!arena->use_empty())
        return false;
      arena.erase();
      return true;
    });
    std::vector<ArenaRequest> requests;
    for (ArenaOp arena : arenas)
      requests.push_back(requestOf(arena, steps));

    ArenaPlan plan = planArena(requests, share);
    for (auto [arena, offset] : llvm::zip_equal(arenas, plan.offsets))
      arena.setOffsetAttr(ir::DimAttr::get(&getContext(), offset));
    function.setArenaBytesAttr(ir::DimAttr::get(&getContext(), plan.bytes));
    numTemporaries += arenas.size();
    numShared += plan.shared;
    remark::passed(function.getLoc(),
                   remark::RemarkOpts::name("planned").category("schedule-plan-memory").function(function.getSymName()))
        << remark::add("{0} needs {1} bytes of memory for its temporaries, {2} bytes without sharing", function.getSymName(),
                       plan.bytes.text(), plan.bytesWithoutSharing.text());
  }
};

} // namespace

} // namespace kiln::schedule
