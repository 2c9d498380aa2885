//===- TrainingOps.cpp - Gradients and optimizers of a program ----------------===//
//
// Builders and verifiers of nn.backward, nn.gradient and nn.optimizer.
//
//===----------------------------------------------------------------------===//

#include "kiln/ir/Ops.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace kiln::ir {

//===----------------------------------------------------------------------===//
// nn.backward
//===----------------------------------------------------------------------===//

void BackwardOp::build(OpBuilder &builder, OperationState &state, Value loss, Value gradient, ValueRange targets) {
  build(builder, state, TypeRange(targets.getTypes()), loss, gradient, targets);
}

LogicalResult BackwardOp::verify() {
  auto isFloating = [](Type type) { return isa<FloatType>(cast<RankedTensorType>(type).getElementType()); };
  auto loss = cast<RankedTensorType>(getLoss().getType());
  if (!isFloating(loss))
    return emitOpError("backward_c1: the loss is floating-point, found ") << loss;
  if (!getGradient() && !isOpenTensorType(loss) && !llvm::all_of(loss.getShape(), [](int64_t size) { return size == 1; }))
    return emitOpError("backward_c1: grad can be implicitly created only for scalar outputs; without a gradient the loss has one "
                       "element, found ")
           << loss;
  if (getGradient() && getGradient().getType() != loss)
    return emitOpError("backward_c2: the gradient has the loss's type ") << loss << ", found " << getGradient().getType();
  if (getTargets().empty())
    return emitOpError("backward_c3: there is no target");
  for (auto [index, target] : llvm::enumerate(getTargets()))
    if (!isFloating(target.getType()))
      return emitOpError("backward_c3: target ") << index << " is floating-point, found " << target.getType();
  if (getNumResults() != getTargets().size())
    return emitOpError("backward_c4: expected ") << getTargets().size() << " results, one a target, found " << getNumResults();
  for (auto [index, target, gradient] : llvm::enumerate(getTargets(), getGradients()))
    if (target.getType() != gradient.getType())
      return emitOpError("backward_c4: result ") << index << " has its target's type " << target.getType() << ", found "
                                                 << gradient.getType();
  return success();
}

//===----------------------------------------------------------------------===//
// Declarations
//===----------------------------------------------------------------------===//

namespace {

/// The state that `symbol` names if it is one of kind `kind`; null after an error that begins with `label`.
StateOp findState(Operation *op, StringRef label, FlatSymbolRefAttr symbol, StateKind kind, SymbolTableCollection &symbolTable) {
  auto state = symbolTable.lookupNearestSymbolFrom<StateOp>(op, symbol);
  if (!state) {
    op->emitOpError() << label << ": there is no nn.state " << symbol;
    return nullptr;
  }
  if (state.getKind() == kind)
    return state;
  InFlightDiagnostic diagnostic = op->emitOpError() << label << ": " << symbol << " is a state of kind "
                                                    << stringifyStateKind(kind) << ", found " << stringifyStateKind(state.getKind());
  diagnostic.attachNote(state.getLoc()) << "declared here";
  return nullptr;
}

/// Whether `state` has type `type`; reports if it has not.
LogicalResult requireType(Operation *op, StringRef label, StateOp state, RankedTensorType type) {
  if (state.getTensorType() == type)
    return success();
  InFlightDiagnostic diagnostic = op->emitOpError() << label << ": @" << state.getPath() << " has type " << type << ", found "
                                                    << state.getTensorType();
  diagnostic.attachNote(state.getLoc()) << "declared here";
  return diagnostic;
}

/// The first declaration before `op` of its own class for which `same` holds.
template <class OpTy> OpTy findBefore(OpTy op, llvm::function_ref<bool(OpTy)> same) {
  for (Operation *previous = op->getPrevNode(); previous; previous = previous->getPrevNode())
    if (auto other = dyn_cast<OpTy>(previous); other && same(other))
      return other;
  return nullptr;
}

} // namespace

