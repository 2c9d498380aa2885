//===- PreparedPool.cpp - computations on state, shared by functions ------===//
//
// Copies computations into one block, an op at a time, re-using equal ones; so equal computations of different
// functions become one value.
//
//===----------------------------------------------------------------------===//

#include "PreparedPool.h"

#include "kiln/ir/Locations.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace kiln::passes {

bool isFree(Operation *op) {
  if (isa<ir::ReadOp, ir::LoadPreparedOp, ir::FullOp, ir::ExpandOp>(op) || op->hasTrait<OpTrait::ConstantLike>())
    return true;
  auto reshape = dyn_cast<ir::ReshapeOp>(op);
  Operation *source = reshape ? reshape.getInput().getDefiningOp() : nullptr;
  return source && isFree(source);
}

unsigned SameComputation::getHashValue(const Operation *op) {
  return OperationEquivalence::computeHash(const_cast<Operation *>(op), OperationEquivalence::directHashValue,
                                           OperationEquivalence::ignoreHashValue, OperationEquivalence::IgnoreLocations);
}

bool SameComputation::isEqual(const Operation *left, const Operation *right) {
  if (left == right)
    return true;
  if (left == getEmptyKey() || left == getTombstoneKey() || right == getEmptyKey() || right == getTombstoneKey())
    return false;
  return OperationEquivalence::isEquivalentTo(const_cast<Operation *>(left), const_cast<Operation *>(right),
                                              OperationEquivalence::IgnoreLocations);
}

PreparedPool::PreparedPool(ModuleOp module) : module(module), block(std::make_unique<Block>()) {}

PreparedPool::~PreparedPool() { block->dropAllReferences(); }

//===----------------------------------------------------------------------===//
// Copying computations in
//===----------------------------------------------------------------------===//

Value PreparedPool::copyIn(Value value) {
  if (Value known = copies.lookupOrNull(value))
    return known;
  // What the value is computed from, in program order: operands are copied before their users.
  llvm::SetVector<Operation *> cone;
  cone.insert(value.getDefiningOp());
  for (size_t next = 0; next < cone.size(); ++next)
    for (Value operand : cone[next]->getOperands())
      if (!copies.contains(operand))
        cone.insert(operand.getDefiningOp());
  SmallVector<Operation *> ordered = cone.takeVector();
  llvm::sort(ordered, [](Operation *left, Operation *right) { return left->isBeforeInBlock(right); });

  OpBuilder builder(module.getContext());
  builder.setInsertionPointToEnd(block.get());
  for (Operation *op : ordered) {
    if (copies.contains(op->getResult(0)))
      continue;
    Operation *copy = builder.clone(*op, copies);
    auto [known, isNew] = distinct.try_emplace(copy, copy);
    if (isNew)
      continue;
    copies.map(op->getResults(), known->second->getResults());
    copy->erase();
  }
  return copies.lookup(value);
}

unsigned PreparedPool::slotFor(Value value, const StateDependence &dependence) {
  Value copy = copyIn(value);
  auto [entry, isNew] = slotOf.try_emplace(copy, slots.size());
  if (isNew)
    slots.push_back({copy, dependence.sources(value), {}});
  return entry->second;
}

SmallVector<Operation *> PreparedPool::coneOf(Value value) const {
  llvm::SetVector<Operation *> cone;
  cone.insert(value.getDefiningOp());
  for (size_t next = 0; next < cone.size(); ++next)
    for (Value operand : cone[next]->getOperands())
      cone.insert(operand.getDefiningOp());
  return cone.takeVector();
}

//===----------------------------------------------------------------------===//
// Prepare functions
//===----------------------------------------------------------------------===//

/// "net.0.pack_panels": where the value comes from and what makes it.
std::string PreparedPool::nameOf(const Slot &slot) const {
  Operation *op = slot.value.getDefiningOp();
  std::string name = op->getName().stripDialect().str();
  if (auto path = ir::modulePathOf(op->getLoc()); path && !path->empty())
    name = path->str() + "." + name;
  return name;
}

/// Slots that share a computation, together; in the order of their first slots.
SmallVector<SmallVector<unsigned>> PreparedPool::groups() const {
  llvm::EquivalenceClasses<Operation *> connected;
  for (const Slot &slot : slots)
    for (Operation *op : coneOf(slot.value))
      if (!isFree(op))
        connected.unionSets(slot.value.getDefiningOp(), op);
  llvm::MapVector<Operation *, SmallVector<unsigned>> byLeader;
  for (auto [number, slot] : llvm::enumerate(slots))
    byLeader[connected.getLeaderValue(slot.value.getDefiningOp())].push_back(number);
  SmallVector<SmallVector<unsigned>> result;
  for (auto &[leader, numbers] : byLeader)
    result.push_back(numbers);
  return result;
}

void PreparedPool::emitFunction(ArrayRef<unsigned> group, SymbolTable &symbols, unsigned number) {
  Location location = slots[group.front()].prepared.getLoc();
  OpBuilder builder(module.getContext());
  auto function = func::FuncOp::create(location, "prepare_" + std::to_string(number), builder.getFunctionType({}, {}));
  function.setPrivate();
  function->setAttr(ir::NNDialect::kPrepareAttrName, builder.getUnitAttr());
  symbols.insert(function, module.getBody()->end());

  builder.setInsertionPointToStart(function.addEntryBlock());
  llvm::DenseSet<Operation *> needed;
  for (unsigned slot : group)
    needed.insert_range(coneOf(slots[slot].value));
  IRMapping mapping;
  for (Operation &op : *block)
    if (needed.contains(&op))
      builder.clone(op, mapping);
  for (unsigned slot : group)
    ir::StorePreparedOp::create(builder, slots[slot].prepared.getLoc(), slots[slot].prepared.getSymName(),
                                mapping.lookup(slots[slot].value));
  func::ReturnOp::create(builder, location);
}

unsigned PreparedPool::emit() {
  SymbolTable symbols(module);
  // Slots are declared where the other declarations end: before the first function.
  auto functions = module.getOps<func::FuncOp>();
  OpBuilder builder(module.getContext());
  Block::iterator place = functions.empty() ? module.getBody()->end() : Block::iterator(*functions.begin());
  for (Slot &slot : slots) {
    SmallVector<Attribute> sources;
    for (StringAttr path : slot.sources)
      sources.push_back(FlatSymbolRefAttr::get(path));
    slot.prepared = ir::PreparedOp::create(builder, slot.value.getLoc(), nameOf(slot),
                                           cast<RankedTensorType>(slot.value.getType()), builder.getArrayAttr(sources));
    symbols.insert(slot.prepared, place); // a name that is taken gets a number
  }
  auto connected = groups();
  for (auto [number, group] : llvm::enumerate(connected))
    emitFunction(group, symbols, number);
  return connected.size();
}

} // namespace kiln::passes
