//===- FunctionLowering.h - one function to buffers and launches --*- C++ -*-===//
//
// Lowers the body of one function of the nn dialect. Kernels go to a table that all functions of a program share.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_SCHEDULE_LIB_FUNCTIONLOWERING_H
#define KILN_SCHEDULE_LIB_FUNCTIONLOWERING_H

#include "KernelForm.h"

#include "llvm/ADT/StringMap.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace kiln::schedule {

/// The kernels of a program, each once. Two forms are one kernel when everything but their name and location is equal.
class KernelTable {
public:
  explicit KernelTable(mlir::ModuleOp module) : module(module) {}

  /// The kernel of `form`, made if there is none yet. Takes the form's op.
  KernelOp intern(KernelForm &form);
  unsigned size() const { return byText.size(); }

private:
  mlir::ModuleOp module;
  llvm::StringMap<KernelOp> byText;
};

struct LoweringCounts {
  unsigned launches = 0, copies = 0;
};

/// Replaces `function` by a schedule.func of the same name.
mlir::LogicalResult lowerFunction(mlir::func::FuncOp function, KernelTable &kernels, LoweringCounts &counts);

} // namespace kiln::schedule

#endif // KILN_SCHEDULE_LIB_FUNCTIONLOWERING_H
