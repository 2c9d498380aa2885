//===- PassRemarks.h - remarks of this room's passes ------------*- C++ -*-===//
//
// Every fold or fusion, done or missed, is an MLIR remark: category the pass's command-line name, function the entry
// function, and the module path as an argument. When no remark engine is installed, a remark costs one null check.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_PASSES_LIB_PASSREMARKS_H
#define KILN_PASSES_LIB_PASSREMARKS_H

#include "kiln/ir/Locations.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Remarks.h"

namespace kiln::passes {

namespace detail {
inline mlir::remark::RemarkOpts remarkOptions(mlir::Operation *op, llvm::StringRef pass, llvm::StringRef name) {
  auto options = mlir::remark::RemarkOpts::name(name).category(pass);
  auto function = mlir::dyn_cast<mlir::func::FuncOp>(op);
  if (!function)
    function = op->getParentOfType<mlir::func::FuncOp>();
  return function ? options.function(function.getSymName()) : options;
}

inline mlir::remark::detail::InFlightRemark withModule(mlir::remark::detail::InFlightRemark remark, mlir::Operation *op) {
  if (remark)
    if (auto path = ir::modulePathOf(op->getLoc()); path && !path->empty())
      remark << mlir::remark::metric("Module", path->str());
  return remark;
}
} // namespace detail

/// Something was done at `op`; `name` says what in one word ("folded").
inline mlir::remark::detail::InFlightRemark passedRemark(mlir::Operation *op, llvm::StringRef pass, llvm::StringRef name) {
  return detail::withModule(mlir::remark::passed(op->getLoc(), detail::remarkOptions(op, pass, name)), op);
}

/// Something could have been done at `op` and was not; stream a `mlir::remark::reason` into it.
inline mlir::remark::detail::InFlightRemark missedRemark(mlir::Operation *op, llvm::StringRef pass, llvm::StringRef name) {
  return detail::withModule(mlir::remark::missed(op->getLoc(), detail::remarkOptions(op, pass, name)), op);
}

/// What is so at `op`, neither done nor missed.
inline mlir::remark::detail::InFlightRemark analysisRemark(mlir::Operation *op, llvm::StringRef pass, llvm::StringRef name) {
  return detail::withModule(mlir::remark::analysis(op->getLoc(), detail::remarkOptions(op, pass, name)), op);
}

} // namespace kiln::passes

#endif // KILN_PASSES_LIB_PASSREMARKS_H
