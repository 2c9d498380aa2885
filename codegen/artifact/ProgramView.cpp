//===- ProgramView.cpp - A scheduled module, indexed as the ABI does ------===//
//
// Implements ProgramView.
//
//===----------------------------------------------------------------------===//

#include "ProgramView.h"

#include "kiln/ir/Locations.h"
#include "kiln/ir/Types.h"
#include "kiln/schedule/LaunchWork.h"

using namespace mlir;
using namespace kiln;
using namespace kiln::codegen;

runtime::DType ArgumentView::getDType() const {
  // The verifier of !schedule.buffer admits the dialect's element types only.
  return *ir::toDType(type.getElementType());
}

std::string ArgumentView::getShapeText() const { return "[" + type.getShape().getText() + "]"; }

/// The op that says where a buffer lies, behind any views.
static Operation *placeOf(Value buffer) {
  while (auto view = buffer.getDefiningOp<schedule::ViewOp>())
    buffer = view.getSource();
  return buffer.getDefiningOp();
}

ProgramView::ProgramView(ModuleOp module) {
  if (auto programName = module->getAttrOfType<StringAttr>("nn.program"))
    name = programName.str();
  for (auto state : module.getOps<ir::StateOp>()) {
    stateIndex[state.getSymNameAttr()] = states.size();
    if (state.getKind() == ir::StateKind::Generator)
      generator = static_cast<int32_t>(states.size());
    if (state.getKind() == ir::StateKind::Gradient && state.getPath() == ir::GradientOp::kFlagsPath)
      gradientFlags = static_cast<int32_t>(states.size());
    states.push_back(state);
  }
  for (auto slot : module.getOps<ir::PreparedOp>()) {
    preparedIndex[slot.getSymNameAttr()] = prepared.size();
    prepared.push_back(slot);
  }
  llvm::append_range(stateNames, module.getOps<ir::StateNameOp>());
  llvm::append_range(modules, module.getOps<ir::ModuleEntryOp>());
  llvm::append_range(gradients, module.getOps<ir::GradientOp>());
  llvm::sort(gradients, [](ir::GradientOp x, ir::GradientOp y) { return x.getFlag() < y.getFlag(); });
  llvm::append_range(optimizers, module.getOps<ir::OptimizerOp>());
  for (auto func : module.getOps<schedule::FuncOp>())
    func.isPrepare() ? addPrepare(func) : addFunction(func);
}

void ProgramView::addFunction(schedule::FuncOp op) {
  FunctionView view;
  view.name = op.getSymName().str();
  for (Attribute symbol : op.getSymbols())
    view.symbols.push_back(cast<StringAttr>(symbol).str());
  if (ArrayAttr conditions = op.getConditionsAttr())
    for (auto [i, condition] : llvm::enumerate(conditions)) {
      ArrayAttr messages = op.getMessagesAttr();
      view.conditions.push_back(messages && i < messages.size()
                                    ? cast<StringAttr>(messages[i]).str()
                                    : cast<ir::DimAttr>(condition).getText().str() + " must not be negative");
    }
  auto place = [](std::vector<ArgumentView> &arguments, int64_t index, llvm::StringRef argumentName,
                  schedule::BufferType type) {
    if (arguments.size() <= static_cast<std::size_t>(index))
      arguments.resize(index + 1);
    arguments[index] = {argumentName.str(), type};
  };
  // A state that is only written needs no value before the call.
  auto addStates = [&](llvm::SetVector<uint32_t> &states, ValueRange buffers) {
    for (Value buffer : buffers)
      if (auto state = dyn_cast_or_null<schedule::StateOp>(placeOf(buffer)))
        states.insert(stateIndex.lookup(state.getStateAttr().getAttr()));
  };
  op.walk([&](Operation *inner) {
    if (auto input = dyn_cast<schedule::InputOp>(inner))
      place(view.inputs, input.getIndex(), input.getName(), input.getBuffer().getType());
    else if (auto output = dyn_cast<schedule::OutputOp>(inner))
      place(view.outputs, output.getIndex(), output.getName(), output.getBuffer().getType());
    else if (auto slot = dyn_cast<schedule::PreparedOp>(inner))
      view.prepared.insert(preparedIndex.lookup(slot.getSlotAttr().getAttr()));
    else if (auto launch = dyn_cast<schedule::LaunchOp>(inner)) {
      addStates(view.reads, launch.getReads());
      addStates(view.writes, launch.getWrites());
      schedule::LaunchWork work = schedule::workOf(launch);
      view.launches.push_back({launch.getKernel().str(), ir::modulePathOf(launch.getLoc()).value_or("").str(), work.flops.text(),
                               work.bytes.text()});
    }
  });
  functions.push_back(std::move(view));
}

void ProgramView::addPrepare(schedule::FuncOp op) {
  PrepareView view;
  view.name = op.getSymName().str();
  if (ir::DimAttr bytes = op.getArenaBytesAttr())
    view.arenaBytes = bytes.getConstant().value_or(0); // a prepare function has no symbols
  for (Attribute target : op.getTargetsAttr()) {
    uint32_t index = preparedIndex.lookup(cast<FlatSymbolRefAttr>(target).getAttr());
    view.targets.push_back(index);
    for (Attribute source : prepared[index].getSourcesAttr())
      view.sources.insert(stateIndex.lookup(cast<FlatSymbolRefAttr>(source).getAttr()));
  }
  prepares.push_back(std::move(view));
}
