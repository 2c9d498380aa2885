//===- StateDestinations.cpp - new values computed in the state itself ----===//
//
// The write of a value moves from where the program has it to where the value is computed. That is sound when nobody looks at the
// state in between, or at what was read from it before: so only the last write of a state is moved, across no use of a value that
// was read from it and no other write. The op that computes the new value may read the old one itself if its kernel does so in
// step (InPlace.h).
//
//===----------------------------------------------------------------------===//

#include "StateDestinations.h"

#include "KernelForm.h"
#include "TransposeFolding.h"
#include "kiln/schedule/InPlace.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace kiln::schedule {

Value rootOf(Value value) {
  while (auto reshape = value.getDefiningOp<ir::ReshapeOp>())
    value = reshape.getInput();
  return value;
}

bool isComputed(Value root) {
  Operation *op = root.getDefiningOp();
  return op && !isa<ir::ReadOp, ir::LoadPreparedOp, ir::ConstantOp>(op);
}

bool writesBack(ir::WriteOp write, ir::ReadOp read) {
  return write.getState() == read.getState() && rootOf(write.getValue()) == read.getOutput();
}

StateDestinations::StateDestinations(func::FuncOp function, function_ref<bool(Value)> isTaken) : function(function) {
  for (auto write : function.getOps<ir::WriteOp>()) {
    Value root = rootOf(write.getValue());
    bool hasPlace = isTaken(root) || llvm::any_of(computed, [&](const auto &entry) { return entry.second == root; });
    if (isComputed(root) && !hasPlace && mayComputeInPlace(write, root))
      computed[write] = root;
  }
}

Operation *StateDestinations::getChange(ir::WriteOp write) const {
  Value root = getComputed(write);
  return root ? root.getDefiningOp() : write.getOperation();
}

/// Whether the kernel of `op` may compute `root`, one of its results, in memory that it reads through the operands whose memory
/// is that of `old`.
static bool readsInStep(Operation *op, Value root, Value old) {
  FailureOr<SmallVector<KernelForm, 1>> forms = formsOf(op);
  if (failed(forms) || forms->size() != 1)
    return false;
  KernelForm &form = forms->front();
  mergeDimensions(form);
  unsigned result = cast<OpResult>(root).getResultNumber();
  for (auto [i, operand] : llvm::enumerate(form.operands))
    if (rootOf(operand) == old && !mayShareMemory(*form.kernel, result, i))
      return false;
  return true;
}

bool StateDestinations::mayComputeInPlace(ir::WriteOp write, Value root) {
  Operation *change = root.getDefiningOp();
  if (isFolded(change))
    return false;
  for (auto other : function.getOps<ir::WriteOp>())
    if (other != write && other.getState() == write.getState() && !other->isBeforeInBlock(change))
      return false; // between, or later: what is written then has its own claim to the memory
  for (auto read : function.getOps<ir::ReadOp>()) {
    if (read.getState() != write.getState() || !read->isBeforeInBlock(write))
      continue;
    bool isUsedAtChange = false, isUsedLater = false;
    forEachReader(read.getOutput(), [&](Operation *reader) {
      isUsedAtChange |= reader == change;
      // A reshape reads nothing itself, and putting the value back is nothing unless it undoes this write, which is then not the
      // last.
      isUsedLater |= change->isBeforeInBlock(reader) && !isa<ir::ReshapeOp>(reader) && !isFolded(reader);
    });
    if (isUsedLater || (isUsedAtChange && !readsInStep(change, root, read.getOutput())))
      return false;
  }
  return true;
}

bool StateDestinations::isOverwrittenWhileUsed(ir::ReadOp read) {
  Operation *lastUse = read;
  forEachReader(read.getOutput(), [&](Operation *reader) {
    if (lastUse->isBeforeInBlock(reader))
      lastUse = reader;
  });
  return llvm::any_of(function.getOps<ir::WriteOp>(), [&](ir::WriteOp write) {
    if (write.getState() != read.getState() || writesBack(write, read))
      return false;
    Operation *change = getChange(write);
    // A read after the change, but before the write that stands for it, is none: such a write is not moved while what was read is
    // used.
    return read->isBeforeInBlock(change) && change->isBeforeInBlock(lastUse);
  });
}

} // namespace kiln::schedule
