//===- Build.h - Creating operations by name or with checks --------*- C++ -*-===//
//
// Creates operations of the semantics table from runtime data: the importer by name, passes by op class. Result types are inferred;
// operands that do not fit are an error at the given location, never a crash.
//
//===----------------------------------------------------------------------===//

#ifndef KILN_IR_BUILD_H
#define KILN_IR_BUILD_H

#include "kiln/ir/Ops.h"

namespace kiln::ir {

/// Creates operation `name` ("nn.linear") at the builder's insertion point. `operands` are in the semantics entry's order, null where
/// an optional one is absent (trailing ones may be left out). Returns null after reporting an error at `location` if there is no such
/// operation or its operands or attributes do not fit.
mlir::Operation *createOperation(mlir::OpBuilder &builder, mlir::Location location, llvm::StringRef name,
                                 llvm::ArrayRef<mlir::Value> operands, const semantics::Attributes &attributes = {});

/// The same by op class; null on an error.
template <class OpTy>
OpTy createOp(mlir::OpBuilder &builder, mlir::Location location, llvm::ArrayRef<mlir::Value> operands,
              const semantics::Attributes &attributes = {}) {
  return llvm::cast_if_present<OpTy>(createOperation(builder, location, OpTy::getOperationName(), operands, attributes));
}

/// Creates nn.constant with the tensor's values. `name` names the resource if it becomes one.
ConstantOp createConstant(mlir::OpBuilder &builder, mlir::Location location, const runtime::Tensor &value,
                          llvm::StringRef name = "constant");

} // namespace kiln::ir

#endif // KILN_IR_BUILD_H
