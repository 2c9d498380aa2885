//===- Diagnose.cpp - warnings about valid programs -----------------------===//
//
// Defines nn-diagnose: layers in training mode where nothing trains; parameters that training does not reach.
//
//===----------------------------------------------------------------------===//

#include "kiln/ir/Locations.h"
#include "kiln/ir/ModuleMarks.h"
#include "kiln/ir/Ops.h"
#include "kiln/ir/Statistics.h"
#include "kiln/passes/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace kiln::passes {

static ir::Statistic numWarnings("nn-diagnose", "Number of warnings");

#define GEN_PASS_DEF_DIAGNOSEPASS
#include "kiln/passes/Passes.h.inc"

namespace {

/// Whether some function asks for gradients or writes what only training writes.
bool changesParameters(func::FuncOp function, const SymbolTable &symbols) {
  return function
      .walk([&](Operation *op) {
        if (isa<ir::BackwardOp>(op))
          return WalkResult::interrupt();
        auto write = dyn_cast<ir::WriteOp>(op);
        auto state = write ? symbols.lookup<ir::StateOp>(write.getState()) : ir::StateOp();
        bool trains = state && (state.getTrainable() || state.getKind() == ir::StateKind::Optimizer ||
                                state.getKind() == ir::StateKind::Gradient);
        return trains ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

/// Whether it returns a value without dimensions.
bool returnsLoss(func::FuncOp function) {
  return llvm::any_of(function.getResultTypes(), [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.getRank() == 0 && isa<FloatType>(tensor.getElementType());
  });
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
    SymbolTable symbols(getOperation());
    SmallVector<func::FuncOp> quiet;
    bool trains = false, hasLoss = false;
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      bool changes = changesParameters(function, symbols);
      trains |= changes;
      hasLoss |= returnsLoss(function);
      if (!changes && !returnsLoss(function) && function->hasAttr(ir::NNDialect::kEntryAttrName))
        quiet.push_back(function);
    }
    // A program that returns a loss and trains nothing may be trained from outside, by calls of any of its functions.
    if (trains || !hasLoss)
      for (func::FuncOp function : quiet)
        checkMode(function, trains);
  }

  //===--------------------------------------------------------------------===//
  // Modes
  //===--------------------------------------------------------------------===//

  void checkMode(func::FuncOp function, bool programTrains) {
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
                   << (programTrains ? "', which trains nothing: " : "', and nothing in this program trains: ")
                   << (isa<ir::BatchNormOp>(training.front())
                           ? "its output depends on the other rows of the batch, and every call changes its running statistics"
                           : "its output is different at every call");
    for (Operation *op : ArrayRef(training).drop_front())
      warning.attachNote(op->getLoc()) << describe(op) << " is in training mode too";
    warning.attachNote(function.getLoc())
        << "call eval() on the model in the function '" << function.getSymName() << "' before using it"
        << (llvm::any_of(training, [&](Operation *op) { return isLooseDropout(op); })
                ? "; that reaches a Dropout that is registered with register_module, and F::dropout whose option training is "
                  "is_training()"
                : "");
  }

  /// Whether it is the dropout of a module that is none itself: F::dropout, or a Dropout that nobody has registered, which eval()
  /// may have passed by.
  bool isLooseDropout(Operation *op) {
    auto path = ir::modulePathOf(op->getLoc());
    return isa<ir::DropoutOp>(op) && path &&
           llvm::any_of(getOperation().getOps<ir::ModuleEntryOp>(), [&](ir::ModuleEntryOp entry) {
             return entry.getPath() == *path && !entry->hasAttr(ir::kDropoutModuleAttrName);
           });
  }
};

} // namespace
} // namespace kiln::passes
