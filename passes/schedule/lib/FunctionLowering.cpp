//===- FunctionLowering.cpp - one function to buffers and launches --------===//
//
// Values become buffers. The walk is in program order; what must be known beforehand is found first: which values are computed in
// the caller's memory, and which states are overwritten while a value read from them is still in use.
//
//===----------------------------------------------------------------------===//

#include "FunctionLowering.h"

#include "AnchorTraits.h"
#include "SizeConditions.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"
#include "mlir/IR/Builders.h"

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
  bool isOverwrittenWhileUsed(ir::ReadOp read);

  LogicalResult lower(Operation &op);
  LogicalResult lowerCompute(Operation &op);
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
  /// Where a value is to be computed: an output or a prepared value.
  DenseMap<Value, Value> destinations;
  /// Outputs by number; in a prepare function, prepared values by slot name.
  SmallVector<Value> outputs;
  llvm::StringMap<Value> slots;
};

/// Follows reshapes back to the value whose memory this is.
Value rootOf(Value value) {
  while (auto reshape = value.getDefiningOp<ir::ReshapeOp>())
    value = reshape.getInput();
  return value;
}

/// Whether the value is computed by a launch, so that somebody may say where to.
bool isComputed(Value root) {
  Operation *op = root.getDefiningOp();
  return op && !isa<ir::ReadOp, ir::LoadPreparedOp, ir::ConstantOp>(op);
}

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

/// Whether the write puts back what was read from the same state, whatever shapes it took in between: a write that does nothing
/// unless another one came between the two.
bool writesBack(ir::WriteOp write, ir::ReadOp read) {
  return write.getState() == read.getState() && rootOf(write.getValue()) == read.getOutput();
}

/// Whether the function writes something else to the state between the read and the last use of the value that was read, reshapes of
/// it included.
bool FunctionLowering::isOverwrittenWhileUsed(ir::ReadOp read) {
  Operation *lastUse = read;
  SmallVector<Value> pending = {read.getOutput()};
  while (!pending.empty())
    for (Operation *user : pending.pop_back_val().getUsers()) {
      if (auto reshape = dyn_cast<ir::ReshapeOp>(user))
        pending.push_back(reshape.getOutput());
      if (lastUse->isBeforeInBlock(user))
        lastUse = user;
    }
  return llvm::any_of(function.getOps<ir::WriteOp>(), [&](ir::WriteOp write) {
    return write.getState() == read.getState() && !writesBack(write, read) && read->isBeforeInBlock(write) &&
           write->isBeforeInBlock(lastUse);
  });
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
  FailureOr<KernelForm> form = formOf(&op);
  if (failed(form))
    return failure();
  SmallVector<Value> reads, writes;
  for (Value operand : form->operands)
    reads.push_back(buffers.at(operand));
  for (Value result : op.getResults()) {
    Value destination = destinations.lookup(result);
    Value buffer = destination ? viewAs(op.getLoc(), destination, bufferType(result))
                               : ArenaOp::create(builder, op.getLoc(), bufferType(result), ir::DimAttr()).getBuffer();
    buffers[result] = buffer;
    writes.push_back(buffer);
  }
  launch(op.getLoc(), std::move(*form), reads, writes);
  return success();
}

void FunctionLowering::lowerRead(ir::ReadOp read) {
  BufferType type = bufferType(read.getOutput());
  Value state = StateOp::create(builder, read.getLoc(), type, read.getStateAttr());
  if (isOverwrittenWhileUsed(read)) {
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
    if (!(source && writesBack(write, source) && buffers.at(root).getDefiningOp<StateOp>()))
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
  } else {
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
