//===- StateDependence.cpp - what depends on state alone ------------------===//
//
// One walk in program order: a value is blocked when its op has effects, draws random numbers, has a symbolic size,
// or takes a blocked operand.
//
//===----------------------------------------------------------------------===//

#include "StateDependence.h"

#include "kiln/ir/Ops.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace kiln::passes {

/// Whether two runs of `op` on the same operands may differ.
static bool drawsRandomNumbers(Operation *op) {
  auto dropout = dyn_cast<ir::DropoutOp>(op);
  return dropout && dropout.getTraining();
}

/// Whether an attribute of `op` names a size that only a call knows, though its results may be static: a slice of one
/// row, a size as a number.
static bool namesSymbol(Operation *op) {
  auto isSymbolic = [](ir::DimAttr size) { return !size.getConstant(); };
  return llvm::any_of(op->getName().getAttributeNames(), [&](StringAttr name) {
    Attribute value = op->getInherentAttr(name).value_or(Attribute());
    if (auto size = dyn_cast_if_present<ir::DimAttr>(value))
      return isSymbolic(size);
    auto shape = dyn_cast_if_present<ir::ShapeAttr>(value);
    return shape && llvm::any_of(shape.getDims(), isSymbolic);
  });
}

StateDependence::StateDependence(func::FuncOp function) : function(function) {
  function.walk([&](ir::WriteOp write) { written.insert(write.getStateAttr().getAttr()); });
  for (BlockArgument argument : function.getArguments())
    blockers[argument] = argument;
  for (Block &block : function.getBody())
    for (Operation &op : block)
      add(&op);
}

void StateDependence::add(Operation *op) {
  auto block = [&](Value blame) {
    for (Value result : op->getResults())
      blockers[result] = blame ? blame : result;
  };
  if (auto read = dyn_cast<ir::ReadOp>(op)) {
    if (writes(read.getStateAttr().getAttr()))
      block({});
    return;
  }
  if (!isMemoryEffectFree(op) || drawsRandomNumbers(op) || namesSymbol(op))
    return block({});
  // A written state is blamed only where nothing else is: the reason should be the one that stands in the way for good.
  Value blame;
  for (Value operand : op->getOperands())
    if (auto found = blockers.find(operand); found != blockers.end() && (!blame || blame.getDefiningOp<ir::ReadOp>()))
      blame = found->second;
  if (blame)
    return block(blame);
  for (Type type : op->getResultTypes())
    if (auto tensor = dyn_cast<RankedTensorType>(type); !tensor || !tensor.hasStaticShape())
      return block({});
}

bool StateDependence::onWrittenState(Value value) const {
  auto found = blockers.find(value);
  return found != blockers.end() && found->second.getDefiningOp<ir::ReadOp>();
}

std::string StateDependence::reason(Value value) const {
  auto found = blockers.find(value);
  if (found == blockers.end())
    return {};
  Value blame = found->second;
  if (auto argument = dyn_cast<BlockArgument>(blame)) {
    auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), ir::NNDialect::kNameAttrName);
    return name ? llvm::formatv("it depends on the input '{0}'", name.getValue()).str()
                : llvm::formatv("it depends on input {0}", argument.getArgNumber()).str();
  }
  Operation *op = blame.getDefiningOp();
  if (auto read = dyn_cast<ir::ReadOp>(op))
    return llvm::formatv("'{0}' writes the state '{1}' it depends on", function.getSymName(), read.getState()).str();
  if (drawsRandomNumbers(op))
    return llvm::formatv("it depends on the random numbers of a {0}", op->getName().getStringRef()).str();
  if (isMemoryEffectFree(op))
    return llvm::formatv("it depends on a {0} whose size is known at run time only", op->getName().getStringRef()).str();
  return llvm::formatv("it depends on a {0}, which is not pure", op->getName().getStringRef()).str();
}

SmallVector<StringAttr> StateDependence::sources(Value value) const {
  llvm::SetVector<Value> cone;
  cone.insert(value);
  llvm::SetVector<StringAttr> paths;
  for (size_t next = 0; next < cone.size(); ++next) { // grows while it is walked
    Operation *op = cone[next].getDefiningOp();
    if (auto read = dyn_cast_or_null<ir::ReadOp>(op))
      paths.insert(read.getStateAttr().getAttr());
    else if (op)
      cone.insert_range(op->getOperands());
  }
  SmallVector<StringAttr> sorted(paths.begin(), paths.end());
  llvm::sort(sorted, [](StringAttr left, StringAttr right) { return left.getValue() < right.getValue(); });
  return sorted;
}

} // namespace kiln::passes
