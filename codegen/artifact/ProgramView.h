//===- ProgramView.h - A scheduled module, indexed as the ABI does -*- C++ -*-===//
//
// Defines ProgramView: the functions, states and prepared values of a scheduled module, in the order and with the indices of
// the artifact's descriptor. The descriptor and the header are both written from it.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_CODEGEN_PROGRAMVIEW_H
#define KILN_CODEGEN_PROGRAMVIEW_H

#include "kiln/ir/Ops.h"
#include "kiln/schedule/Schedule.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SetVector.h"

#include <string>
#include <vector>

namespace kiln::codegen {

/// An input or output of a function.
struct ArgumentView {
  std::string name;
  schedule::BufferType type;

  runtime::DType getDType() const;
  /// "[batch, 784]".
  std::string getShapeText() const;
};

/// A step of a function; the counts are expressions in its symbols.
struct LaunchView {
  std::string kernel, module, flops, bytes;
};

struct FunctionView {
  std::string name;
  std::vector<std::string> symbols;
  std::vector<ArgumentView> inputs, outputs;
  llvm::SetVector<uint32_t> reads, writes, prepared;
  std::vector<std::string> conditions; // what to say where one does not hold
  std::vector<LaunchView> launches;    // in their order
};

struct PrepareView {
  std::string name;
  int64_t arenaBytes = 0;
  llvm::SetVector<uint32_t> sources;
  std::vector<uint32_t> targets;
};

struct ProgramView {
  /// `module` must have passed the verifier and `schedule-plan-memory`.
  explicit ProgramView(mlir::ModuleOp module);

  std::string name;
  std::vector<ir::StateOp> states;
  std::vector<ir::StateNameOp> stateNames;
  std::vector<ir::PreparedOp> prepared;
  std::vector<ir::ModuleEntryOp> modules;
  std::vector<ir::GradientOp> gradients; // by flag
  std::vector<ir::OptimizerOp> optimizers;
  std::vector<FunctionView> functions;
  std::vector<PrepareView> prepares;

  llvm::DenseMap<mlir::StringAttr, uint32_t> stateIndex, preparedIndex;
  /// Indices of the state with the gradients' flags and of the random numbers' generator; -1 where there is none.
  int32_t gradientFlags = -1, generator = -1;

  /// The index of the state that a symbol names.
  uint32_t indexOf(mlir::FlatSymbolRefAttr state) const { return stateIndex.lookup(state.getAttr()); }

private:
  void addFunction(schedule::FuncOp op);
  void addPrepare(schedule::FuncOp op);
};

} // namespace kiln::codegen

#endif // KILN_CODEGEN_PROGRAMVIEW_H
