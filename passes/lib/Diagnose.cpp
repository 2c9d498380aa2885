//===- Diagnose.cpp - warnings about valid programs -----------------------===//
//
// Defines nn-diagnose: layers in training mode in a program that trains nothing.
//
//===----------------------------------------------------------------------===//

#include "kiln/ir/Locations.h"
#include "kiln/ir/Ops.h"
#include "kiln/ir/Statistics.h"
#include "kiln/passes/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace kiln::passes {

static ir::Statistic numWarnings("nn-diagnose", "Number of entry functions warned about");

#define GEN_PASS_DEF_DIAGNOSEPASS
#include "kiln/passes/Passes.h.inc"

namespace {

/// Whether some function writes what only training writes, or returns a value without dimensions: a loss.
bool trainsAnything(ModuleOp module) {
  SymbolTable symbols(module);
  bool trains = false;
  module.walk([&](ir::WriteOp write) {
    auto state = symbols.lookup<ir::StateOp>(write.getState());
    trains |= state && (state.getTrainable() || state.getKind() == ir::StateKind::Optimizer);
  });
  for (auto function : module.getOps<func::FuncOp>())
    for (Type type : function.getResultTypes())
      if (auto tensor = dyn_cast<RankedTensorType>(type))
        trains |= tensor.getRank() == 0 && isa<FloatType>(tensor.getElementType());
  return trains;
}

/// "nn.batch_norm of 'net.1'".
std::string describe(Operation *op) {
  std::string text = op->getName().getStringRef().str();
  if (auto path = ir::modulePathOf(op->getLoc()); path && !path->empty())
    text += " of '" + path->str() + "'";
  return text;
}

struct Diagnose : impl::DiagnosePassBase<Diagnose> {
  void runOnOperation() override {
    markAllAnalysesPreserved();
    if (trainsAnything(getOperation()))
      return;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function->hasAttr(ir::NNDialect::kEntryAttrName))
        checkMode(function);
  }

  void checkMode(func::FuncOp function) {
    SmallVector<Operation *> training;
    bool evaluates = false;
    function.walk([&](Operation *op) {
      // Without running statistics, training mode is the only one there is.
      if (auto norm = dyn_cast<ir::BatchNormOp>(op)) {
        if (norm.getNewRunningMean())
          training.push_back(op);
        evaluates |= !norm.getTraining();
      } else if (auto dropout = dyn_cast<ir::DropoutOp>(op); dropout && dropout.getTraining() && !dropout.getP().isZero()) {
        training.push_back(op);
      }
    });
    // Dropout in training mode beside batch norms in evaluation mode is a choice (Monte Carlo dropout), not an
    // oversight.
    if (evaluates)
      llvm::erase_if(training, [](Operation *op) { return isa<ir::DropoutOp>(op); });
    if (training.empty())
      return;
    ++numWarnings;
    auto warning = training.front()->emitWarning()
                   << describe(training.front()) << " is in training mode in function '" << function.getSymName()
                   << "', and nothing in this program trains: "
                   << (isa<ir::BatchNormOp>(training.front())
                           ? "its output depends on the other rows of the batch, and every call changes its running statistics"
                           : "its output is different at every call");
    for (Operation *op : ArrayRef(training).drop_front())
      warning.attachNote(op->getLoc()) << describe(op) << " is in training mode too";
    warning.attachNote(function.getLoc()) << "call eval() on the model in the function '" << function.getSymName()
                                          << "' before using it";
  }
};

} // namespace
} // namespace kiln::passes
