//===- FunctionLowering.cpp - one function to buffers and launches --------===//
//
// Values become buffers. The walk is in program order; what must be known beforehand is found first: which values are computed in
// the caller's memory or in a state, and which states are overwritten while a value read from them is still in use.
//
//===----------------------------------------------------------------------===//

#include "FunctionLowering.h"

#include "AnchorTraits.h"
#include "SizeConditions.h"
#include "StateDestinations.h"
#include "TransposeFolding.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using kiln::semantics::DimExpr;

namespace kiln::schedule {

namespace {

class FunctionLowering {
public:
  FunctionLowering(func::FuncOp function, KernelTable &kernels, LoweringCounts &counts)
      : function(function), kernels(kernels), counts(counts), builder(function) {}

  LogicalResult run();

private:
  LogicalResult createFunction();
  LogicalResult collectSymbols(SmallVectorImpl<Attribute> &symbols);
  void createOutputs();
  void chooseDestinations();
  void chooseStateDestinations();

  LogicalResult lower(Operation &op);
  LogicalResult lowerCompute(Operation &op);
  SmallVector<Value> createResults(Operation &op);
  void lowerRead(ir::ReadOp read);
  void lowerReturn(func::ReturnOp op);
  void launch(Location location, KernelForm form, ValueRange reads, ValueRange writes);
  void copy(Location location, Value from, Value to);

  Value viewAs(Location location, Value buffer, BufferType type);
  BufferType bufferType(Value value) { return BufferType::of(cast<RankedTensorType>(value.getType())); }