LogicalResult GradientOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  StateOp parameter = findState(getOperation(), "gradient_c1", getParameterAttr(), StateKind::Parameter, symbolTable);
  if (!parameter)
    return failure();
  if (auto other = findBefore<GradientOp>(*this, [&](auto op) { return op.getParameterAttr() == getParameterAttr(); })) {
    InFlightDiagnostic diagnostic = emitOpError("gradient_c1: ") << getParameterAttr() << " has a gradient already";
    diagnostic.attachNote(other.getLoc()) << "this one";
    return diagnostic;
  }
  StateOp state = findState(getOperation(), "gradient_c2", getStateAttr(), StateKind::Gradient, symbolTable);
  if (!state || failed(requireType(getOperation(), "gradient_c2", state, parameter.getTensorType())))
    return failure();
  StateOp flags = findState(getOperation(), "gradient_c3", FlatSymbolRefAttr::get(getContext(), kFlagsPath), StateKind::Gradient,
                            symbolTable);
  if (!flags)
    return failure();
  RankedTensorType type = flags.getTensorType();
  if (type.getRank() != 1 || !type.getElementType().isInteger(1))
    return emitOpError("gradient_c3: @") << kFlagsPath << " has one dimension of i1, found " << type;
  if (static_cast<int64_t>(getFlag()) < 0 || static_cast<int64_t>(getFlag()) >= type.getDimSize(0))
    return emitOpError("gradient_c3: @") << kFlagsPath << " has " << type.getDimSize(0) << " flags, the gradient's is number "
                                         << static_cast<int64_t>(getFlag());
  if (auto other = findBefore<GradientOp>(*this, [&](auto op) { return op.getFlag() == getFlag(); })) {
    InFlightDiagnostic diagnostic = emitOpError("gradient_c3: flag ") << getFlag() << " is taken";
    diagnostic.attachNote(other.getLoc()) << "by this one";
    return diagnostic;
  }
  return success();
}

LogicalResult OptimizerOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  if (auto other = findBefore<OptimizerOp>(*this, [&](auto op) { return op.getNameAttr() == getNameAttr(); })) {
    InFlightDiagnostic diagnostic = emitOpError("optimizer_c1: the name ") << getNameAttr() << " is taken";
    diagnostic.attachNote(other.getLoc()) << "by this one";
    return diagnostic;
  }
  llvm::SmallPtrSet<Operation *, 16> held;
  Builder builder(getContext());
  for (auto group : getGroups().getAsRange<ParameterGroupAttr>()) {
    SmallVector<StateOp> parameters;
    for (FlatSymbolRefAttr symbol : group.getParameters()) {
      StateOp parameter = findState(getOperation(), "optimizer_c3", symbol, StateKind::Parameter, symbolTable);
      if (!parameter)
        return failure();
      if (!held.insert(parameter).second)
        return emitOpError("optimizer_c3: ") << symbol << " is in the groups twice";
      parameters.push_back(parameter);
    }
    StateOp rate = findState(getOperation(), "optimizer_c4", group.getLearningRate(), StateKind::Hyperparameter, symbolTable);
    if (!rate || failed(requireType(getOperation(), "optimizer_c4", rate, RankedTensorType::get({}, builder.getF64Type()))))
      return failure();
    for (SlotAttr slot : group.getSlots()) {
      if (slot.getStates().size() != parameters.size())
        return emitOpError("optimizer_c5: slot ") << slot.getName() << " has " << slot.getStates().size() << " entries for "
                                                  << parameters.size() << " parameters";
      for (auto [parameter, entry] : llvm::zip_equal(parameters, slot.getStates())) {
        auto symbol = dyn_cast<FlatSymbolRefAttr>(entry);
        if (!symbol)
          continue; // unit: the parameter has none.
        StateOp state = findState(getOperation(), "optimizer_c5", symbol, StateKind::Optimizer, symbolTable);
        if (!state || failed(requireType(getOperation(), "optimizer_c5", state, parameter.getTensorType())))
          return failure();
      }
    }
  }
  StateOp steps = findState(getOperation(), "optimizer_c2", getStepsAttr(), StateKind::Optimizer, symbolTable);
  if (!steps)
    return failure();
  return requireType(getOperation(), "optimizer_c2", steps,
                     RankedTensorType::get({static_cast<int64_t>(held.size())}, builder.getF32Type()));
}

} // namespace kiln::ir