  func::FuncOp function;
  KernelTable &kernels;
  LoweringCounts &counts;
  OpBuilder builder;
  FuncOp scheduled;
  /// The buffer that holds a value of the nn dialect.
  DenseMap<Value, Value> buffers;
  /// Where a value is to be computed: an output, a prepared value or a state.
  DenseMap<Value, Value> destinations;
  std::optional<StateDestinations> stateDestinations;
  /// Outputs by number; in a prepare function, prepared values by slot name.
  SmallVector<Value> outputs;
  llvm::StringMap<Value> slots;
};

//===----------------------------------------------------------------------===//
// Before the walk
//===----------------------------------------------------------------------===//

LogicalResult FunctionLowering::collectSymbols(SmallVectorImpl<Attribute> &symbols) {
  llvm::SetVector<Attribute> found;
  for (BlockArgument argument : function.getArguments())
    for (const DimExpr &size : bufferType(argument).getSizes()) {
      if (size.is_constant())
        continue;
      std::optional<std::string> symbol = size.as_symbol();
      if (!symbol)
        return function.emitError() << "input " << argument.getArgNumber() << " of '" << function.getSymName()
                                    << "' has the size '" << size.text()
                                    << "'; a size of an input must be a number or a single symbol";
      found.insert(builder.getStringAttr(*symbol));
    }
  symbols.assign(found.begin(), found.end());
  return success();
}

void FunctionLowering::createOutputs() {
  auto terminator = cast<func::ReturnOp>(function.getBody().front().getTerminator());
  for (auto [i, value] : llvm::enumerate(terminator.getOperands())) {
    auto name = function.getResultAttrOfType<StringAttr>(i, ir::NNDialect::kNameAttrName);
    std::string text = name ? name.str() : terminator.getNumOperands() == 1 ? "output" : "output" + std::to_string(i);
    outputs.push_back(OutputOp::create(builder, terminator.getLoc(), bufferType(value), i, text));
  }
}

LogicalResult FunctionLowering::createFunction() {
  SmallVector<Attribute> symbols;
  if (failed(collectSymbols(symbols)))
    return failure();
  SmallVector<Attribute> targets;
  for (auto store : function.getOps<ir::StorePreparedOp>())
    targets.push_back(store.getSlotAttr());
  bool isPrepare = function->hasAttr(ir::NNDialect::kPrepareAttrName);
  if (isPrepare && function.getNumArguments() != 0)
    return function.emitError() << "prepare function '" << function.getSymName() << "' must have no inputs";

  builder.setInsertionPoint(function);
  SmallVector<Attribute> conditions, messages;
  for (const SizeCondition &condition : sizeConditions(function)) {
    conditions.push_back(ir::DimAttr::get(builder.getContext(), condition.expression));
    messages.push_back(builder.getStringAttr(condition.message));
  }
  scheduled = FuncOp::create(builder, function.getLoc(), function.getSymName(), builder.getArrayAttr(symbols),
                             isPrepare ? builder.getArrayAttr(targets) : ArrayAttr(),
                             conditions.empty() ? ArrayAttr() : builder.getArrayAttr(conditions),
                             conditions.empty() ? ArrayAttr() : builder.getArrayAttr(messages), ir::DimAttr());
  builder.setInsertionPointToStart(&scheduled.getBody().emplaceBlock());
  for (BlockArgument argument : function.getArguments()) {
    unsigned index = argument.getArgNumber();
    auto name = function.getArgAttrOfType<StringAttr>(index, ir::NNDialect::kNameAttrName);
    buffers[argument] = InputOp::create(builder, argument.getLoc(), bufferType(argument), index,
                                        name ? name.str() : "input" + std::to_string(index));
  }
  createOutputs();
  for (auto store : function.getOps<ir::StorePreparedOp>())
    slots[store.getSlot()] = PreparedOp::create(builder, store.getLoc(), bufferType(store.getValue()), store.getSlotAttr());
  return success();
}

void FunctionLowering::chooseDestinations() {
  auto choose = [&](Value value, Value memory) {
    Value root = rootOf(value);
    if (isComputed(root))
      destinations.try_emplace(root, memory);
  };
  for (auto store : function.getOps<ir::StorePreparedOp>())
    choose(store.getValue(), slots[store.getSlot()]);
  Operation *terminator = function.getBody().front().getTerminator();
  for (auto [value, output] : llvm::zip_equal(terminator->getOperands(), outputs))
    choose(value, output);
}

void FunctionLowering::chooseStateDestinations() {
  stateDestinations.emplace(function, [&](Value root) { return destinations.contains(root); });
  for (auto write : function.getOps<ir::WriteOp>())
    if (Value root = stateDestinations->getComputed(write))
      destinations[root] = StateOp::create(builder, write.getLoc(), bufferType(write.getValue()), write.getStateAttr());
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

/// The same memory, with another shape.
Value FunctionLowering::viewAs(Location location, Value buffer, BufferType type) {
  return buffer.getType() == type ? buffer : ViewOp::create(builder, location, type, buffer).getBuffer();
}

void FunctionLowering::launch(Location location, KernelForm form, ValueRange reads, ValueRange writes) {
  mergeDimensions(form);
  // Grid and cost are in the function's symbols, so they come before the kernel gets sizes of its own.
  const AnchorTraits &traits = anchorTraits(form.kernel->getAnchor().value_or(""));
  Grid grid = traits.grid(*form.kernel);
  DimExpr cost = costOf(*form.kernel);
  abstractSizes(form);
  KernelOp kernel = kernels.intern(form);

  auto attributes = [&](ArrayRef<DimExpr> sizes) {
    return builder.getArrayAttr(llvm::map_to_vector(
        sizes, [&](const DimExpr &size) -> Attribute { return ir::DimAttr::get(builder.getContext(), size); }));
  };
  LaunchOp::create(builder, location, FlatSymbolRefAttr::get(kernel.getSymNameAttr()), reads, writes, attributes(form.sizes),
                   attributes(grid), ir::DimAttr::get(builder.getContext(), cost));
  ++counts.launches;
}

void FunctionLowering::copy(Location location, Value from, Value to) {
  launch(location, copyForm(location, cast<BufferType>(to.getType())), from, to);
  ++counts.copies;
}

//===----------------------------------------------------------------------===//
// The walk
//===----------------------------------------------------------------------===//

LogicalResult FunctionLowering::lowerCompute(Operation &op) {
  FailureOr<SmallVector<KernelForm, 1>> forms = formsOf(&op);
  if (failed(forms))
    return failure();
  Value between; // what the last kernel but one, so far, computed
  for (auto [i, form] : llvm::enumerate(*forms)) {
    SmallVector<Value> reads, writes;
    for (Value operand : form.operands)
      reads.push_back(operand ? buffers.at(operand) : between);
    if (i + 1 < forms->size()) {
      between = ArenaOp::create(builder, op.getLoc(), form.kernel->getResultType(), ir::DimAttr());
      writes.push_back(between);
    } else {
      llvm::append_range(writes, createResults(op));
    }
    launch(op.getLoc(), std::move(form), reads, writes);
  }
  return success();
}

/// The buffers of the op's results: where they are wanted, or in the arena.
SmallVector<Value> FunctionLowering::createResults(Operation &op) {
  SmallVector<Value> results;
  for (Value result : op.getResults()) {
    Value destination = destinations.lookup(result);
    Value buffer = destination ? viewAs(op.getLoc(), destination, bufferType(result))
                               : ArenaOp::create(builder, op.getLoc(), bufferType(result), ir::DimAttr()).getBuffer();
    buffers[result] = buffer;
    results.push_back(buffer);
  }
  return results;
}

void FunctionLowering::lowerRead(ir::ReadOp read) {
  BufferType type = bufferType(read.getOutput());
  Value state = StateOp::create(builder, read.getLoc(), type, read.getStateAttr());
  if (stateDestinations->isOverwrittenWhileUsed(read)) {
    Value saved = ArenaOp::create(builder, read.getLoc(), type, ir::DimAttr());
    copy(read.getLoc(), state, saved);
    state = saved;
  }
  buffers[read.getOutput()] = state;
}

void FunctionLowering::lowerReturn(func::ReturnOp op) {
  for (auto [value, output] : llvm::zip_equal(op.getOperands(), outputs))
    if (destinations.lookup(rootOf(value)) != output)
      copy(op.getLoc(), buffers.at(value), output);
  ReturnOp::create(builder, op.getLoc());
}

LogicalResult FunctionLowering::lower(Operation &op) {
  if (auto read = dyn_cast<ir::ReadOp>(op)) {
    lowerRead(read);
  } else if (isa<ir::RequireOp>(op)) {
    // A condition of the whole function.
  } else if (auto write = dyn_cast<ir::WriteOp>(op)) {
    // A value that lies in the state itself is there already: had the state changed meanwhile, the value would have been saved.
    Value root = rootOf(write.getValue());
    auto source = root.getDefiningOp<ir::ReadOp>();
    bool isThere = source && writesBack(write, source) && buffers.at(root).getDefiningOp<StateOp>();
    if (!isThere && !stateDestinations->getComputed(write))
      copy(op.getLoc(), buffers.at(write.getValue()),
           StateOp::create(builder, op.getLoc(), bufferType(write.getValue()), write.getStateAttr()));
  } else if (auto load = dyn_cast<ir::LoadPreparedOp>(op)) {
    buffers[load.getOutput()] = PreparedOp::create(builder, op.getLoc(), bufferType(load.getOutput()), load.getSlotAttr());
  } else if (auto store = dyn_cast<ir::StorePreparedOp>(op)) {
    Value slot = slots[store.getSlot()];
    if (destinations.lookup(rootOf(store.getValue())) != slot)
      copy(op.getLoc(), buffers.at(store.getValue()), slot);
  } else if (auto constant = dyn_cast<ir::ConstantOp>(op)) {
    buffers[constant.getOutput()] =
        ConstantOp::create(builder, op.getLoc(), bufferType(constant.getOutput()), constant.getValue());
  } else if (auto reshape = dyn_cast<ir::ReshapeOp>(op)) {
    buffers[reshape.getOutput()] = viewAs(op.getLoc(), buffers.at(reshape.getInput()), bufferType(reshape.getOutput()));
  } else if (auto end = dyn_cast<func::ReturnOp>(op)) {
    lowerReturn(end);
  } else if (!isFolded(&op)) {
    return lowerCompute(op);
  }
  return success();
}

LogicalResult FunctionLowering::run() {
  if (!llvm::hasSingleElement(function.getBody()))
    return function.emitError() << "function '" << function.getSymName() << "' must have one block";
  if (failed(createFunction()))
    return failure();
  chooseDestinations();
  chooseStateDestinations();
  for (Operation &op : function.getBody().front())
    if (failed(lower(op)))
      return failure();
  function.erase();
  return success();
}

} // namespace

LogicalResult lowerFunction(func::FuncOp function, KernelTable &kernels, LoweringCounts &counts) {
  return FunctionLowering(function, kernels, counts).run();
}

} // namespace kiln::schedule
